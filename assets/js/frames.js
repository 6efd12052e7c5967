// The frames of one row: how a model gets to the stops of a walk, and its pictures between them, coarse first.

import { isSlow } from "./catalogue.js";
import { describe, encode, invert } from "./considered.js";
import { howFor } from "./how.js";
import { oneHot } from "./place.js";
import { decodeBehind, prepare } from "./roads.js";
import { through } from "./walks.js";

const PRIOR_ON_A_SPHERE = new Set(["gan", "dcgan", "diffusion", "unet2d", "flow", "flow_matching",
  "sparse"]); // their latents are samples of N(0, I), or as far out: the line between two comes too near to the origin

/** Whether a model is PCA: that is what a linear autoencoder is. */
export const isPca = (model) => model.linear;
export const kindOf = (model) => (isPca(model) ? "pca" : model.family);
/** The way that suits a model. @param {"auto"|"line"|"circle"} wish @returns {"line"|"circle"} */
export const wayOf = (model, wish) => (wish !== "auto" ? wish : PRIOR_ON_A_SPHERE.has(model.family) ? "circle" : "line");
/** Steps from one stop to the next: a multiple of eight, for the coarse ones come first. */
const stepsPerLeg = (stops, slow) => 8 * Math.max(1, Math.round((slow ? 4 : 8) / (stops - 1)));

/**
 * @typedef {Object} Frames what a row knows so far
 * @property {number} n @property {number} size numbers in a picture @property {Float32Array} pixels [n, C, H, W] @property {Uint8Array} done [n] @property {number} count how many are done
 * @property {string} how in words @property {"line"|"circle"} way @property {Float32Array[]|null} z [n] @property {Float32Array[]|null} y [n]
 * @property {(Float32Array|null)[]} chances a probability per class of each frame @property {Float32Array|null} distances [n]
 * @property {string} unjudged why chances stay unknown, or ""
 */
function blank(image, n, way, how, z = null, y = null) {
  const size = image.length;
  return { n, size, pixels: new Float32Array(n * size), done: new Uint8Array(n), count: 0, how, way, z, y, chances: new Array(n).fill(null), distances: null, unjudged: "" };
}

/** Frame numbers in the order in which they are made: every eighth, those halfway, and so on. @returns {number[][]} */
export function coarseToFine(n, most = 64) {
  const rounds = [Array.from({ length: (n - 1) / 8 + 1 }, (_, k) => 8 * k)];
  for (const step of [8, 4, 2]) rounds.push(Array.from({ length: (n - 1) / step }, (_, k) => step * k + step / 2));
  return rounds.flatMap((round) => Array.from({ length: Math.ceil(round.length / most) }, (_, k) => round.slice(k * most, (k + 1) * most)));
}

/** The frame at a place t in [0, 1], or the nearest that there is; -1 while there is none. @param {Frames} frames */
export function frameAt({ n, done, count }, t) {
  const wish = Math.round(t * (n - 1));
  if (!count) return -1;
  for (let away = 0; away < n; away++) {
    if (done[wish - away]) return wish - away;
    if (done[wish + away]) return wish + away;
  }
  return -1;
}

/** Mixes of the pictures themselves. @param {import("./stops.js").Stop[]} stops @returns {AsyncGenerator<Frames>} */
export async function* crossfade(model, stops) {
  const steps = stepsPerLeg(stops.length, false), walk = through(stops.map((stop) => stop.pixels), steps + 1, "line");
  const frames = blank(stops[0].pixels, walk.length, "line", "the pixels of both pictures, mixed");
  yield frames;
  walk.forEach((picture, k) => frames.pixels.set(picture, k * frames.size));
  frames.done.fill(1);
  frames.count = walk.length;
  yield frames;
  await judge(model, frames, walk.map((_, k) => k));
  yield frames;
}

/**
 * A model's pictures on its own way through the stops; each yield is a little more. Throws a sentence where the model cannot take part.
 * @param {import("./catalogue.js").Model} model @param {import("./stops.js").Stop[]} stops @param {"auto"|"line"|"circle"} wish
 * @param {AbortSignal} signal ends what the server still makes @returns {AsyncGenerator<Frames>}
 */
export async function* walkOf(model, stops, wish, signal) {
  prepare(model); // until the net has arrived the server serves
  const { latents, told, how } = await endsOf(model, stops), way = wayOf(model, wish), steps = stepsPerLeg(stops.length, isSlow(model));
  const z = through(latents, steps + 1, way), y = told && through(told, steps + 1, "line");
  const frames = blank(stops[0].pixels, z.length, way, how, z, y);
  yield frames;
  for (const part of coarseToFine(z.length, isSlow(model) ? 8 : 64)) {
    const pixels = await decodeBehind(model, flat(part.map((k) => z[k])), y && flat(part.map((k) => y[k])), part.length, unscaled(model), signal);
    part.forEach((k, i) => {
      frames.pixels.set(pixels.subarray(i * frames.size, (i + 1) * frames.size), k * frames.size);
      frames.done[k] = 1;
    });
    frames.count += part.length;
    yield frames;
    await judge(model, frames, part);
    yield frames;
  }
}

/** Ask the classifier about these frames. */
async function judge(model, frames, part) {
  if (!model.classifier) frames.unjudged = "There is no classifier for these pictures, so nobody says how sure it is.";
  if (frames.unjudged) return;
  try {
    const { chances, distances } = await describe(model, flat(part.map((k) => frames.pixels.subarray(k * frames.size, (k + 1) * frames.size))), part.length);
    if (distances) frames.distances ??= new Float32Array(frames.n).fill(NaN);
    part.forEach((k, i) => {
      frames.chances[k] = chances[i];
      if (distances) frames.distances[k] = distances[i];
    });
  } catch (error) {
    frames.unjudged = `The classifier could not be asked: ${error.message}`;
  }
}

const found = new Map(); // what a model made of somebody else's picture, by model and stop

/** As the model makes pictures, but the latents are scaled already. */
export const unscaled = (model) => ({ ...howFor(model), scale: 1 });

/** A model's latents at the stops as they are decoded, what it is told there, and in words how it got them. */
export async function endsOf(model, stops) {
  const labels = stops.map((stop) => (stop.model === model ? stop.told : stop.seen)), own = stops.map((stop) => stop.model === model);
  const foreign = stops.filter((_, k) => !own[k]);
  const taken = foreign.length ? await adopted(model, foreign, labels.filter((_, k) => !own[k])) : null;
  let at = 0;
  const { scale } = howFor(model), latents = stops.map((stop, k) => (own[k] ? stop.z.map((value) => scale * value) : taken.z[at++]));
  const one = oneHot(model, labels), K = model.conditions.length;
  return { latents, told: one && labels.map((_, k) => one.slice(k * K, (k + 1) * K)), how: inWords(own, taken) };
}

/** Latents for pictures that another model made: encoded where the model can, else searched for. */
async function adopted(model, stops, labels) {
  const way = model.abilities.encode === true ? encoded : inverted, keys = stops.map((stop) => `${model.hash} ${stop.key}`);
  if (way === inverted && isSlow(model)) throw new Error(`${model.abilities.encode} A search through its many steps would take too long, so it walks between its own points only.`);
  const missing = keys.filter((key, k) => !found.has(key) && keys.indexOf(key) === k);
  if (missing.length) {
    const rows = missing.map((key) => keys.indexOf(key)), D = model.latent_dim;
    const { z, errors } = await way(model, flat(rows.map((k) => stops[k].pixels)), oneHot(model, rows.map((k) => labels[k])), rows.length);
    missing.forEach((key, k) => found.set(key, { z: z.slice(k * D, (k + 1) * D), error: errors?.[k] }));
  }
  const here = keys.map((key) => found.get(key));
  return { z: here.map(({ z }) => z), word: way === encoded ? "encoded" : "inverted", error: way === inverted ? Math.max(...here.map(({ error }) => error)) : null };
}

const encoded = async (model, ...pictures) => ({ z: await encode(model, ...pictures), errors: null });
const inverted = invert;

/** How a row got its stops. @param {boolean[]} own @param {{word: string, error: number|null}|null} taken */
function inWords(own, taken) {
  if (!taken) return own.length === 2 ? "both ends are its own points" : "all stops are its own points";
  const error = taken.error === null ? "" : `, squared error ${taken.error.toPrecision(2)}`;
  if (!own.includes(true)) return `${own.length === 2 ? "both pictures" : "all pictures"} ${taken.word}${error}`;
  const others = own.flatMap((mine, k) => (mine ? [] : [k + 1]));
  return `${others.join(", ")} ${taken.word}${error}; ${own.flatMap((mine, k) => (mine ? [k + 1] : [])).join(", ")} its own`;
}

/** Rows of numbers behind each other. @param {Float32Array[]} rows */
export function flat(rows) {
  const out = new Float32Array(rows.length * rows[0].length);
  rows.forEach((row, k) => out.set(row, k * row.length));
  return out;
}
