// Corruptions of pictures, the twin of genmodels/corruptions.py: the same level and seed give the same noisy picture here and there.

import { latents } from "./normal.js";

const WIDEST = 3 / 28; // standard deviation of the widest blur, as a share of a picture's side

/** Standard normal numbers as numbers spread evenly over (0, 1) (Bowling et al. 2009). */
const evenly = (noise) => 1 / (1 + Math.exp(-(1.5976 * noise + 0.07056 * noise ** 3)));
const clip = (value) => Math.min(1, Math.max(-1, value));

/** One number for each pixel, the same for its channels. @param {(drawn: number, i: number) => number|null} becomes null leaves the pixel */
function pixelwise(x, [channels, height, width], noise, becomes) {
  const size = height * width, out = x.slice();
  for (let i = 0; i < size; i++) {
    const value = becomes(evenly(noise[i]), i);
    if (value !== null) for (let c = 0; c < channels; c++) out[c * size + i] = value;
  }
  return out;
}

/** Weights [n, n] with which every place of a row takes from all places. */
function blurring(n, level) {
  const spread = Math.max(1e-3, level * WIDEST * n), out = new Float32Array(n * n);
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let j = 0; j < n; j++) sum += out[i * n + j] = Math.exp(-((i - j) ** 2) / (2 * spread ** 2));
    for (let j = 0; j < n; j++) out[i * n + j] /= sum;
  }
  return out;
}

/**
 * Functions of one signature: pictures x [C, H, W] in [-1, 1], their shape, a level from 0, which changes nothing, to 1, and standard normal numbers of x's shape.
 * @type {Object<string, (x: Float32Array, shape: number[], level: number, noise: Float32Array) => Float32Array>}
 */
export const CORRUPTIONS = {
  gaussian: (x, shape, level, noise) => x.map((value, i) => clip(value + 2 * level * noise[i])),
  saltpepper: (x, shape, level, noise) => pixelwise(x, shape, noise, (drawn) => (drawn < level / 2 ? -1 : drawn > 1 - level / 2 ? 1 : null)),
  masking: (x, shape, level, noise) => pixelwise(x, shape, noise, (drawn) => (drawn < level ? -1 : null)),
  block(x, shape, level, noise) {
    const [, height, width] = shape, [tall, wide] = [height, width].map((length) => Math.floor(length * Math.sqrt(level) + 0.5));
    const [top, left] = [[height - tall, 0], [width - wide, 1]].map(([room, at]) => Math.floor(evenly(noise[at]) * (room + 1)));
    const inside = (i) => Math.floor(i / width) - top, across = (i) => (i % width) - left;
    return pixelwise(x, shape, noise, (_, i) => (inside(i) >= 0 && inside(i) < tall && across(i) >= 0 && across(i) < wide ? 0 : null));
  },
  blur(x, [channels, height, width], level) {
    const down = blurring(height, level), across = blurring(width, level), half = new Float32Array(x.length), out = new Float32Array(x.length);
    const pass = (from, to, weights, n, at, stride) => { // along one side of a picture, beginning at `at`
      for (let i = 0; i < n; i++) {
        let sum = 0;
        for (let j = 0; j < n; j++) sum += weights[i * n + j] * from[at + j * stride];
        to[at + i * stride] = sum;
      }
    };
    for (let c = 0; c < channels; c++) {
      for (let k = 0; k < width; k++) pass(x, half, down, height, c * height * width + k, width);
      for (let k = 0; k < height; k++) pass(half, out, across, width, (c * height + k) * width, 1);
    }
    return out;
  },
};

/** What each corruption is called, and what its level means, in words. @type {Object<string, [string, (level: number, side: number) => string]>} */
export const WORDS = {
  gaussian: ["Gaussian", (level) => `Normal noise of standard deviation ${level.toFixed(2)}, black 0 and white 1, cut to what can be shown`],
  saltpepper: ["Salt and pepper", (level) => `${Math.round(100 * level)} % of the pixels are black or white`],
  masking: ["Masking", (level) => `${Math.round(100 * level)} % of the pixels are black`],
  block: ["Missing block", (level) => `A grey square over ${Math.round(100 * level)} % of the area`],
  blur: ["Blur", (level, side) => `Blurred by ${(level * WIDEST * side).toFixed(1)} pixels, as a standard deviation`],
};

let drawn = { key: "", noise: new Float32Array(0) };
/** The noise of a seed, kept while only the level moves. */
function noiseOf(seed, size) {
  const key = `${seed} ${size}`;
  if (drawn.key !== key) drawn = { key, noise: latents(seed, 1, size) };
  return drawn.noise;
}

/**
 * A picture after a corruption, as it is shown and sent.
 * @param {string} kind @param {Uint8Array} pixels [H, W, C] @param {number[]} shape [C, H, W] @param {number} level 0..1 @param {number} seed of the noise @returns {Uint8Array} [H, W, C]
 */
export function corrupted(kind, pixels, shape, level, seed) {
  const [channels, height, width] = shape, size = height * width;
  const x = Float32Array.from({ length: pixels.length }, (_, k) => pixels[(k % size) * channels + Math.floor(k / size)] / 127.5 - 1);
  const made = CORRUPTIONS[kind](x, shape, level, noiseOf(seed, pixels.length));
  return Uint8Array.from({ length: pixels.length }, (_, k) => Math.min(255, Math.max(0, Math.floor(made[(k % channels) * size + Math.floor(k / channels)] * 127.5 + 128))));
}
