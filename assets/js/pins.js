// Pins: places that a person wants to come back to, A, B, C ..., each with its picture.

import { loadAtlas, modelNamed } from "./catalogue.js";
import { make, say } from "./dom.js";
import { oneHot, place } from "./place.js";
import { paint, shapeOf } from "./paint.js";
import { decodeBehind } from "./roads.js";
import { choose, chosen } from "./store.js";

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** Pin a point of a model under the next free letter. */
export function pin(model, point, label) {
  const { pins } = chosen(), letter = [...LETTERS].find((one) => !pins.some((kept) => kept.letter === one));
  if (!letter) return say("All 26 letters are taken. Remove a pin first.");
  choose({ pins: [...pins, { letter, model, point, label }].sort((a, b) => (a.letter < b.letter ? -1 : 1)) });
}

/** @returns {{element: HTMLElement, show: () => void}} */
export function createPins() {
  const strip = make("div", { class: "lp-strip" });
  const empty = make("p", { class: "lp-empty" }, "Keep a place: press “Pin this” (or the P key). Three pins of one model span a map of their own.");
  const element = make("div", {}, strip, empty);

  function show() {
    const { pins, model, point } = chosen();
    empty.hidden = pins.length > 0;
    strip.replaceChildren(...pins.map((kept) => {
      const canvas = make("canvas", { width: 28, height: 28 });
      thumbnail(canvas, kept);
      const here = kept.model === model;
      return make("div", { class: `lp-pin${here ? "" : " elsewhere"}${here && kept.point === point ? " at" : ""}` },
        make("button", { class: "lp-tile", title: here ? `Go to ${kept.letter}` : `Pinned on ${modelNamed(kept.model)?.title ?? kept.model}; press to go there`,
          "aria-label": `Go to pin ${kept.letter}`, onclick: () => choose({ point: kept.point, label: kept.label, ...(here ? {} : { model: kept.model, plane: "axes", second: "" }) }) }, canvas),
        make("b", {}, kept.letter),
        make("button", { class: "lp-quiet", "aria-label": `Remove pin ${kept.letter}`, title: "Remove",
          onclick: () => choose({ pins: chosen().pins.filter((one) => one.letter !== kept.letter) }) }, "×"));
    }));
  }
  return { element, show };
}

async function thumbnail(canvas, { model: name, point, label }) {
  const model = modelNamed(name);
  if (!model) return;
  try {
    const z = place(model, await loadAtlas(model), point);
    paint(canvas, await decodeBehind(model, z, oneHot(model, label), 1), shapeOf(model.image_shape));
  } catch (error) {
    canvas.title = error.message;
  }
}
