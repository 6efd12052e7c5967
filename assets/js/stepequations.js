// One step of a sampler as its paper writes it, and with the numbers of the moment: DDIM, DDPM, DPM-Solver++ 2M, and solvers of flow matching.

import { inMath } from "./formula.js";

/**
 * @typedef {{name: string, symbol: string, words: string, values: Float64Array, shown?: Uint8Array, reach: number}} Quantity values in [-1, 1], of noise in standard deviations;
 *   shown: the picture of it that the server sent, where it sent one; reach: the value that is white
 * @typedef {{source: string, lines: string[], numbers: string[], note: string, quantities: Quantity[], factors: [string, number][]}} Update lines and numbers as formula() reads them
 */
const NOISE = 3; // standard deviations that bytes of noise reach
const two = (value) => inMath(value, 3);
const plus = (value, name) => `${value < 0 ? "−" : "+"} ${inMath(Math.abs(value))} · ${name}`;
const FIRST_ORDER = "The first and the last step of DPM-Solver++ 2M have no second prediction to go by: they are DDIM without fresh noise.";
const CUT = "x̂₀ is cut to between black and white, and ε̂ is what then remains of xₜ.";

const combined = (...parts) => Float64Array.from(parts[0][1], (_, i) => parts.reduce((sum, [factor, values]) => sum + factor * values[i], 0));

/**
 * @param {import("./trajectory.js").Trajectory} trajectory of one picture or more @param {number} k number of the frame that the step leads away from, not the last @param {number} row which picture
 * @returns {Update}
 */
export function updateAt(trajectory, k, row) {
  const frame = trajectory.frames[k], before = trajectory.frames[k - 1] ?? null, { sampler } = trajectory.manner;
  const bytes = (what, at = k) => (trajectory.frames[at][what] ? trajectory.picture(at, what, row) : undefined);
  const read = (what, reach, at = k) => Float64Array.from(bytes(what, at) ?? [], (value) => reach * (value / 127.5 - 1));
  const x0 = read("x0", 1), noise = read("noise", NOISE), { alpha: a, sigma: s, spread, t, next } = frame, { alpha: a2, sigma: s2, t: t2 } = next;
  const x = combined([a, x0], [s, noise]), parts = { k, x, x0, noise, bytes, read, a, s, a2, s2, t, t2, spread, before };
  const kind = { ddim, ddpm, "dpm++": before && t2 ? dpm : first }[sampler] ?? solver;
  const { mean, ...told } = kind(parts), fresh = spread && bytes("fresh") ? read("fresh", NOISE) : null;
  const quantity = (name, symbol, words, values, shown, reach = 1) => ({ name, symbol, words, values, shown, reach });
  const quantities = [
    quantity("x", `x_{${t}}`, "now", x, bytes("x")), quantity("noise", "ε̂", "predicted noise", noise, bytes("noise"), NOISE), quantity("x0", "x̂_0", "predicted picture", x0, bytes("x0")),
    ...(told.more ?? []), quantity("mean", "μ", "where it leads", mean, bytes("mean")),
    ...(fresh ? [quantity("fresh", "ε", "fresh noise", fresh, bytes("fresh"), NOISE)] : []),
    quantity("next", `x_{${t2}}`, "next", fresh ? combined([1, mean], [spread, fresh]) : mean, trajectory.frames[k + 1] && trajectory.picture(k + 1, "x", row)),
  ];
  const factors = [[`√(ᾱ_{${t}})`, a], [`√(1 − ᾱ_{${t}})`, s], [`√(ᾱ_{${t2}})`, a2], [`√(1 − ᾱ_{${t2}})`, s2], ["\"spread\"", spread], ...(told.factors ?? [])];
  return { note: "", ...told, quantities, factors };
}

const predicted = ({ a, s, t }) => [`x̂_0 = {x_t − √(1 − ᾱ_t) ε̂ / √(ᾱ_t)}`, `x̂_0 = {x_{${t}} − ${two(s)} · ε̂ / ${two(a)}}`];

/** Song et al. 2020, equation 12. */
function ddim(parts) {
  const { a2, s2, t2, spread, x0, noise } = parts, [line, numbers] = predicted(parts), direction = Math.sqrt(Math.max(0, s2 ** 2 - spread ** 2));
  return {
    source: "DDIM: Song et al. 2020, equation 12", note: CUT, mean: combined([a2, x0], [direction, noise]),
    lines: [line, "x_{t − 1} = √(ᾱ_{t − 1}) x̂_0 + √(1 − ᾱ_{t − 1} − σ_t^2) ε̂ + σ_t ε"],
    numbers: [numbers, `x_{${t2}} = ${two(a2)} · x̂_0 ${plus(direction, "ε̂")} ${plus(spread, "ε")}`],
  };
}

/** Ho et al. 2020, equation 7: the mean and the spread of what lies between x_t and the predicted picture. */
function ddpm(parts) {
  const { a, s, a2, s2, t, t2, spread, x, x0 } = parts, [line, numbers] = predicted(parts), beta = 1 - (a / a2) ** 2, ofPicture = a2 * beta / s ** 2, ofNow = a / a2 * s2 ** 2 / s ** 2;
  return {
    source: "DDPM: Ho et al. 2020, equation 7", note: `${CUT} β is that of the whole way from t = ${t} to t = ${t2}.`, mean: combined([ofPicture, x0], [ofNow, x]),
    lines: [line, "x_{t − 1} = {√(ᾱ_{t − 1}) β_t / 1 − ᾱ_t} x̂_0 + {√(1 − β_t) (1 − ᾱ_{t − 1}) / 1 − ᾱ_t} x_t + √({1 − ᾱ_{t − 1} / 1 − ᾱ_t} β_t) ε"],
    numbers: [numbers, `x_{${t2}} = ${two(ofPicture)} · x̂_0 ${plus(ofNow, `x_{${t}}`)} ${plus(spread, "ε")}`], factors: [["β", beta]],
  };
}

const first = (parts) => ({ ...ddim(parts), note: `${FIRST_ORDER} ${CUT}` });

/** Lu et al. 2022, algorithm 2: the prediction before tells where the predictions are heading. */
function dpm(parts) {
  const { a, s, a2, s2, t, t2, x, x0, before, read } = parts, [line, numbers] = predicted(parts), log = (alpha, sigma) => Math.log(alpha / sigma);
  const [was, now, then] = [log(before.alpha, before.sigma), log(a, s), log(a2, s2)], lead = (then - now) / (2 * (now - was)), grown = Math.expm1(now - then);
  const earlier = Float64Array.from(read("x0", 1, parts.k - 1)), ahead = combined([1 + lead, x0], [-lead, earlier]);
  return {
    source: "DPM-Solver++ 2M: Lu et al. 2022, algorithm 2", note: "h is the step in λ = log √(ᾱ / (1 − ᾱ)), and r that of the step before as a share of it: D goes on as the last two predictions went.",
    mean: combined([s2 / s, x], [-a2 * grown, ahead]),
    lines: [line, "D = (1 + {1 / 2 r}) x̂_0 − {1 / 2 r} x̂_0′", "x_{t − 1} = {σ_{t − 1} / σ_t} x_t − α_{t − 1} (e^{− h} − 1) D"],
    numbers: [numbers, `D = ${two(1 + lead)} · x̂_0 ${plus(-lead, "x̂_0′")}`, `x_{${t2}} = ${two(s2 / s)} · x_{${t}} ${plus(-a2 * grown, "D")}`],
    factors: [["h", then - now], ["r", (now - was) / (then - now)]],
    more: [{ name: "earlier", symbol: "x̂_0′", words: "predicted before", values: earlier, reach: 1 }, { name: "ahead", symbol: "D", words: "looking ahead", values: ahead, reach: 1 }],
  };
}

/** Flow matching: along the velocity, noise - picture; what a solver of second order makes of its second look, the server alone knows. */
function solver({ s, s2, t2, t, x, x0, noise, bytes, read }) {
  const sent = bytes("mean"), straight = combined([1, x], [s2 - s, combined([1, noise], [-1, x0])]);
  return {
    source: "Flow matching: Lipman et al. 2022", note: sent ? "Solvers of second order take the mean of two velocities on this step; v is the first." : "", mean: sent ? read("mean", 1) : straight,
    lines: ["v = ε̂ − x̂_0", "x_s = x_t + (s − t) v"], numbers: [`x_{${t2}} = x_{${t}} ${plus(s2 - s, "v")}`],
  };
}
