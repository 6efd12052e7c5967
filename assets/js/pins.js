// Pins: places that a person wants to come back to, A, B, C ..., each with its picture.

import { modelNamed, shortTitle } from "./catalogue.js";
import { make, refill, say } from "./dom.js";
import { howFor, quickly } from "./how.js";
import { paint, shapeOf } from "./paint.js";
import { ground, oneHot, place, toldAt } from "./place.js";
import { decodeBehind, keptPicture } from "./roads.js";
import { choose, chosen } from "./store.js";

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** The pins with one more under the next free letter; null, and a sentence, when all are taken. */
export function pinsWith(model, point, label) {
  const { pins } = chosen(), letter = [...LETTERS].find((one) => !pins.some((kept) => kept.letter === one));
  if (!letter) {
    say("All 26 letters are taken. Remove a pin first.");
    return null;
  }
  return [...pins, { letter, model, point, label }].sort((a, b) => (a.letter < b.letter ? -1 : 1));
}

/** @returns {{element: HTMLElement, show: () => void}} */
export function createPins() {
  const strip = make("div", { class: "lp-strip" });
  const empty = make("p", { class: "lp-empty" }, "Keep a place: press “Pin this” (or the P key). Three pins of one model span a map of their own.");
  const element = make("div", {}, strip, empty), tiles = new Map();
  let drawn = "";

  /** A pin's picture, decoded once. */
  function tile(kept) {
    const key = JSON.stringify([kept, howFor(modelNamed(kept.model)).scale]);
    if (!tiles.has(key)) {
      tiles.set(key, make("canvas", { width: 28, height: 28 }));
      thumbnail(tiles.get(key), kept);
    }
    return tiles.get(key);
  }

  function go(kept) {
    const here = kept.model === chosen().model;
    choose({ point: kept.point, label: kept.label, push: [], ...(here ? {} : { model: kept.model, plane: "axes", second: "" }) });
  }

  function show() {
    const { pins, model, point, truncation } = chosen(), now = JSON.stringify([pins, model, point, truncation]);
    if (now === drawn) return;
    drawn = now;
    empty.hidden = pins.length > 0;
    refill(strip, pins.map((kept) => {
      const here = kept.model === model, where = here ? `Go to ${kept.letter}` : `Pinned on ${shortTitle(modelNamed(kept.model))}; press to go there`;
      return make("div", { class: `lp-pin${here ? "" : " elsewhere"}${here && kept.point === point ? " at" : ""}` },
        make("button", { class: "lp-tile", "data-key": kept.letter, title: where, "aria-label": `Go to pin ${kept.letter}`, onclick: () => go(kept) }, tile(kept)),
        make("b", {}, kept.letter),
        make("button", { class: "lp-quiet", "data-key": `remove ${kept.letter}`, "aria-label": `Remove pin ${kept.letter}`, title: "Remove",
          onclick: () => choose({ pins: chosen().pins.filter((one) => one.letter !== kept.letter) }) }, "×"));
    }));
  }
  return { element, show };
}

/** Decode a point and paint it; where it cannot be read the title says why. */
export async function thumbnail(canvas, { model: name, point, label }) {
  const model = modelNamed(name), atlas = await ground(model, point);
  try {
    const made = () => decodeBehind(model, place(model, atlas, point), oneHot(model, [toldAt(model, atlas, point, label)]), 1, quickly(model));
    paint(canvas, keptPicture(model, atlas, point) ?? await made(), shapeOf(model.image_shape));
  } catch (error) {
    canvas.title = error.message;
  }
}
