// The large picture under the hand, and what the classifier sees in it.

import { classifierNamed } from "./catalogue.js";
import { make } from "./dom.js";
import { isHidden } from "./lesson.js";
import { paint, shapeOf } from "./paint.js";
import { verdictOf } from "./verdict.js";

const FINE = 100; // pixels: a picture of so many is worth the whole width

/** @param {string} testId */
export function createPicture(testId) {
  const canvas = make("canvas", { class: "lp-large", "data-testid": testId, "data-road": "server", "data-ms": "0", role: "img" });
  const name = make("strong"), sure = make("span", { class: "lp-sure" }), bars = make("div", { class: "lp-bars", "aria-hidden": "true" });
  const verb = make("span"), seen = make("div", { class: "lp-seen" }, verb, name, sure, bars);
  const aloud = make("span", { class: "lp-aloud", "aria-live": "polite" }), made = make("span", { class: "lp-made", hidden: true });
  const element = make("div", { class: "lp-picture" }, make("div", { class: "lp-frame" }, canvas, made), seen, aloud);
  let classifier = "", classes = [], spans = [], many = false; // many: a picture has any number of attributes

  /** Which model the picture is of. @param {import("./catalogue.js").Model} model */
  function of(model) {
    classifier = model.classifier;
    const known = classifier && classifierNamed(classifier);
    classes = known ? known.classes : [];
    many = known?.kind === "attributes";
    verb.textContent = many ? "shows" : "looks like";
    seen.classList.toggle("many", many);
    mark("");
    seen.hidden = !classes.length;
    element.classList.toggle("alone", seen.hidden);
    element.classList.toggle("fine", model.image_shape[1] >= FINE);
    name.textContent = "–";
    sure.textContent = "\u00a0";
    canvas.setAttribute("aria-label", "The decoded picture");
    spans = classes.map(() => make("span"));
    bars.replaceChildren(...classes.map((text, k) => make("div", { title: text }, make("b", {}, text), spans[k])));
    bars.classList.toggle("words", classes.some((text) => text.length > 2));
  }

  /** @param {Float32Array} pixels */
  function draw(model, pixels, road, ms) {
    paint(canvas, pixels, shapeOf(model.image_shape));
    canvas.dataset.road = road;
    canvas.dataset.ms = ms.toFixed(2);
  }

  /** Say how the picture was made, in a corner of it; `busy` while a better one is on its way. @param {string} text */
  function mark(text, busy = false) {
    if (made.textContent === text) return;
    made.textContent = text;
    made.hidden = !text;
    made.classList.toggle("busy", busy);
  }

  /** @param {Float32Array} chances a probability per class */
  function judge(chances) {
    const verdict = verdictOf(classifier, chances);
    name.textContent = verdict.text;
    sure.textContent = many ? "" : `${Math.floor(100 * verdict.sure)} % sure`;
    spans.forEach((span, k) => { span.style.transform = `scaleX(${Math.max(0.01, chances[k])})`; });
  }

  /** Say the verdict to those who do not see it. */
  function tell() {
    if (!classes.length) return;
    if (isHidden("verdict")) return; // from those who listen too
    const verdict = [name.textContent, sure.textContent].filter(Boolean).join(", ");
    aloud.textContent = `${many ? "Shows" : "Looks like"} ${verdict}`;
    canvas.setAttribute("aria-label", `The decoded picture; the classifier sees ${verdict}`);
  }

  return { element, canvas, of, draw, mark, judge, tell };
}
