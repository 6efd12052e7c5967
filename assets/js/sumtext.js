// A - B + C as a point: averages of several points with their factors, in the grammar of points where it fits.

import { place, textFor } from "./place.js";

const LONGEST = 4096, CLOSE = 1e-3; // characters of a point; how far rounded factors may lead away in one number of a latent
/** @typedef {[string[], string[], string[]]} Lists the points of A, of B and of C */

/** @param {string} text as the address has it: lists with ; between them, points with | @returns {Lists} */
export const listsOf = (text) => (text || ";;").split(";").map((list) => list.split("|").filter(Boolean));
/** @param {Lists} lists */
export const textOfLists = (lists) => (lists.some((list) => list.length) ? lists.map((list) => list.join("|")).join(";") : "");

/** Whether a point is one place, which may have a factor before it. */
function isPlace(point) {
  if (/^(seed:\d+|atlas:\d+|z:[\w-]+)$/.test(point)) return true;
  if (!point.startsWith("mix(")) return false;
  let depth = 0;
  for (let k = 3; k < point.length; k++) {
    if (point[k] === "(") depth++;
    if (point[k] === ")" && --depth === 0) return k === point.length - 1;
  }
  return false;
}

const factorOf = (value) => String(+Math.abs(value).toFixed(6));

/** The sum in the grammar, in which a sum of its own is a mix with no share of another place. @param {Lists} lists */
export function sumText(lists) {
  const terms = lists.flatMap((list, k) => list.map((point) => {
    const factor = 1 / list.length, whole = isPlace(point) ? point : `mix(${point}, seed:0, 0)`;
    return `${k === 1 ? " - " : " + "}${factor === 1 ? "" : `${factorOf(factor)}*`}${whole}`;
  }));
  return terms.join("").slice(3);
}

/** The mean of latents, float64 on the way. @param {Float32Array[]} rows */
export const mean = (rows) => Float64Array.from(rows[0], (_, i) => rows.reduce((sum, row) => sum + row[i], 0) / rows.length);

/**
 * Every step of A - B + C: the means, the push A - B, the result, and its point.
 * @param {import("./catalogue.js").Model} model @param {import("./catalogue.js").Atlas|null} atlas @param {Lists} lists none empty
 * @returns {{each: Float32Array[][], means: Float32Array[], push: Float32Array, result: Float32Array, point: string}}
 */
export function summed(model, atlas, lists) {
  const each = lists.map((list) => list.map((point) => place(model, atlas, point))), [a, b, c] = each.map(mean), push = a.map((value, i) => value - b[i]);
  const result = Float32Array.from(c, (value, i) => value + push[i]), text = sumText(lists);
  return { each, means: [a, b, c].map((one) => Float32Array.from(one)), push: Float32Array.from(push), result, point: fits(model, atlas, text, result) ? text : textFor(result) };
}

function fits(model, atlas, text, result) {
  if (text.length > LONGEST || text.includes("here:")) return false;
  try {
    return place(model, atlas, text).every((value, i) => Math.abs(value - result[i]) < CLOSE);
  } catch {
    return false; // more places than one text may have: its numbers say it
  }
}
