// Directions that a person has made: kept in this browser for the weights they were made with, written to files and links, read again with care.

import { wordOf } from "./directions.js";
import { say } from "./dom.js";
import { MOST_NUMBERS, resolve, textOf } from "./points.js";
import { chosen } from "./store.js";

/**
 * @typedef {Object} OwnDirection step: one sigma
 * @property {string} name @property {Float32Array} step @property {"by hand"} source @property {number|null} accuracy @property {number} plus @property {number} minus marked pictures @property {string} about
 * @property {boolean} [brought] whether a link brought it, and nobody has kept it yet
 */
export const MOST_OWN = 24, LARGEST_FILE = 8 << 20; // directions of one model; bytes
const KIND = "latent-playground direction", WORD = /^(?=.*[A-Za-z])[A-Za-z0-9_ ]{2,40}$/;
const known = new Map(); // by place in the storage
const placeOf = (model) => `latent-playground-directions:${model.name}:${model.hash}`;
const same = (one, other) => wordOf(one).toLowerCase() === wordOf(other).toLowerCase();

/** What this browser keeps for a model. @returns {OwnDirection[]} */
function kept(model) {
  const key = placeOf(model);
  if (!known.has(key)) {
    let found = [];
    try {
      found = JSON.parse(localStorage.getItem(key) ?? "[]").map((one) => checked(model, one));
    } catch { /* storage is forbidden, or somebody wrote something else there: it begins empty */ }
    known.set(key, found);
  }
  return known.get(key);
}

function keep(model, list) {
  known.set(placeOf(model), list);
  try {
    localStorage.setItem(placeOf(model), JSON.stringify(list.map(plainly)));
  } catch {
    say("This browser keeps nothing for this page, so the direction is gone when it is closed. Save it as a file.", "problem");
  }
  window.dispatchEvent(new Event("latent-directions"));
}

/** All directions that somebody made for these weights: those kept here, and one that the link brings. @param {import("./catalogue.js").Model} model @returns {OwnDirection[]} */
export function ownDirections(model) {
  const mine = kept(model), given = broughtBy(model, chosen().dir);
  return given && !mine.some(({ name }) => same(name, given.name)) && !whyNotCalled(model, given.name) ? [...mine, given] : mine;
}

const joined = new Map(); // what withOwn gave last, by place in the storage

/**
 * A model's directions with those that somebody made behind them; the same object as long as nothing has changed.
 * @param {import("./catalogue.js").Model} model @param {import("./directions.js").Directions|null} known what the model brings
 * @returns {import("./directions.js").Directions|null}
 */
export function withOwn(model, known) {
  const own = ownDirections(model), last = joined.get(placeOf(model));
  if (!own.length) return known;
  if (last?.known === known && last.own.length === own.length && own.every((one, k) => one === last.own[k])) return last.all;
  const list = [...(known?.list ?? []), ...own], all = { list, names: list.map(({ name }) => wordOf(name)), steps: [...(known?.steps ?? []), ...own.map(({ step }) => step)] };
  joined.set(placeOf(model), { known, own, all });
  return all;
}

/** Keep one, in the place of that name or at the end. @param {OwnDirection} direction @param {number} [at] */
export function keepOwn(model, direction, at = kept(model).length) {
  const { brought: _, ...plain } = direction, list = kept(model).filter(({ name }) => !same(name, plain.name));
  keep(model, [...list.slice(0, at), plain, ...list.slice(at)]);
}

/** @returns {() => void} what brings it back */
export function removeOwn(model, name) {
  const list = kept(model), at = list.findIndex((one) => one.name === name), [direction] = list.slice(at, at + 1);
  keep(model, list.filter((one) => one !== direction));
  return () => keepOwn(model, direction, at);
}

export function renameOwn(model, name, next) {
  keep(model, kept(model).map((one) => (one.name === name ? { ...one, name: next } : one)));
}

/** Why a direction cannot be called that; empty where it can. @param {string} name @param {string} [now] what it is called now */
export function whyNotCalled(model, name, now = "") {
  if (!name) return "Give it a name first, such as Big ears.";
  if (!WORD.test(name)) return "A name has 2 to 40 letters without accents, digits, spaces and _ , at least one of them a letter; it stands in points, as in seed:7 + 2*Big_ears.";
  if (["mix", "seed", "atlas", "across", "up"].some((word) => same(word, name))) return `“${name}” means something else in a point; choose another name.`;
  if (model.directions?.list.some((one) => same(one.name, name))) return `${model.title} has a direction ${name} of its own; choose another name.`;
  if (!same(name, now) && kept(model).some((one) => same(one.name, name))) return `You have a direction ${name} already; choose another name, or delete that one.`;
  if (!now && kept(model).length >= MOST_OWN) return `You keep ${MOST_OWN} directions of this model, which is the most; delete one first.`;
  return "";
}

// As text: for the storage, for files, for links

const plainly = ({ name, step, accuracy, plus, minus, about }) => ({ name, step: [...step], accuracy, plus, minus, about });

/** A file that other people, and other programs, can read. @param {OwnDirection} direction @returns {string} */
export const fileOf = (model, direction) => JSON.stringify({ kind: KIND, format: 1, model: model.hash, model_name: model.name, space: "z", source: "by hand", ...plainly(direction) });

/** What a file says. Throws a sentence where it cannot be used with this model. @param {string} text @returns {OwnDirection} */
export function ofFile(model, text) {
  let found;
  try {
    found = JSON.parse(text);
  } catch {
    throw new Error("This is no JSON file. Choose one that was saved here with “Save”.");
  }
  if (found?.kind !== KIND || found.format !== 1) throw new Error("This file holds no direction. Choose one that was saved here with “Save”.");
  if (found.model !== model.hash) {
    throw new Error(`This direction was made with other weights (${String(found.model_name).slice(0, 60)}, ${String(found.model).slice(0, 16)}); in ${model.title} it would mean nothing.`);
  }
  return checked(model, found);
}

/** @returns {OwnDirection} */
function checked(model, { name, step, accuracy, plus, minus, about }) {
  if (typeof name !== "string" || !WORD.test(name)) throw new Error("The direction in this file has no name that can stand in a point.");
  if (!Array.isArray(step) || step.length !== model.latent_dim) throw new Error(`A direction of ${model.title} has ${model.latent_dim} numbers; this one has ${Array.isArray(step) ? step.length : "none"}.`);
  if (!step.every((value) => typeof value === "number" && Number.isFinite(Math.fround(value))) || !step.some(Boolean)) throw new Error("This direction has numbers that are not finite, or nothing but zeros.");
  const count = (value) => (Number.isInteger(value) && value >= 0 && value < 1000 ? value : 0);
  return { name, step: Float32Array.from(step), source: "by hand", accuracy: typeof accuracy === "number" && accuracy >= 0 && accuracy <= 1 ? accuracy : null,
    plus: count(plus), minus: count(minus), about: typeof about === "string" ? about.slice(0, 300) : "Made by hand." };
}

/** One as a link carries it; null where it has too many numbers for that. @param {OwnDirection} direction */
export function linkOf(model, { name, step, accuracy, plus, minus }) {
  if (step.length > MOST_NUMBERS) return null;
  return [wordOf(name), model.hash, accuracy === null ? "" : +accuracy.toFixed(4), `${plus},${minus}`, textOf(step)].join("@");
}

let brought = { key: "", direction: null }; // the last that was read

/** The direction that a link brings, if it was made with these weights. @returns {OwnDirection|null} */
export function broughtBy(model, text) {
  const key = `${model.hash} ${text}`;
  if (brought.key !== key) brought = { key, direction: ofLink(model, text) };
  return brought.direction;
}

function ofLink(model, text) {
  const [word, hash, accuracy, counts, numbers] = text.split("@");
  if (!text || hash !== model.hash) return null;
  try {
    const [plus, minus] = counts.split(",").map(Number), step = [...resolve(numbers, () => null, model.latent_dim)];
    const about = `Made by hand from ${plus} pictures marked + and ${minus} marked −, and brought by a link.`;
    return { ...checked(model, { name: word.replaceAll("_", " ").trim(), step, accuracy: accuracy ? +accuracy : null, plus, minus, about }), brought: true };
  } catch {
    return null; // whoever shows the workshop says so
  }
}
