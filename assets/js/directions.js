// Directions of a latent space: loaded, projected off the locked ones, added to a latent; the twin of genmodels/latent/directions.py.

import { fetched } from "./away.js";
import { liveUrl } from "./catalogue.js";
import { say } from "./dom.js";
import { dot } from "./plane.js";
import { textOf } from "./points.js";

const DEPENDENT = 1e-5; // share of its length that a locked direction must add to the span of the others to count
const LONGEST = 4096, MOST_TERMS = 64; // of a point's text

/**
 * @typedef {{name: string, source: string, accuracy: number|null, scale: number, about: string}} Direction
 * @typedef {{list: Direction[], names: string[], steps: Float32Array[]}} Directions names: as points have them; steps: one sigma along each
 */
const loading = new Map(), loaded = new Map(); // by address

/** A direction's name as it stands in a point. @param {string} name */
export const wordOf = (name) => name.replaceAll(" ", "_");

/** The directions of a model; null where it has none, or where they cannot be had now (then a sentence says so). @param {import("./catalogue.js").Model} model @returns {Promise<Directions|null>} */
export function loadDirections(model) {
  if (!model.directions) return Promise.resolve(null);
  const { file, list } = model.directions;
  if (!loading.has(file)) {
    loading.set(file, fetched(liveUrl(file)).then(async (answer) => {
      const numbers = new Float32Array(await answer.arrayBuffer()), size = numbers.length / list.length;
      loaded.set(file, { list, names: list.map(({ name }) => wordOf(name)), steps: list.map((_, k) => numbers.subarray(k * size, (k + 1) * size)) });
      return loaded.get(file);
    }).catch(() => {
      loading.delete(file);
      say(`The directions of ${model.title} could not be loaded, so it cannot be pushed along them. Reload the page to try again.`, "problem");
      return null;
    }));
  }
  return loading.get(file);
}

/** One sigma along a direction of a model whose directions have been loaded; null where there is none. @param {import("./catalogue.js").Model} model @param {string} word */
export function stepNamed(model, word) {
  const directions = model.directions && loaded.get(model.directions.file);
  return directions?.steps[directions.names.indexOf(word)] ?? null;
}

/** Orthonormal rows that span the locked ones, and how each of them is made of these, by Gram and Schmidt, which passes over what adds nothing. */
function basisOf(locked) {
  const rows = [];
  locked.forEach((vector, k) => {
    const row = Float64Array.from(vector), made = new Float64Array(locked.length), length = Math.sqrt(dot(row, row));
    made[k] = 1;
    for (let twice = 0; twice < 2; twice++) for (const one of rows) subtract(row, one.row, dot(row, one.row), made, one.made);
    const left = Math.sqrt(dot(row, row));
    if (left > DEPENDENT * length) rows.push({ row: row.map((value) => value / left), made: made.map((value) => value / left) });
  });
  return rows;
}

function subtract(row, other, share, made, itsMade) {
  for (let i = 0; i < row.length; i++) row[i] -= share * other[i];
  for (let k = 0; k < made.length; k++) made[k] -= share * itsMade[k];
}

/** A step less what it has in the span of the locked ones, and how much of each of these that is. */
function projection(step, locked, basis = basisOf(locked)) {
  const row = Float64Array.from(step), made = new Float64Array(locked.length), length = Math.sqrt(dot(row, row));
  for (let twice = 0; twice < 2; twice++) for (const one of basis) subtract(row, one.row, dot(row, one.row), made, one.made);
  if (Math.sqrt(dot(row, row)) <= DEPENDENT * length) row.fill(0);
  return { step: row, shares: made };
}

/** A step less what it has in the span of the locked ones: along it nothing locked moves. @param {Float32Array} step @param {Float32Array[]} locked @returns {Float32Array} */
export const projectedOff = (step, locked) => Float32Array.from(projection(step, locked).step);

const kept = new WeakMap(); // of steps: the locked ones for which projections were made, and these by number
/** What a push along direction k is while others are locked. @param {Directions} directions @param {number} k @param {Set<string>} locked */
function projectedStep({ names, steps }, k, locked) {
  const others = names.map((_, j) => j).filter((j) => j !== k && locked.has(names[j])), key = others.join();
  if (kept.get(steps)?.locked !== [...locked].join()) kept.set(steps, { locked: [...locked].join(), made: new Map() });
  const { made } = kept.get(steps);
  if (!made.has(k)) {
    const rows = others.map((j) => steps[j]), { step, shares } = key ? projection(steps[k], rows) : { step: steps[k], shares: [] };
    made.set(k, { step, terms: others.map((j, at) => [j, shares[at]]) });
  }
  return made.get(k);
}

/** The directions that are pushed, by number with their sigmas: those that are there, and not by zero. */
const pushed = ({ names }, pushes) => [...pushes].map(([name, sigmas]) => [names.indexOf(name), sigmas]).filter(([k, sigmas]) => k >= 0 && sigmas);

/**
 * A latent pushed along directions, each projected off the span of the locked ones. What is itself locked is pushed as it is: to lock a direction leaves the
 * picture as it stands with regard to it.
 * @param {Float32Array} z @param {Directions} directions @param {Map<string, number>} pushes sigmas by name, as in points @param {Set<string>} locked names @returns {Float32Array}
 */
export function applied(z, directions, pushes, locked) {
  const sum = Float64Array.from(z);
  for (const [k, sigmas] of pushed(directions, pushes)) {
    const step = locked.has(directions.names[k]) ? directions.steps[k] : projectedStep(directions, k, locked).step;
    for (let i = 0; i < sum.length; i++) sum[i] += sigmas * step[i];
  }
  return Float32Array.from(sum);
}

/**
 * The same as a text: a projected direction is the sum of itself and the locked ones. Directions made by hand, which no name leads to, are written as their numbers.
 * @param {string} text of the start @param {Directions} directions @param {Map<string, number>} pushes @param {Set<string>} locked @returns {string|null} null where it is too long for a point
 */
export function expression(text, directions, pushes, locked) {
  const { list, names, steps } = directions, factors = new Map(), add = (k, factor) => factors.set(k, (factors.get(k) ?? 0) + factor);
  for (const [k, sigmas] of pushed(directions, pushes)) {
    add(k, sigmas);
    if (!locked.has(names[k])) for (const [j, share] of projectedStep(directions, k, locked).terms) add(j, sigmas * share);
  }
  let sum = text;
  for (const [k, factor] of factors) {
    const size = +Math.abs(factor).toFixed(6);
    if (size >= 1000) return null;
    const place = list[k].source === "by hand" ? textOf(steps[k]) : names[k];
    if (size) sum += ` ${factor < 0 ? "-" : "+"} ${size === 1 ? "" : `${size}*`}${place}`;
  }
  const terms = sum.split(/ [-+] |mix\(|, /).length;
  return sum.length <= LONGEST && terms <= MOST_TERMS ? sum : null;
}
