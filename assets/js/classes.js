// For conditional models: the same style in all classes, and the choice of the one that the model is told.

import { make, refill } from "./dom.js";
import { paint, shapeOf } from "./paint.js";
import { oneHot } from "./place.js";
import { decodeBehind } from "./roads.js";

/** @param {HTMLElement} card hidden for a model that is told nothing @param {(label: string) => void} onChoose */
export function createClasses(card, onChoose) {
  const element = make("div", { class: "lp-classes", role: "group", "aria-label": "Class" });
  let order = 0;

  /** @param {import("./catalogue.js").Model} model @param {Float32Array} z @param {string} told a class's number or "none" */
  async function show(model, z, told) {
    const mine = ++order, K = model.conditions.length;
    card.hidden = !K;
    if (!K) return;
    const codes = new Float32Array(K * z.length);
    for (let k = 0; k < K; k++) codes.set(z, k * z.length);
    const pixels = await decodeBehind(model, codes, oneHot(model, model.conditions.map((_, k) => k)), K).catch(() => null);
    if (!pixels || mine !== order) return;
    refill(element, model.conditions.map((text, k) => {
      const canvas = make("canvas"), pressed = told === String(k);
      paint(canvas, pixels, shapeOf(model.image_shape), k);
      return make("button", { class: "lp-tile", "data-key": String(k), "aria-pressed": String(pressed), "data-testid": `latent-class-${k}`,
        title: pressed ? "Press again to tell the model no class" : `Tell the model: ${text}`, onclick: () => onChoose(pressed ? "none" : String(k)) }, canvas, make("small", {}, text));
    }));
  }

  return { element, show };
}
