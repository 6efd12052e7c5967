// How noise grows over the moments t = 0 .. T of the forward process: betas, what is left of the picture, signal to noise; the twin of genmodels/models/diffusion.py.

/**
 * @typedef {Object} Schedule
 * @property {"cosine"|"linear"} kind @property {number} times T
 * @property {Float64Array} betas [T + 1], the variance of the noise that step t adds; 0 at t = 0
 * @property {Float64Array} left [T + 1], alpha-bar: the share of the picture's variance that is left at t; 1 at t = 0
 */

/** The variance of the noise added at t = 1 .. T as by Nichol & Dhariwal 2021. */
function cosineBetas(times) {
  const left = Array.from({ length: times + 1 }, (_, t) => Math.cos((t / times + 0.008) / 1.008 * Math.PI / 2) ** 2);
  return Array.from({ length: times }, (_, k) => Math.min(1 - left[k + 1] / left[k], 0.999));
}

/** The same as by Ho et al. 2020, for any T. */
function linearBetas(times) {
  const scale = Math.min(1000 / times, 40), step = times > 1 ? (0.02 - 1e-4) / (times - 1) : 0;
  return Array.from({ length: times }, (_, k) => (1e-4 + k * step) * scale);
}

const BETAS = { cosine: cosineBetas, linear: linearBetas };
/** Each with what it is called and where it comes from. */
export const KINDS = { cosine: ["Cosine", "Nichol & Dhariwal 2021"], linear: ["Linear", "Ho et al. 2020"] };

/** @param {"cosine"|"linear"} kind @param {number} [times] @returns {Schedule} */
export function createSchedule(kind, times = 1000) {
  const betas = Float64Array.from([0, ...BETAS[kind](times)]), left = new Float64Array(times + 1);
  left[0] = 1;
  for (let t = 1; t <= times; t++) left[t] = left[t - 1] * (1 - betas[t]);
  return { kind, times, betas, left };
}

/** How much of the picture and of the noise there is at t: x_t = alpha x_0 + sigma noise. @param {Schedule} schedule @returns {[number, number]} */
export const sharesAt = ({ left }, t) => [Math.sqrt(left[t]), Math.sqrt(1 - left[t])];

/** The variance of the picture's share over that of the noise; without end at t = 0. @param {Schedule} schedule */
export const signalToNoise = ({ left }, t) => left[t] / (1 - left[t]);
