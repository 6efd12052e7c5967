// Counter-based normal numbers, the twin of genmodels/normal.py: the same seed gives the same latent here and there.

/** A 32-bit integer hash with low bias. @param {number} x */
function mix(x) {
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** @param {number} seed @param {number} counter */
function uniform(seed, counter) {
  const first = mix(seed >>> 0), second = mix((seed ^ 0x9e3779b9) >>> 0);
  const bits = mix((mix((counter + first) >>> 0) ^ second) >>> 0);
  return (bits + 0.5) / 2 ** 32;
}

/** A standard normal number, rounded to float32. @param {number} seed @param {number} index */
export function normal(seed, index) {
  const counter = Math.imul(index, 2) >>> 0;
  const radius = Math.sqrt(-2 * Math.log(uniform(seed, counter)));
  return Math.fround(radius * Math.cos(2 * Math.PI * uniform(seed, (counter + 1) >>> 0)));
}

/** Latents number `first` to `first + n - 1` of a seed, one after the other. @param {number} size numbers in one @returns {Float32Array} */
export function latents(seed, n, size, first = 0) {
  const out = new Float32Array(n * size);
  for (let i = 0; i < out.length; i++) out[i] = normal(seed, first * size + i);
  return out;
}

/** The first latent of a seed. @param {number} seed @param {number} size @returns {Float32Array} */
export const latent = (seed, size) => latents(seed, 1, size);
