// For conditional models: the same style in all classes, and the choice of the one that the model is told.

import { make, refill } from "./dom.js";
import { quickly } from "./how.js";
import { paint, shapeOf } from "./paint.js";
import { oneHot } from "./place.js";
import { decodeBehind } from "./roads.js";

/** @param {HTMLElement} card hidden for a model that is told nothing @param {(label: string) => void} onChoose */
export function createClasses(card, onChoose) {
  const element = make("div", { class: "lp-classes", role: "group", "aria-label": "Class" });
  let order = 0, made = { key: "", z: [], pixels: null };

  /**
   * @param {import("./catalogue.js").Model} model @param {Float32Array} z @param {string} told a class's number or "none"
   * @param {Promise<void>|null} ready waited for first: the picture under the hand is more urgent
   */
  async function show(model, z, told, ready) {
    const mine = ++order, K = model.conditions.length;
    card.hidden = !K;
    if (!K) return;
    const pixels = await pictures(model, z, K, ready).catch(() => null);
    if (!pixels || mine !== order) return;
    refill(element, model.conditions.map((text, k) => {
      const canvas = make("canvas"), pressed = told === String(k);
      paint(canvas, pixels, shapeOf(model.image_shape), k);
      return make("button", { class: "lp-tile", "data-key": String(k), "aria-pressed": String(pressed), "data-testid": `latent-class-${k}`,
        title: pressed ? "Press again to tell the model no class" : `Tell the model: ${text}`, onclick: () => onChoose(pressed ? "none" : String(k)) }, canvas, make("small", {}, text));
    }));
  }

  /** One latent as every class; the last ones are kept. */
  async function pictures(model, z, K, ready) {
    const how = quickly(model), key = JSON.stringify([model.name, model.hash, how]);
    if (key === made.key && z.every((value, i) => value === made.z[i])) return made.pixels;
    const codes = new Float32Array(K * z.length);
    for (let k = 0; k < K; k++) codes.set(z, k * z.length);
    await ready;
    const pixels = await decodeBehind(model, codes, oneHot(model, model.conditions.map((_, k) => k)), K, how);
    made = { key, z, pixels };
    return pixels;
  }

  return { element, show };
}
