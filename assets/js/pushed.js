// One model of the Attributes page: its start, and beside it or instead of it the picture that it is pushed to.

import { isSlow, shortTitle } from "./catalogue.js";
import { make, say } from "./dom.js";
import { createHandPicture } from "./handpicture.js";
import { quickly } from "./how.js";
import { paint, shapeOf } from "./paint.js";
import { createPicture } from "./picture.js";
import { oneHot } from "./place.js";
import { decodeBehind, newestWins } from "./roads.js";

const press = (title, onclick, ...text) => make("button", { class: "lp-quiet", title, "aria-label": title, onclick }, ...text);

/**
 * @param {{main: boolean, onJudged?: (chances: Float32Array|null) => void, onRest?: () => void, onRemove?: () => void, onCarry?: () => void}} hooks
 *   main: the first model; another can be removed, or be given the first one's picture to start from (onCarry)
 */
export function createPushed({ main, onJudged, onRest, onRemove, onCarry }) {
  const picture = createPicture(main ? "attributes-picture" : "attributes-picture-beside");
  const name = make("strong"), lacks = make("p", { class: "lp-empty lp-lacks", hidden: true });
  const before = make("canvas", { class: "lp-large", role: "img", "aria-label": "The picture at the start" });
  const left = make("figure", { class: "lp-before", hidden: true }, before, make("figcaption", {}, "Start"));
  const element = make("div", { class: `lp-pushed${main ? " main" : ""}` },
    make("div", { class: "lp-pushedhead" }, name), make("div", { class: "lp-pair" }, left, make("figure", {}, picture.element)),
    !main && make("div", { class: "lp-besidebox" },
      press("Start from the first model's picture, as this model encodes it or finds it by search", onCarry, "Same", make("span", {}, " picture")), press("Remove this model", onRemove, "×")), lacks);
  /** what is under the hand, and from where it is pushed: its text and its numbers */
  const state = { model: null, y: null, how: null, shown: null, road: "", text: "", start: null };
  const hand = createHandPicture({ state, picture, main, onJudged, onRest, onNet: () => show(state.shown) });
  let waits = false, key = "";

  /** Take on a model and a start. @param {{model: import("./catalogue.js").Model, text: string, start: Float32Array, label: string}} next label: the class that it is told */
  function become({ model, text, start, label }) {
    hand.become(model, oneHot(model, [label]));
    Object.assign(state, { text, start, label });
    name.textContent = shortTitle(model);
    element.dataset.model = model.name;
  }

  /** Show what the start is pushed to. */
  function show(z, since = performance.now()) {
    hand.show(z, since);
    if (isSlow(state.model) && picture.canvas.getAttribute("aria-busy") === "true") picture.mark("waits until the hand rests", false);
    if (waits) drawBefore();
  }

  const decodeStart = newestWins(async ({ model, start, y, how }) => {
    try {
      paint(before, await decodeBehind(model, start, y, 1, how), shapeOf(model.image_shape));
    } catch (error) {
      say(error.message, "problem");
    }
  });

  function drawBefore() {
    const { model, start, y, text } = state, how = quickly(model), now = JSON.stringify([model.name, text, how, y && [...y]]);
    if (now !== key) decodeStart({ model, start, y, how });
    key = now;
  }

  /** Whether the start stands beside the present picture. */
  function compare(yes) {
    waits = yes;
    left.hidden = !yes;
    element.classList.toggle("pair", yes);
    if (yes && state.start) drawBefore();
  }

  /** What this model has no direction for, of all that the rows push. @param {string[]} names */
  function lack(names) {
    lacks.hidden = !names.length;
    lacks.textContent = names.length ? `It has no direction for ${names.join(", ")}, so ${names.length > 1 ? "these rows leave" : "this row leaves"} it as it is.` : "";
  }

  return { element, picture, state, become, show, compare, lack };
}
