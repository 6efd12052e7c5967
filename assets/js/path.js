// Paths of a model of many steps, told by the server step by step: from noise to pictures, and from a picture back to its noise.

import { fetched } from "./away.js";
import { liveUrl } from "./catalogue.js";
import { bytesOf, hearLines } from "./lines.js";

/**
 * @typedef {{t: number, alpha: number, sigma: number}} Moment number t of T, and how much of the picture (alpha) and of the noise (sigma) is left
 * @typedef {Object} PathStep one step of n pictures; pictures are uint8 [n, H, W, C]
 * @property {number} step from 1 on @property {number} t @property {number} alpha @property {number} sigma @property {Moment} next where it leads
 * @property {number} spread standard deviation of the fresh noise @property {Uint8Array} x @property {Uint8Array} x0 the predicted pictures
 * @property {Uint8Array} noise the predicted noise, 128 where it is 0 and 255 from three standard deviations on
 * @property {Uint8Array} [mean] where the step leads without fresh noise, of a single picture @property {Uint8Array} [fresh] that noise before it is multiplied by spread
 * @typedef {{steps: number, n: number} | PathStep | {done: true, x: Uint8Array}} PathLine
 * @typedef {Object} Asked what is left out is the model's own choice
 * @property {Float32Array} z [n, D] @property {Float32Array|null} [y] [n, K] @property {number} [n] 1 unless it is said
 * @property {string} [sampler] @property {number|""} [steps] @property {number} [eta] @property {number|""} [guidance] @property {number} [noise] seed of the fresh noise
 * @property {number} [start] share of the way at which to begin from the picture @property {number} [repeats] how often each step of a repair is taken
 * @property {number} [shrunk] how many times smaller the known version of the picture is @property {Uint8Array|null} [picture] [H, W, C]
 * @property {ArrayLike<number|boolean>|null} [mask] H x W, which pixels of the picture are known
 */

const BITS = 8;
/** H x W truths as bits, the first one highest. @param {ArrayLike<number|boolean>} mask */
function packed(mask) {
  const bytes = new Uint8Array(Math.ceil(mask.length / BITS));
  for (let k = 0; k < mask.length; k++) if (mask[k]) bytes[k >> 3] |= 128 >> k % BITS;
  return bytes;
}

const unpacked = (line) => Object.fromEntries(Object.entries(line).map(([name, value]) => [name, typeof value === "string" ? bytesOf(value) : value]));

/**
 * Follows n paths of one model; every line is told as it comes: first {steps, n}, then the steps, at last {done, x}.
 * It ends when `signal` is aborted (AbortError), and throws what the server refuses in words.
 * @param {import("./catalogue.js").Model} model @param {Asked} asked @param {(line: PathLine) => void} onLine @param {AbortSignal} [signal]
 */
export async function followPath(model, asked, onLine, signal = undefined) {
  const { z, y = null, n = 1, picture = null, mask = null, ...how } = asked;
  const query = new URLSearchParams(Object.entries(how).filter(([, value]) => value !== undefined && value !== null && value !== "").map(([name, value]) => [name, `${value}`]));
  if (mask) query.set("mask", "1");
  const said = model.conditions.length ? y ?? new Float32Array(n * model.conditions.length) : null;
  const needed = mask || (how.shrunk ?? 1) > 1 || (how.start ?? 1) < 1;
  const body = new Blob([z, said, needed && picture, mask && packed(mask)].filter(Boolean));
  const answer = await fetched(liveUrl(`path/${encodeURIComponent(model.name)}?${query}`), { method: "POST", body, signal });
  await hearLines(answer, (line) => { onLine(unpacked(line)); return line.done; }, signal);
}

/**
 * The noise that a picture grows from, step by step (DDIM backwards): {step, of, t, x} with x uint8 [H, W, C], at last {done, z}.
 * @param {import("./catalogue.js").Model} model @param {Uint8Array} picture [H, W, C] @param {Float32Array|null} y [K] @param {number|""} steps "" is the model's choice
 * @param {(line: {step?: number, of?: number, t?: number, x?: Uint8Array, done?: true, z?: Float32Array}) => void} onLine @param {AbortSignal} [signal]
 * @returns {Promise<Float32Array>} z [D]
 */
export async function noiseOf(model, picture, y, steps, onLine, signal = undefined) {
  const body = new Blob(model.conditions.length && y ? [picture, y] : [picture]);
  const answer = await fetched(liveUrl(`noise/${encodeURIComponent(model.name)}?steps=${steps}`), { method: "POST", body, signal });
  let z = null;
  await hearLines(answer, (line) => {
    const news = unpacked(line);
    if (news.z) z = news.z = new Float32Array(news.z.buffer);
    onLine(news);
    return line.done;
  }, signal);
  return z;
}
