// Sums worth trying, with the pictures for them found among what a model makes, as Radford et al. 2015 (section 6.3.2) chose theirs by eye.

import { classifierNamed, className, hasPrior, isSlow, loadAtlas } from "./catalogue.js";
import { describe } from "./considered.js";
import { wordOf } from "./directions.js";
import { flat } from "./frames.js";
import { latents } from "./normal.js";
import { decodeBehind } from "./roads.js";
import { textOfLists } from "./sumtext.js";

const EACH = 3, LOOKED = 192, AT_ONCE = 48, PER_CLASS = 60; // pictures in an average; random ones that the classifier looks at, so many at a time; codes of a class
/** What each of the three places must have (+) or lack (-). */
const FACES = [
  ["Smiling woman − woman + man", ["+Smiling -Male -Eyeglasses", "-Smiling -Male -Eyeglasses", "-Smiling +Male -Eyeglasses"]],
  ["Man with glasses − man + woman", ["+Eyeglasses +Male", "-Eyeglasses +Male", "-Eyeglasses -Male"]],
  ["Blond − brown hair + man", ["+Blond_hair -Male", "+Brown_hair -Male", "+Brown_hair +Male"]],
];
const PAIRS = { mnist: [3, 5, "thick", "thin"], digits: [3, 5, "thick", "thin"], fashion: [0, 3, "bright", "dark"] };
export const ABOUT_LABELS = "“Woman” and “man” stand for what the classifier sees of the data set's label Male, no more.";

/** @typedef {{title: string, find: (onProgress: (done: number, all: number) => void, signal: AbortSignal) => Promise<string>}} SumPreset find gives the sum's text */
/** @param {import("./catalogue.js").Model} model @returns {SumPreset[]} */
export function sumPresets(model) {
  const judge = model.classifier && classifierNamed(model.classifier);
  if (!judge || isSlow(model) || !hasPrior(model)) return [];
  if (judge.kind === "attributes") {
    const words = judge.classes.map(wordOf), knows = (wish) => wish.split(" ").every((word) => words.includes(word.slice(1)));
    return FACES.filter(([, wishes]) => wishes.every(knows)).map(([title, wishes]) => ({ title, find: (...how) => byAttributes(model, words, wishes, ...how) }));
  }
  const pair = PAIRS[model.dataset];
  if (!pair || !model.atlas || model.image_shape[0] > 1 || model.conditions.length) return [];
  const [one, other, strong, weak] = pair, [first, second] = [one, other].map((label) => className(model, label));
  return [{ title: `${strong} ${first} − ${weak} ${first} + ${weak} ${second}`, find: (...how) => byInk(model, one, other, ...how) }];
}

const looked = new Map(); // what the classifier saw in the first random pictures of a model, by hash

/** Random pictures in which the classifier is surest of what each place must have and lack. */
async function byAttributes(model, words, wishes, onProgress, signal) {
  if (!looked.has(model.hash)) {
    const chances = [];
    for (let k = 0; k < LOOKED; k += AT_ONCE) {
      const pixels = await decodeBehind(model, flat(Array.from({ length: AT_ONCE }, (_, i) => latents(k + i + 1, 1, model.latent_dim))), null, AT_ONCE, undefined, signal);
      chances.push(...(await describe(model, pixels, AT_ONCE)).chances);
      signal.throwIfAborted();
      onProgress(k + AT_ONCE, LOOKED);
    }
    looked.set(model.hash, chances);
  }
  const sure = (chances, wish) => wish.split(" ").reduce((share, word) => { const chance = chances[words.indexOf(word.slice(1))]; return share * (word[0] === "+" ? chance : 1 - chance); }, 1);
  const found = looked.get(model.hash), best = (wish) => found.map((chances, k) => [sure(chances, wish), k]).sort((a, b) => b[0] - a[0]).slice(0, EACH).map(([, k]) => `seed:${k + 1}`);
  return textOfLists(wishes.map(best));
}

/** Codes of one class with the most and the least ink, and of another with the least. */
async function byInk(model, one, other, onProgress, signal) {
  const atlas = await loadAtlas(model), inked = async (label) => {
    const rows = Array.from({ length: atlas.count }, (_, k) => k).filter((k) => atlas.labels[k] === label).slice(0, PER_CLASS);
    const pixels = await decodeBehind(model, flat(rows.map((k) => atlas.code(k))), null, rows.length, undefined, signal), size = pixels.length / rows.length;
    return rows.map((k, i) => [pixels.subarray(i * size, (i + 1) * size).reduce((sum, value) => sum + value, 0), `atlas:${k}`]).sort((a, b) => a[0] - b[0]).map(([, point]) => point);
  };
  const [first, second] = [await inked(one), await inked(other)];
  onProgress(1, 1);
  if (Math.min(first.length, second.length) < 2 * EACH) throw new Error("The atlas of this model has too few codes of these classes.");
  return textOfLists([first.slice(-EACH), first.slice(0, EACH), second.slice(0, EACH)]);
}
