// From what the store says to numbers and back: the latent of a point, the one-hot of a class.

import { isRound, loadAtlas } from "./catalogue.js";
import { loadDirections, stepNamed, wordOf } from "./directions.js";
import { latent } from "./normal.js";
import { coordinates, dot, offAxes, orthonormal, roundPlane } from "./plane.js";
import { BadPoint, MOST_NUMBERS, resolve, textOf } from "./points.js";
import { chosen, isLocal } from "./store.js";

const locals = []; // latents too long for a link
const MOST_SAID = 12; // names in one sentence
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
 * What must be loaded before a model's points can be placed: its atlas, and its directions where one of the points, or a pin, names some.
 * @param {import("./catalogue.js").Model} model @param {...string} points @returns {Promise<import("./catalogue.js").Atlas|null>} the atlas
 */
export async function ground(model, ...points) {
  const pinned = chosen().pins.filter((pin) => pin.model === model.name).map(({ point }) => point);
  const [atlas] = await Promise.all([loadAtlas(model), [...points, ...pinned].some(namesDirections) && loadDirections(model)]);
  return atlas;
}

/** Whether a text names directions. */
const namesDirections = (point) => /(?:^|[^\w:])(?!(?:mix|across|up)\b)(?=\w*[A-Za-z])\w{2,}(?![\w:])/.test(point.replace(/z:[\w-]*/g, ""));

/** One sigma along a direction that a point names. Throws BadPoint where the model has none of that name. */
function directionOf(model, atlas, word) {
  if (isRound(model) && word in AXES) return axesOf(model, atlas)[AXES[word]];
  const step = stepNamed(model, word), known = model.directions?.list.map(({ name }) => wordOf(name)) ?? [];
  if (step) return step;
  if (known.includes(word)) throw new BadPoint(`The directions of ${model.title} are not here, so ${word} is not known; reload the page.`);
  throw new BadPoint(`${model.title} has no direction ${word.slice(0, 40)}; it has ${known.slice(0, MOST_SAID).join(", ") || "none"}${known.length > MOST_SAID ? ` and ${known.length - MOST_SAID} more` : ""}.`);
}

/**
 * The latent that an expression names on a model; `ground` must have been waited for. Throws BadPoint with a sentence.
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
    if (kind === "direction") return directionOf(model, atlas, key);
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
