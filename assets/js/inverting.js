// What the server makes of one's own picture: read by a model, or its code searched for step by step, which can be stopped.

import { fetched } from "./away.js";
import { liveUrl } from "./catalogue.js";
import { bytesOf, hearLines } from "./lines.js";

/**
 * @typedef {{error: number, psnr: number|null, ssim: number|null}} Quality psnr is null for the very same picture
 * @typedef {{value: number, exceeds: number, threshold: number}} Measure beside test pictures: the share that has less, and what 5 % exceed
 * @typedef {Object} Reading what a model makes of a picture; code is null where it has no encoder
 * @property {Float32Array|null} code @property {string|null} told the class that a conditional model was told @property {Uint8Array} picture [H, W, C]
 * @property {number} error @property {number|null} psnr @property {number} ssim @property {number} bytes of the code as float16
 * @property {{value: number, usual: number, exceeds: number}} length of the code, beside that of draws of N(0, I): the share that is shorter
 * @property {({format: string, bytes: number, shrunk: number, picture: Uint8Array} & Quality)[]} files
 * @property {{among: number, distance: Measure, error: Measure, score: Measure}|null} typical
 * @property {{among: number, drawn: boolean, codes: {row: number, apart: number}[], bits?: string, hashed?: {row: number, apart: number}[]}|null} near
 * @typedef {{code: Float32Array, picture: Uint8Array, known: number} & Quality} Answer known: the error of the known pixels
 * @typedef {{step?: number, steps?: number, answers?: Answer[], beside?: ({title: string, picture: Uint8Array} & Quality)[], over?: boolean, problem?: string}} News
 */

const unpacked = (one) => ({ ...one, ...(one.code && { code: new Float32Array(bytesOf(one.code).buffer) }), ...(one.picture && { picture: bytesOf(one.picture) }) });
const road = (what, model, query = "") => liveUrl(`own/${what}/${encodeURIComponent(model.name)}${query}`);

/**
 * @param {import("./catalogue.js").Model} model @param {Uint8Array} pixels [H, W, C] @param {Float32Array|null} code one that was searched for; null asks the encoder
 * @param {AbortSignal} [signal] @returns {Promise<Reading>}
 */
export async function readPicture(model, pixels, code = null, signal = undefined) {
  const found = await (await fetched(road("read", model), { method: "POST", body: new Blob(code ? [pixels, code] : [pixels]), signal })).json();
  return { ...unpacked(found), files: (found.files ?? []).map(unpacked) };
}

/**
 * A search; each line of news has the best so far. It ends when `signal` is aborted, and what was heard last remains.
 * @param {"refine"|"repair"} what @param {import("./catalogue.js").Model} model @param {BlobPart[]} body the picture, and for a repair perhaps the mask
 * @param {(news: News) => void} hear @param {AbortSignal} signal @param {string} [query] such as ?factor=2
 */
export async function search(what, model, body, hear, signal, query = "") {
  const answer = await fetched(road(what, model, query), { method: "POST", body: new Blob(body), signal });
  await hearLines(answer, (news) => {
    hear({ ...news, answers: news.answers?.map(unpacked), beside: news.beside?.map(unpacked) });
    return news.over;
  }, signal);
}

/** Whether codes of a model can be searched for by descent: one picture must be quick. @param {import("./catalogue.js").Model} model @returns {true|string} */
export const canSearch = (model) => (model.steps ? "It makes a picture in many steps, so no code is searched for by descent." : model.heavy ? "One of its pictures takes about a second, so no code is searched for by descent." : true);

/** Numbers of a picture's quality as people write them. @param {Quality} quality */
export const qualityText = ({ psnr, ssim }) => [psnr === null ? "the very same" : `${psnr.toFixed(1)} dB`, ssim === null ? "" : `SSIM ${ssim.toFixed(2)}`].filter(Boolean).join(" · ");
