// Where the models of the Attributes page stand: each its own start, with the directions that it can be pushed along.

import { hasPrior, isAlike, loadAtlas, modelNamed } from "./catalogue.js";
import { applied, loadDirections } from "./directions.js";
import { say } from "./dom.js";
import { unfit } from "./fits.js";
import { withOwn } from "./owndirections.js";
import { toldAt } from "./place.js";
import { standAt } from "./stops.js";

/**
 * @typedef {Object} Known a model with what has been loaded of it
 * @property {import("./catalogue.js").Model} model @property {import("./catalogue.js").Atlas|null} atlas @property {import("./directions.js").Directions|null} directions its own, and those that a person has made
 * @typedef {Known & {text: string, start: Float32Array, label: string}} Standing text: of the start; label: the class that the model is told
 */

/** @param {string} name of a model @returns {Promise<Known>} */
export async function knownOf(name) {
  const model = modelNamed(name), [atlas, directions] = await Promise.all([loadAtlas(model), loadDirections(model).then((known) => withOwn(model, known))]);
  return { model, atlas, directions };
}

/** Where a model stands after pushes along the directions that it has. @param {Standing} standing @param {Map<string, number>} pushes @param {Set<string>} locked */
export const pushedFrom = ({ start, directions }, pushes, locked) => (directions ? applied(start, directions, pushes, locked) : start);

/**
 * The start of every model. What cannot be had is said.
 * @param {import("./store.js").Choice} choice @param {Known} first @param {Known[]} others of `beside`, in its order
 * @returns {{standings: Standing[], wrong: Partial<import("./store.js").Choice>}} wrong: the defaults of what does not fit; empty where all does
 */
export function standingsOf(choice, first, others) {
  const { model, atlas } = first, { text, z, instead } = standAt(model, atlas, choice.point), wrong = { ...unfit(choice, model, modelNamed(choice.second)), ...strangers(choice, first) };
  if (instead !== undefined) wrong.point = instead;
  if (Object.keys(wrong).length) return { standings: [], wrong };
  const seeded = /^seed:\d+$/.test(text); // then the others begin at the same seed, unless they are told where
  const rest = others.map((one, k) => {
    const { point, label } = choice.beside[k], its = standAt(one.model, one.atlas, point || (seeded && hasPrior(one.model) ? text : ""));
    return { ...one, text: its.text, start: its.z, label: toldAt(one.model, one.atlas, its.text, label) };
  });
  return { standings: [{ ...first, text, start: z, label: toldAt(model, atlas, text, choice.label) }, ...rest], wrong };
}

/** Pushes and locks along directions that a model has not, and models whose pictures are other ones: without them. */
function strangers({ push, keep, beside }, { model, directions }) {
  const names = directions?.names ?? [], unknown = [...new Set([...push.map(({ name }) => name), ...keep])].filter((name) => !names.includes(name)), wrong = {};
  if (unknown.length) Object.assign(wrong, { push: push.filter(({ name }) => names.includes(name)), keep: keep.filter((name) => names.includes(name)) });
  if (unknown.length && names.length) say(`${model.title} has no direction ${unknown.join(", ").replaceAll("_", " ")}, so ${unknown.length > 1 ? "these were" : "this was"} left out.`, "problem");
  const alike = beside.filter((stop) => stop.model !== model.name && isAlike(modelNamed(stop.model), model));
  return alike.length < beside.length ? { ...wrong, beside: alike } : wrong;
}
