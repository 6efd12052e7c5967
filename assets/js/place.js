// From what the store says to numbers and back: the latent of a point, the one-hot of a class.

import { MOST_NUMBERS, resolve, textOf } from "./points.js";
import { chosen, isLocal } from "./store.js";
import { latent } from "./normal.js";

const locals = []; // latents too long for a link

/** A text for a latent: its numbers, or, where they are too many for a link, a name on this page. @param {Float32Array} z */
export const textFor = (z) => (z.length <= MOST_NUMBERS ? textOf(z) : `here:${locals.push(z) - 1}`);

/**
 * The latent that an expression names on a model. Throws BadPoint with a sentence.
 * @param {import("./catalogue.js").Model} model @param {import("./catalogue.js").Atlas|null} atlas @param {string} point
 * @param {boolean} [pins] whether it may name pins; a pin's own point may not, so that no pin hangs on another
 * @returns {Float32Array}
 */
export function place(model, atlas, point, pins = true) {
  const size = model.latent_dim;
  if (isLocal(point)) {
    const kept = locals[+point.slice(5)];
    return kept?.length === size ? kept : new Float32Array(size);
  }
  return resolve(point, (kind, key) => {
    if (kind === "seed") return latent(key, size);
    if (kind === "atlas") return atlas && key < atlas.count ? atlas.codes.slice(key * size, (key + 1) * size) : null;
    const pin = kind === "pin" && pins && chosen().pins.find((one) => one.letter === key && one.model === model.name);
    return pin ? place(model, atlas, pin.point, false) : null;
  }, size);
}

/** Whether a text names pins, which may go. */
export const namesPins = (point) => !isLocal(point) && /(^|[^A-Za-z0-9_:-])[A-Z]($|[^A-Za-z0-9_:-])/.test(point);

/** The class that a conditional model is told at a point: what is chosen, else what the atlas says, else none. @returns {string} */
export function toldAt(model, atlas, point, label) {
  if (!model.conditions.length || label !== "") return label;
  const row = /^atlas:(\d+)$/.exec(point);
  return row && atlas && +row[1] < atlas.count ? String(atlas.labels[+row[1]]) : "none";
}

/** Classes as the conditional model takes them, one row each; null for a model that is told nothing. @param {(string|number)[]} labels @returns {Float32Array|null} */
export function oneHot(model, labels) {
  const K = model.conditions.length;
  if (!K) return null;
  const y = new Float32Array(K * labels.length);
  labels.forEach((label, row) => { if (label !== "" && label !== "none" && +label < K) y[row * K + +label] = 1; });
  return y;
}
