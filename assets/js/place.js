// From what the store says to numbers and back: the latent of a point, the one-hot of a class.

import { isRound } from "./catalogue.js";
import { latent } from "./normal.js";
import { coordinates, dot, offAxes, orthonormal, roundPlane } from "./plane.js";
import { MOST_NUMBERS, resolve, textOf } from "./points.js";
import { chosen, isLocal } from "./store.js";

const locals = []; // latents too long for a link
const AXES = { across: 0, up: 1 }; // the axes of a round map by their names in a point
const BASE = /^(?:\d[\d.]*\*)?(seed:\d+|atlas:\d+|mix\(.*\))(?: [+-] [\d.]+\*(?:across|up)){0,2}$/;

/**
 * A text for a latent: its numbers; where they are too many for a link, as a sum of a place before it and the map's axes; and where
 * it is none, a name on this page.
 * @param {Float32Array} z @param {{model: import("./catalogue.js").Model, atlas: import("./catalogue.js").Atlas|null, text: string}} [from] the place before
 */
export function textFor(z, from) {
  if (z.length <= MOST_NUMBERS) return textOf(z);
  return (from && sumFor(z, from)) ?? `here:${locals.push(z) - 1}`;
}

/** z as seed:7 is written after a walk over the round map, 0.9*seed:7 + 3.2*across - 1.5*up; null where it is no such sum. */
function sumFor(z, { model, atlas, text }) {
  const base = BASE.exec(text)?.[1];
  if (!base || namesPins(base)) return null;
  const plane = roundPlane(axesOf(model, atlas)), start = place(model, atlas, base);
  const [here, there] = [z, start].map((one) => offAxes(plane, one)), share = dot(here, there) / dot(there, there), [x, y] = coordinates(plane, z), [fromX, fromY] = coordinates(plane, start);
  const part = (factor, name) => `${factor < 0 ? "-" : "+"} ${+Math.abs(factor).toFixed(6)}*${name}`;
  const sum = `${+share.toFixed(6)}*${base} ${part(x - share * fromX, "across")} ${part(y - share * fromY, "up")}`;
  return share > 0 && place(model, atlas, sum).every((value, i) => Math.abs(value - z[i]) < 1e-3) ? sum : null;
}

/** The axes of a model's round map: those of its atlas, else two that a seed chose. @returns {[Float32Array, Float32Array]} */
export function axesOf(model, atlas) {
  const D = model.latent_dim;
  return atlas ? [atlas.axes.slice(0, D), atlas.axes.slice(D, 2 * D)] : orthonormal(latent(1, D), latent(2, D));
}

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
    if (kind === "atlas") return atlas && key < atlas.count ? atlas.code(key) : null;
    if (kind === "direction") return isRound(model) && key in AXES ? axesOf(model, atlas)[AXES[key]] : null;
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
