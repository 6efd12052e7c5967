// The large picture under the hand, and what the classifier sees in it.

import { className } from "./catalogue.js";
import { make } from "./dom.js";
import { paint, shapeOf } from "./paint.js";

/** @param {{testId?: string, small?: boolean}} options */
export function createPicture({ testId, small }) {
  const canvas = make("canvas", { class: "lp-large", "data-testid": testId ?? null, "data-road": "server", "data-ms": "0", role: "img", "aria-label": "The decoded picture" });
  const name = make("strong", {}, "–"), sure = make("span", { class: "lp-sure" }, "\u00a0"), bars = make("div", { class: "lp-bars" });
  const seen = make("div", { class: "lp-seen" }, make("span", {}, "looks like"), name, sure, bars);
  const element = make("div", { class: `lp-picture${small ? " small" : ""}` }, canvas, seen);
  let classes = [], spans = [];

  /** Which model the picture is of. @param {import("./catalogue.js").Model} model */
  function of(model, classCount) {
    seen.hidden = !model.classifier;
    classes = Array.from({ length: classCount }, (_, k) => className(model, k));
    spans = classes.map(() => make("span"));
    bars.replaceChildren(...classes.map((text, k) => make("div", { title: text }, make("label", {}, text), spans[k])));
    bars.classList.toggle("words", classes.some((text) => text.length > 2));
  }

  /** @param {Float32Array} pixels */
  function draw(model, pixels, road, ms) {
    paint(canvas, pixels, shapeOf(model.image_shape));
    canvas.dataset.road = road;
    canvas.dataset.ms = ms.toFixed(2);
  }

  /** @param {Float32Array|null} chances a probability per class */
  function judge(chances) {
    if (!chances) return;
    const best = chances.indexOf(Math.max(...chances));
    name.textContent = classes[best];
    sure.textContent = `${Math.floor(100 * chances[best])} % sure`;
    canvas.setAttribute("aria-label", `The decoded picture; the classifier sees ${classes[best]}`);
    spans.forEach((span, k) => { span.style.transform = `scaleX(${Math.max(0.01, chances[k])})`; });
  }

  return { element, canvas, of, draw, judge };
}
