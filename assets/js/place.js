// From what the store says to numbers: the latent of a point, the one-hot of a class.

import { latent } from "./normal.js";
import { resolve } from "./points.js";
import { chosen } from "./store.js";

/**
 * The latent that an expression names on a model. Throws BadPoint with a sentence.
 * @param {import("./catalogue.js").Model} model @param {import("./catalogue.js").Atlas|null} atlas @param {string} point
 * @returns {Float32Array}
 */
export function place(model, atlas, point) {
  const size = model.latent_dim;
  const lookup = (kind, key) => {
    if (kind === "seed") return latent(key, size);
    if (kind === "atlas") return atlas && key < atlas.count ? atlas.codes.slice(key * size, (key + 1) * size) : null;
    if (kind !== "pin") return null;
    const kept = chosen().pins.find((one) => one.letter === key && one.model === model.name);
    return kept ? place(model, atlas, kept.point) : null;
  };
  return resolve(point, lookup, size);
}

/** A class as the conditional model takes it; null for a model that is told nothing. @param {string} label @returns {Float32Array|null} */
export function oneHot(model, label) {
  if (!model.conditions.length) return null;
  const y = new Float32Array(model.conditions.length);
  if (label !== "" && +label < y.length) y[+label] = 1;
  return y;
}
