// How pushes stand in an address: directions with their sigmas, what is kept, and the models beside the first.

import { say } from "./dom.js";

export const FARTHEST = 3, MOST_BESIDE = 3; // sigmas of a push either way; models beside the first
const MOST = 48; // names
const DIRECTION = /^\w{1,48}$/; // the name of a direction, with underscores for spaces
export const isDirection = (text) => DIRECTION.test(text);

/** @param {import("./store.js").Push[]} pushes */
export const pushText = (pushes) => pushes.map(({ name, sigmas }) => `${name}:${sigmas}`).join(",");

const pushOf = (text) => { const [name, sigmas] = text.split(":"); return { name, sigmas: /^-?\d(\.\d{1,3})?$/.test(sigmas) ? +sigmas : NaN }; };
const nameOf = (one) => one.name ?? one.model ?? one;

/**
 * What a link says of them; what cannot be read is left out, and said.
 * @param {URLSearchParams} values @param {(text: string) => import("./store.js").Stop} stopOf @param {(stop: import("./store.js").Stop) => boolean} canStand whether there is such a model besides the first, and such a point
 * @returns {{push: import("./store.js").Push[], keep: string[], beside: import("./store.js").Stop[]}}
 */
export function readPushes(values, stopOf, canStand) {
  const listed = (key, mark, most, read, fits, sentence) => {
    const all = (values.get(key) ?? "").split(mark).filter(Boolean).map(read);
    const kept = all.filter((one, k) => fits(one) && all.findIndex((other) => nameOf(other) === nameOf(one)) === k).slice(0, most);
    if (kept.length < all.length) say(sentence, "problem");
    return kept;
  };
  return {
    push: listed("push", ",", MOST, pushOf, ({ name, sigmas }) => isDirection(name) && Math.abs(sigmas) <= FARTHEST,
      `Some pushes of the link could not be read; they were left out. A push is a direction and its sigmas from −${FARTHEST} to ${FARTHEST}, as in Smiling:2.`),
    keep: listed("keep", ",", MOST, (text) => text, isDirection, "Some names in the link to be kept are no names of directions; they were left out."),
    beside: listed("beside", ";", MOST_BESIDE, stopOf, canStand, `Some models beside the first could not be read from the link; they were left out. There are at most ${MOST_BESIDE}.`),
  };
}
