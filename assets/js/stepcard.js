// One step, opened: every quantity of its update as a picture and as a number, under the equation of its paper.

import { make } from "./dom.js";
import { paintBytes } from "./errormap.js";
import { formula, inMath } from "./formula.js";
import { bytesFrom, measured } from "./noising.js";
import { updateAt } from "./stepequations.js";

const VELOCITY = "v̂ = {ε̂ − √(1 − ᾱ_t) x_t / √(ᾱ_t)}"; // what the net says of x_t (Salimans & Ho 2022), from which the noise was read

/** @param {() => void} onClose @returns {{element: HTMLElement, show: (trajectory: import("./trajectory.js").Trajectory, k: number, row: number, whose: string) => void, wait: (words: string) => void}} */
export function createStepCard(onClose) {
  const heading = make("h2"), source = make("p", { class: "lp-fact" }), lines = make("div", { class: "lp-steplines", "data-testid": "step-equations" }), note = make("p", { class: "lp-fact lp-stepnote" });
  const tiles = make("div", { class: "lp-steptiles", role: "group", "aria-label": "Quantities of this step" }), factors = make("div", { class: "lp-stepfactors", "data-testid": "step-factors" });
  const marked = make("p", { class: "lp-fact", role: "status", "data-testid": "step-pixel" });
  const element = make("section", { class: "lp-card lp-stepcard", "data-testid": "step", "data-step": "" }, heading, make("button", { class: "lp-quiet lp-stepclose", "aria-label": "Close the step", title: "Close (O)", onclick: onClose }, "×"),
    make("div", { class: "lp-stephead" }, make("div", {}, source, lines, note), factors), tiles, marked);
  let update = null, shape = [1, 1, 1], pixel = null;

  /** What is to be shown first has to come. */
  function wait(words) {
    update = null;
    heading.textContent = "One step, opened";
    source.textContent = words;
    for (const part of [lines, tiles, factors]) part.replaceChildren();
    note.textContent = marked.textContent = element.dataset.step = "";
  }

  function show(trajectory, k, row, whose) {
    const { frames, model, steps } = trajectory, at = Math.min(k, frames.length - 1, steps - 1), frame = frames[at];
    if (!frame?.next) return wait("No step is computed yet.");
    shape = model.image_shape;
    if (!pixel || pixel[0] >= shape[1] || pixel[1] >= shape[2]) pixel = [Math.floor(shape[1] / 2), Math.floor(shape[2] / 2)];
    update = updateAt(trajectory, at, row);
    element.dataset.step = at + 1;
    heading.textContent = `Step ${at + 1} of ${steps}, opened${whose ? ` · ${whose}` : ""}: from t = ${frame.t} to t = ${frame.next.t}`;
    source.textContent = update.source;
    const law = model.steps.predicts === "velocity" ? [VELOCITY, ...update.lines] : update.lines;
    lines.replaceChildren(make("div", {}, ...law.map(formula)), make("div", { class: "lp-numbers" }, ...update.numbers.map(formula)));
    note.textContent = update.note;
    factors.replaceChildren(...update.factors.map(([symbol, value]) => make("span", {}, formula(symbol), make("b", {}, inMath(value, 4)))));
    if (tiles.children.length !== update.quantities.length || [...tiles.children].some((tile, i) => tile.dataset.name !== update.quantities[i].name)) tiles.replaceChildren(...update.quantities.map(({ name }) => tileFor(name)));
    [...tiles.children].forEach((tile, i) => fill(tile, update.quantities[i]));
    mark();
    return undefined;
  }

  function tileFor(name) {
    const canvas = make("canvas", { class: "lp-noisepicture", role: "img" });
    const box = make("div", { class: "lp-stepbox" }, canvas, make("i", { "aria-hidden": "true" }));
    const pick = ({ clientX, clientY }) => {
      const { left, top, width, height } = canvas.getBoundingClientRect(), clip = (value, most) => Math.min(most - 1, Math.max(0, Math.floor(value * most)));
      pixel = [clip((clientY - top) / height, shape[1]), clip((clientX - left) / width, shape[2])];
      mark();
    };
    box.addEventListener("pointermove", pick);
    box.addEventListener("pointerdown", pick);
    return make("figure", { class: "lp-steptile", "data-name": name, "data-testid": `step-${name}` }, box, make("figcaption"));
  }

  function fill(tile, { symbol, words, values, shown, reach }) {
    const { mean, spread } = measured(values), canvas = tile.querySelector("canvas");
    paintBytes(canvas, shown ?? bytesFrom(values, reach), shape);
    canvas.setAttribute("aria-label", `${words}: mean ${inMath(mean, 2)}, standard deviation ${inMath(spread, 2)}`);
    tile.querySelector("figcaption").replaceChildren(make("span", {}, formula(symbol), ` ${words}`), make("b", { class: "lp-pixelvalue" }), make("small", { title: "Mean and standard deviation over all pixels" }, `${inMath(mean, 2)} ± ${inMath(spread, 2)}`));
  }

  /** The numbers of one pixel; of colours their mean. */
  function mark() {
    if (!update) return;
    const [channels, height, width] = shape, [y, x] = pixel, from = (y * width + x) * channels;
    const valueOf = ({ values }) => values.subarray(from, from + channels).reduce((sum, value) => sum + value, 0) / channels;
    [...tiles.children].forEach((tile, i) => {
      const value = valueOf(update.quantities[i]);
      tile.querySelector(".lp-pixelvalue").textContent = inMath(value);
      tile.style.setProperty("--x", (x + 0.5) / width);
      tile.style.setProperty("--y", (y + 0.5) / height);
    });
    element.style.setProperty("--side", 1 / width);
    marked.textContent = `The large number is that of the marked pixel, row ${y + 1}, column ${x + 1}${channels > 1 ? " (the mean of its colours)" : ""}: −1 is black, 1 is white. Move over a picture to mark another one; below it mean ± standard deviation of all pixels.`;
  }
  return { element, show, wait };
}
