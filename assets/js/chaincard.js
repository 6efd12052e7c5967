// The card of the chain: one step of it with its pictures and its equation, beside the closed form, and what is measured of both.

import { make } from "./dom.js";
import { paintBytes } from "./errormap.js";
import { formula, inMath } from "./formula.js";
import { bytesFrom, closedForm, createChain, foretold, measured } from "./noising.js";
import { KINDS } from "./schedules.js";

const BUSY = 7; // milliseconds of a frame that the chain may walk
const NOISE_REACH = 3; // standard deviations of noise that are shown as white

/**
 * @param {{schedules: Object<string, import("./schedules.js").Schedule>, onKind: (kind: string) => void, onStep: (by: number) => void}} hooks
 * @returns {{element: HTMLElement, become: (subject: {clean: Float32Array, noise: Float32Array, seed: number, shape: number[]}|null) => void, show: (kind: string, t: number) => void, pause: () => void}}
 */
export function createChainCard({ schedules, onKind, onStep }) {
  const tile = (name, caption) => {
    const canvas = make("canvas", { class: "lp-noisepicture", role: "img", "data-testid": `chain-${name}` }), words = make("figcaption");
    words.append(caption ? formula(caption) : "");
    return { canvas, words, element: make("figure", { class: "lp-chaintile" }, canvas, words) };
  };
  const before = tile("before"), fresh = tile("fresh"), now = tile("now"), jump = tile("jump");
  const sign = (text) => make("span", { class: "lp-chainsign", "aria-hidden": "true" }, text);
  const kinds = Object.entries(KINDS).map(([kind, [title]]) => make("button", { class: "lp-toggle", "data-kind": kind, onclick: () => onKind(kind) }, title));
  const equation = make("div", { class: "lp-numbers", "data-testid": "chain-numbers" }), stands = make("span", { class: "lp-fact lp-chainstands", role: "status", "data-testid": "chain-stands" });
  const table = make("table", { class: "lp-measured", "data-testid": "chain-measured" }), sentence = make("p", { class: "lp-fact", "data-testid": "chain-sentence" });
  const element = make("section", { class: "lp-card lp-chain", "data-testid": "chain", "aria-busy": "true" }, make("h2", {}, "Step by step: the same noise as a Markov chain"),
    make("div", { class: "lp-row lp-chainbar" }, make("span", { class: "lp-kinds2", role: "group", "aria-label": "Schedule of the chain" }, ...kinds),
      make("span", { class: "lp-chainsteps" }, make("button", { class: "lp-button", title: "One step back", "aria-label": "One step back", onclick: () => onStep(-1) }, "−1 step"),
        make("button", { class: "lp-button", title: "One step on", "aria-label": "One step on", onclick: () => onStep(1) }, "+1 step")), stands),
    make("div", { class: "lp-chainbody" },
      make("div", { class: "lp-chainstep" }, make("div", { class: "lp-chaintiles" }, before.element, sign("+"), fresh.element, sign("="), now.element, make("span", { class: "lp-chainor" }, "or at once"), jump.element), equation),
      make("div", { class: "lp-chainsays" }, table, sentence)));
  let subject = null, chain = null, kind = "cosine", t = 0, frame = 0;

  function become(next) {
    [subject, chain] = [next, null];
    if (!subject) pause();
  }

  /** The chain goes towards a moment; what it stands at is shown in every frame. */
  function show(nextKind, nextT) {
    if (nextKind !== kind) chain = null;
    [kind, t] = [nextKind, nextT];
    for (const button of kinds) button.setAttribute("aria-pressed", String(button.dataset.kind === kind));
    if (!subject) return;
    element.setAttribute("aria-busy", "true");
    frame ||= requestAnimationFrame(walk);
  }

  function walk() {
    frame = 0;
    chain ??= createChain(subject.clean, schedules[kind], subject.seed);
    const there = chain.walk(t, BUSY);
    draw();
    if (there) return element.setAttribute("aria-busy", "false");
    frame = requestAnimationFrame(walk);
    return undefined;
  }

  function draw() {
    const { clean, noise, shape } = subject, schedule = schedules[kind], at = chain.t, size = clean.length, beta = schedule.betas[at], stays = inMath(Math.sqrt(1 - beta), 4), comes = inMath(Math.sqrt(beta), 4), closed = closedForm(clean, schedule, at, noise);
    const show = ({ canvas, words }, numbers, reach, name, said) => {
      paintBytes(canvas, bytesFrom(numbers, reach), shape);
      words.replaceChildren(formula(name));
      canvas.setAttribute("aria-label", said);
    };
    show(before, chain.before, 1, `${stays} · x_{${Math.max(0, at - 1)}}`, "The picture before the step");
    show(fresh, chain.fresh, NOISE_REACH, `${comes} · ε_{${at}}`, "The noise of this step");
    show(now, chain.x.subarray(0, size), 1, `x_{${at}}`, "The picture after the step, by the chain");
    show(jump, closed.subarray(0, size), 1, `x_{${at}}`, "The picture at this moment, in closed form");
    equation.replaceChildren(formula("x_t = √(1 − β_t) x_{t − 1} + √(β_t) ε_t"), at
      ? formula(`x_{${at}} = ${stays} · x_{${at - 1}} + ${comes} · ε_{${at}}`) : make("span", { class: "lp-fact" }, "At t = 0 no step has been taken yet."));
    stands.textContent = at === t ? `The chain stands at t = ${at}.` : `The chain cannot jump: it is at t = ${at} of ${t}.`;
    compare(foretold(clean, schedule, at), measured(closed), measured(chain.x), noise.length / size, size);
  }

  function compare(law, closed, walked, draws, size) {
    const row = (name, { mean, spread }, title) => make("tr", { title: title ?? null }, make("th", { scope: "row" }, name), make("td", {}, inMath(mean)), make("td", {}, inMath(spread)));
    table.replaceChildren(make("thead", {}, make("tr", {}, make("th", {}, `${draws} draws × ${size.toLocaleString("en")} numbers`), make("th", { scope: "col" }, "mean"), make("th", { scope: "col" }, "standard deviation"))),
      make("tbody", {}, row("the formula says", law), row("closed form", closed), row("chain", walked)));
    const apart = Math.max(Math.abs(closed.mean - walked.mean), Math.abs(closed.spread - walked.spread));
    sentence.textContent = `Both ways draw other noise, yet from the same distribution: mean √ᾱ·x₀, variance 1 − ᾱ in every pixel. Here they differ by at most ${apart.toFixed(3)}, as chance makes ${draws} draws differ.`;
  }

  function pause() {
    cancelAnimationFrame(frame);
    frame = 0;
  }
  return { element, become, show, pause };
}
