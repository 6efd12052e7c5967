// The stops of a walk: from the texts in the address to pictures, and the stops that the page chooses itself.

import { className, hasPrior, loadAtlas, modelNamed } from "./catalogue.js";
import { describe } from "./considered.js";
import { say } from "./dom.js";
import { howFor } from "./how.js";
import { ground, oneHot, place, toldAt } from "./place.js";
import { decodeBehind, keptPicture } from "./roads.js";

/**
 * @typedef {Object} Stop a stop whose numbers are known
 * @property {import("./catalogue.js").Model} model @property {string} point @property {string} label @property {string} told class that its model was told
 * @property {Float32Array} z @property {Float32Array} pixels [C, H, W] @property {string} seen class that the classifier sees, or that its model was told; "" where nobody knows
 * @property {string} key the same for the same stop
 */
const known = new Map(); // stops by key
export const NOWHERE = "0*seed:0"; // the latent zero, where a model without a prior stands until it has been shown a picture

export const keyOf = (text) => JSON.stringify([text.model, text.point, text.label, howFor(modelNamed(text.model))]);

/** Latent and picture of a stop, made once. Throws a sentence where its point cannot be read. @returns {Promise<Stop>} */
export function stopAt(text) {
  const key = keyOf(text);
  if (!known.has(key)) known.set(key, resolved(text, key).catch((error) => { known.delete(key); throw error; }));
  return known.get(key);
}

async function resolved({ model: name, point, label }, key) {
  const model = modelNamed(name), atlas = await ground(model, point), z = place(model, atlas, point), told = toldAt(model, atlas, point, label);
  const pixels = keptPicture(model, atlas, point) ?? await decodeBehind(model, z, oneHot(model, [told]), 1, howFor(model));
  return { model, point, label, told, z, pixels, seen: pictured(model, atlas, point) || await classOf(model, told, pixels), key };
}

/** What the picture of a model without prior is of: its own code says that for sure. */
const pictured = (model, atlas, point) => (!hasPrior(model) && /^atlas:\d+$/.test(point) ? String(atlas.labels[+point.slice(6)]) : "");

/** The class that a model was told, else what the classifier sees; "" where there is neither, and where it cannot be asked: each row says so. */
async function classOf(model, told, pixels) {
  if (/^\d+$/.test(told)) return told;
  const seen = model.classifier && await describe(model, pixels, 1).catch(() => null);
  return seen ? String(seen.chances[0].indexOf(Math.max(...seen.chances[0]))) : "";
}

/** A code of a class that is like the others of its class: the one nearest to their mean, or of drawn codes the first. @returns {string|null} a point, null where there is none */
export function typicalOf(model, atlas, label) {
  const D = model.latent_dim, mean = new Float64Array(D), rows = [];
  for (let k = 0; k < atlas.count; k++) if (atlas.labels[k] === label) rows.push(k);
  if (!rows.length || atlas.seeded) return rows.length ? `atlas:${rows[0]}` : null;
  const { codes } = atlas;
  for (const k of rows) for (let i = 0; i < D; i++) mean[i] += codes[k * D + i] / rows.length;
  let best = rows[0], least = Infinity;
  for (const k of rows) {
    let distance = 0;
    for (let i = 0; i < D; i++) distance += (codes[k * D + i] - mean[i]) ** 2;
    if (distance < least) [best, least] = [k, distance];
  }
  return `atlas:${best}`;
}

const ORDER = [3, 7, 0, 5, 2, 4, 6, 1]; // classes in an order in which neighbours differ much

/** Stops of one model that differ, for a person who has chosen none: typical pictures of some classes where a classifier tells them apart, its gallery, random ones. */
export async function chosenStops(model, count) {
  const atlas = await loadAtlas(model), classes = atlas && model.classifier ? ORDER.filter((label) => atlas.labels.includes(label)) : [];
  if (!hasPrior(model)) return Array.from({ length: count }, (_, k) => ({ model: model.name, point: atlas ? `atlas:${k % atlas.count}` : NOWHERE, label: "" }));
  const points = classes.length > 1 ? classes.map((label) => typicalOf(model, atlas, label)) : (model.metrics.gallery ?? []).map(({ point }) => point);
  for (let seed = 1; points.length < count; seed++) points.push(`seed:${seed}`);
  const label = (k) => (atlas || !model.conditions.length ? "" : String(ORDER[k % ORDER.length] % model.conditions.length)); // an atlas says itself which class a point is
  return points.slice(0, count).map((point, k) => ({ model: model.name, point, label: label(k) }));
}

/** The point at which the map stands when the address names none. */
export const startOf = (model, atlas) => model.metrics.gallery?.[0]?.point ?? (atlas ? "atlas:0" : hasPrior(model) ? "seed:0" : NOWHERE);

/**
 * Where a model stands: at a point, or where the page begins when none is named. A point that cannot be read is said.
 * @returns {{text: string, z: Float32Array, instead?: string}} instead: what the address should name in its place
 */
export function standAt(model, atlas, point) {
  const text = point || startOf(model, atlas);
  try {
    return { text, z: place(model, atlas, text) };
  } catch (error) {
    if (point) say(error.message, "problem");
    const other = hasPrior(model) ? "seed:0" : startOf(model, atlas);
    return { text: other, z: place(model, atlas, other), instead: point ? "" : other };
  }
}

/** What a stop shows, in words. @param {Stop} stop */
export const shows = ({ model, seen }) => (seen === "" ? "" : className(model, +seen));
