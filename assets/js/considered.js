// What the server thinks about for a moment: the code of a picture, what a picture shows, latents of a fitted prior.

import { classifierNamed, liveUrl } from "./catalogue.js";
import { fetched } from "./roads.js";

const post = async (path, body) => new Float32Array(await (await fetched(liveUrl(path), { method: "POST", body })).arrayBuffer());

/** float32 [n, C, H, W] in [0, 1] to uint8 [n, H, W, C]. @param {Float32Array} pixels */
export function bytesOf(pixels, [channels, height, width], n) {
  const size = height * width, out = new Uint8Array(pixels.length);
  for (let k = 0; k < n; k++) for (let c = 0; c < channels; c++) for (let i = 0; i < size; i++) {
    out[(k * size + i) * channels + c] = 255 * Math.min(1, Math.max(0, pixels[(k * channels + c) * size + i])) + 0.5;
  }
  return out;
}

/** Pictures, and behind them what a conditional model is told of each. @param {Float32Array|null} y [n, K] */
const pictures = (model, pixels, y, n) => new Blob([bytesOf(pixels, model.image_shape, n), ...(model.conditions.length && y ? [y] : [])]);

/** The model's own latents of pictures. @returns {Promise<Float32Array>} [n, D] */
export const encode = (model, pixels, y, n) => post(`encode/${encodeURIComponent(model.name)}?n=${n}`, pictures(model, pixels, y, n));

/** Latents found by search for pictures, and how far their pictures are from those asked for (squared error). */
export async function invert(model, pixels, y, n) {
  const found = await post(`invert/${encodeURIComponent(model.name)}?n=${n}`, pictures(model, pixels, y, n)), D = model.latent_dim;
  const z = new Float32Array(n * D), errors = new Float32Array(n);
  for (let k = 0; k < n; k++) {
    z.set(found.subarray(k * (D + 1), k * (D + 1) + D), k * D);
    errors[k] = found[k * (D + 1) + D];
  }
  return { z, errors };
}

/**
 * What the classifier of a model's data sees in pictures: a probability per class, and how far the nearest test picture is in its features,
 * as a multiple of how far test pictures are from each other; null where it knows no test pictures.
 * @returns {Promise<{chances: Float32Array[], distances: Float32Array|null}>}
 */
export async function describe(model, pixels, n) {
  const K = classifierNamed(model.classifier).classes.length;
  const seen = await post(`describe/${encodeURIComponent(model.classifier)}?n=${n}`, bytesOf(pixels, model.image_shape, n)), width = seen.length / n;
  const chances = Array.from({ length: n }, (_, k) => seen.subarray(k * width, k * width + K));
  return { chances, distances: width > K ? Float32Array.from({ length: n }, (_, k) => seen[k * width + K]) : null };
}

/** Latents from N(0, I) or from what was fitted to a model's codes. @param {string} sampler "normal", "gaussian" or "mixture" @returns {Promise<Float32Array>} [n, D] */
export async function prior(model, n, seed, sampler) {
  const query = new URLSearchParams({ n, seed, sampler });
  return new Float32Array(await (await fetched(liveUrl(`prior/${encodeURIComponent(model.name)}?${query}`))).arrayBuffer());
}
