// A picture drowns in noise: in closed form at any moment, and by the chain, one step after the other.

import { normal } from "./normal.js";
import { sharesAt } from "./schedules.js";

const EVERY = 50; // steps between two moments that the chain keeps, to go back to
const NUMBERS = 12_544; // about as many as are drawn at once: 16 draws of 28 x 28
const CHAIN = 0x5eed; // apart from the seed of the closed form: both draw noise of their own

/** How many draws of a picture of so many numbers are measured together. @param {number} size */
export const drawsOf = (size) => Math.min(16, Math.max(2, Math.floor(NUMBERS / size)));

/** Bytes [H, W, C] as numbers in [-1, 1], in the same order. @param {Uint8Array} pixels */
export const numbersOf = (pixels) => Float32Array.from(pixels, (value) => value / 127.5 - 1);

/** Numbers as bytes, cut to what pictures can show. @param {ArrayLike<number>} numbers @param {number} [reach] what is white; 3 for noise */
export const bytesFrom = (numbers, reach = 1) => Uint8ClampedArray.from(numbers, (value) => 127.5 * (value / reach + 1));

/** Normal numbers for so many draws. @param {number} seed @param {number} count @param {number} [first] @returns {Float32Array} */
export function noiseOf(seed, count, first = 0) {
  const out = new Float32Array(count);
  for (let i = 0; i < count; i++) out[i] = normal(seed, first + i);
  return out;
}

/**
 * x_t for several draws of the noise at once, in closed form (Ho et al. 2020, equation 4).
 * @param {Float32Array} clean one picture @param {import("./schedules.js").Schedule} schedule @param {number} t @param {Float32Array} noise [draws * size] @returns {Float32Array} [draws * size]
 */
export function closedForm(clean, schedule, t, noise) {
  const [alpha, sigma] = sharesAt(schedule, t), out = new Float32Array(noise.length);
  for (let i = 0; i < out.length; i++) out[i] = alpha * clean[i % clean.length] + sigma * noise[i];
  return out;
}

/** @param {ArrayLike<number>} numbers @returns {{mean: number, spread: number}} spread is the standard deviation */
export function measured(numbers) {
  let sum = 0, squares = 0;
  for (let i = 0; i < numbers.length; i++) { sum += numbers[i]; squares += numbers[i] ** 2; }
  const mean = sum / numbers.length;
  return { mean, spread: Math.sqrt(Math.max(0, squares / numbers.length - mean ** 2)) };
}

/** What mean and standard deviation over all pixels and draws of x_t must be, as the closed form says. @param {Float32Array} clean */
export function foretold(clean, schedule, t) {
  const [alpha, sigma] = sharesAt(schedule, t), { mean, spread } = measured(clean);
  return { mean: alpha * mean, spread: Math.sqrt((alpha * spread) ** 2 + sigma ** 2) };
}

/**
 * The Markov chain x_t = sqrt(1 - beta_t) x_{t-1} + sqrt(beta_t) noise (Ho et al. 2020, equation 2), for several draws at once; it cannot jump.
 * @param {Float32Array} clean @param {import("./schedules.js").Schedule} schedule @param {number} seed
 * @returns {{walk: (t: number, ms: number) => boolean, readonly t: number, readonly x: Float32Array, before: Float32Array, fresh: Float32Array}}
 *   x [draws * size]; before and fresh [size] are x_{t-1} and the noise of the first draw
 */
export function createChain(clean, schedule, seed) {
  const size = clean.length, count = size * drawsOf(size), start = Float32Array.from({ length: count }, (_, i) => clean[i % size]);
  const kept = [start], before = clean.slice(), fresh = new Float32Array(size);
  let x = start.slice(), t = 0;

  function step() {
    const first = t * count, beta = schedule.betas[t + 1], stays = Math.sqrt(1 - beta), comes = Math.sqrt(beta);
    before.set(x.subarray(0, size));
    for (let i = 0; i < count; i++) {
      const noise = normal(seed ^ CHAIN, first + i);
      if (i < size) fresh[i] = noise;
      x[i] = stays * x[i] + comes * noise;
    }
    t += 1;
    if (t % EVERY === 0) kept[t / EVERY] ??= x.slice();
  }

  /** Go towards a moment for so many milliseconds, back to a kept one first where it lies behind. @returns {boolean} whether it is reached */
  function walk(to, ms) {
    const until = performance.now() + ms;
    if (to < t) {
      const from = Math.floor(Math.max(0, to - 1) / EVERY);
      [x, t] = [kept[from].slice(), from * EVERY];
      if (!t) { before.set(clean); fresh.fill(0); }
    }
    while (t < to) {
      step();
      if (performance.now() > until) break;
    }
    return t === to;
  }
  return { walk, before, fresh, get t() { return t; }, get x() { return x; } };
}
