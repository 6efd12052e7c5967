// One way from noise to picture as three aligned rows: the noisy picture, the predicted clean one and the predicted noise, large at the present moment and small beside.

import { make } from "./dom.js";
import { paintBytes } from "./errormap.js";
import { formula } from "./formula.js";
import { sweeps } from "./sweep.js";

const ROWS = { x: ["x_t", "the picture so far"], x0: ["x̂_0", "the clean picture that the net predicts"], noise: ["ε̂", "the noise that the net predicts"] };

/**
 * @param {{name: string, onScrub: (place: number, done: boolean) => void, onOpen: (row: number) => void}} hooks name: in the test ids; place: 0 the noise, 1 the picture; onOpen: which seed was pressed
 * @returns {{element: HTMLElement, tile: (count: number) => void, become: (trajectory: import("./trajectory.js").Trajectory, moments: number[]|null) => void, show: (k: number, seed: number) => void}}
 */
export function createTrackRows({ name, onScrub, onOpen }) {
  const title = make("strong"), state = make("span", { class: "lp-fact lp-trackstate", role: "status", "data-testid": `${name}-state`, "data-state": "none" });
  const bar = make("progress", { class: "lp-trackbar", max: 1, value: 0, "aria-label": "Steps that are computed" }), now = make("output", { class: "lp-trackt", "aria-live": "off" });
  const times = make("div", { class: "lp-tracktimes", "aria-hidden": "true" });
  const rows = Object.entries(ROWS).map(([what, [symbol, words]]) => {
    const large = make("div", { class: "lp-tracknow" }), strip = make("div", { class: "lp-trackstrip" }), cursor = make("i", { class: "lp-trackcursor", "aria-hidden": "true" }), track = make("div", { class: "lp-tracktiles" }, strip, cursor);
    sweeps(track, (event, box, done) => onScrub(placeIn(box, event), done));
    return { what, words, large, strip, cursor, element: make("div", { class: "lp-trackrow", "data-row": what }, make("div", { class: "lp-trackname" }, formula(symbol), make("small", {}, words)), large, track) };
  });
  const element = make("section", { class: "lp-track3", "data-testid": name, "data-frames": "0", "data-frame": "-1" }, make("div", { class: "lp-trackhead" }, title, state, now), bar, ...rows.map((row) => row.element),
    make("div", { class: "lp-trackrow lp-trackfoot" }, make("span"), make("span"), times));
  let trajectory = null, moments = null, tiles = 8, columns = [], laid = 0, shown = -1, seed = 0;

  const placeIn = (box, { clientX }) => Math.min(1, Math.max(0, (clientX - box.left - box.width / tiles / 2) / (box.width * (1 - 1 / tiles))));

  /** How many pictures a row has at most. */
  function tile(count) {
    tiles = count;
    if (trajectory) lay();
  }

  /** Empty places for all that will come. */
  function lay() {
    const { steps, n, model } = trajectory, [, height, width] = model.image_shape;
    const count = Math.min(tiles, steps + 1);
    columns = Array.from({ length: count }, (_, k) => ({ wish: Math.round(k / (count - 1) * steps), frame: -1 }));
    element.style.setProperty("--tiles", count);
    element.style.setProperty("--seeds", n);
    for (const row of rows) {
      row.tiles = columns.map(() => make("canvas", { width, height, "data-frame": "-1" }));
      row.strip.replaceChildren(...row.tiles);
      row.pictures = Array.from({ length: n }, (_, k) => make("canvas", { width, height, class: "lp-noisepicture", "data-testid": `${name}-${row.what}-${k}`, role: "img" }));
      row.large.replaceChildren(...row.pictures.map((canvas, k) => (n > 1 ? make("button", { class: "lp-seedbutton", "aria-label": `Seed number ${k + 1}: ${row.words}`, onclick: () => onOpen(k) }, canvas) : canvas)));
    }
    times.replaceChildren(...columns.map(() => make("small")));
    fillStrip();
    shown = -1;
  }

  /** A little more is there. @param {number[]|null} aligned moments t of the columns of another way that this one follows */
  function become(next, aligned) {
    const fresh = next !== trajectory || next.steps !== laid;
    [trajectory, moments, laid] = [next, aligned, next.steps];
    if (fresh) lay();
    const { frames, steps, state: how, manner, problem } = trajectory, of = `${Math.min(frames.length, steps)} of ${steps} steps`;
    title.textContent = inWords(manner);
    state.textContent = { waiting: "It takes a while; press Begin.", running: frames.length ? of : "asking …", done: `${steps} steps`, stopped: `stopped after ${of}; what is there stays`, failed: problem }[how];
    state.dataset.state = how;
    element.dataset.frames = frames.length;
    bar.value = Math.min(1, frames.length / steps);
    bar.classList.toggle("over", how !== "running");
    fillStrip();
  }

  function fillStrip() {
    if (!trajectory) return;
    const { frames, steps } = trajectory, whole = trajectory.state === "done";
    columns.forEach((column, k) => {
      const wish = moments && frames.length ? (whole || frames.at(-1).t <= moments[k] ? trajectory.near(moments[k] ?? 0) : -1) : column.wish < frames.length ? column.wish : -1;
      if (wish < 0 || (column.frame === wish && column.seed === seed)) return;
      Object.assign(column, { frame: wish, seed });
      for (const row of rows) {
        paintBytes(row.tiles[k], trajectory.picture(wish, row.what, seed), trajectory.model.image_shape);
        row.tiles[k].dataset.frame = wish;
      }
      times.children[k].textContent = `t = ${frames[wish].t}`;
    });
    element.dataset.steps = steps;
  }

  /** The moment that is large, and the seed that the strip is of. @param {number} k number of the frame */
  function show(k, ofSeed) {
    if (!trajectory || k < 0) return;
    if (ofSeed !== seed) { seed = ofSeed; fillStrip(); }
    const { frames, n } = trajectory, frame = frames[k], place = moments ? placeOf(frame.t) : k / Math.max(1, trajectory.steps);
    now.replaceChildren(formula(`t = ${frame.t}`));
    element.dataset.frame = k;
    element.style.setProperty("--at", place);
    rows.forEach((row) => row.pictures.forEach((canvas, of) => {
      if (shown !== k || canvas.dataset.of !== `${k}`) paintBytes(canvas, trajectory.picture(k, row.what, of), trajectory.model.image_shape);
      canvas.dataset.of = k;
      canvas.setAttribute("aria-label", `${row.words}${n > 1 ? `, seed number ${of + 1}` : ""}, at t = ${frame.t}`);
      canvas.classList.toggle("at", n > 1 && of === seed);
      if (n > 1) canvas.parentElement.setAttribute("aria-pressed", String(of === seed));
    }));
    shown = k;
  }

  /** Where a moment lies among the columns of the other way. */
  function placeOf(t) {
    const k = moments.findIndex((one) => one <= t), last = moments.length - 1;
    if (k <= 0) return k < 0 ? 1 : 0;
    return (k - (t - moments[k]) / Math.max(1e-9, moments[k - 1] - moments[k])) / last;
  }

  /** The moments t of the columns, for a way that is to be aligned under this one. */
  const columnMoments = () => (trajectory?.state === "done" ? columns.map(({ wish }) => trajectory.frames[wish].t) : null);
  return { element, tile, become, show, columnMoments };
}

const NAMES = { "dpm++": "DPM-Solver++ 2M", ddim: "DDIM", ddpm: "DDPM", heun: "Heun", midpoint: "Midpoint", euler: "Euler" };
/** A sampler as people write it. */
export const samplerName = (name) => NAMES[name] ?? name;
/** @param {import("./trajectory.js").Manner} manner */
export const inWords = ({ sampler, eta, guidance }) => [samplerName(sampler), sampler === "ddim" && `η = ${eta}`, guidance !== null && `guidance ${guidance}`].filter(Boolean).join(" · ");
