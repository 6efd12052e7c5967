// What the person has chosen: model, point, pins, view. One small store that all live components read and the address shows.

import { say } from "./dom.js";

/**
 * @typedef {{letter: string, model: string, point: string, label: string}} Pin
 * @typedef {{model: string, point: string, label: string}} Stop of a walk: a model, a point of it, and the class that it is told
 * @typedef {Object} Choice
 * @property {string} tab the tab's id
 * @property {string} model @property {string} second model beside it, or "" @property {string} point an expression @property {string} label class that a conditional model is told: its number, "none", or "" for the class of an atlas point
 * @property {string} plane "axes", "dims:i,j" or "pins:ABC" @property {Pin[]} pins @property {string} layers letters of what the map shows
 * @property {"place"|"picture"} hand what a second model shares with the first: the place in sigmas, or the nearest test picture
 * @property {number} truncation scale of a GAN's latents, 0.1..1.5 @property {"normal"|"gaussian"|"mixture"} random what random points are drawn from
 * @property {number|""} steps of a model of many steps, 1..200; "" is its own number @property {string} sampler "" is its own @property {number|""} guidance 0..20; "" is its own
 * @property {Stop[]} ends two to eight stops of a walk; none is a walk that the page chooses @property {string[]} rows "crossfade" and names of models; none is a choice of the page
 * @property {"auto"|"line"|"circle"} walk how the rows go from stop to stop @property {number} at where on the walk, 0..1 @property {"rows"|"grid"} view
 * @property {"auto"|"browser"|"server"} road
 */
export const LAYERS = { m: "Pictures", c: "Codes", s: "Posteriors" };
const DEFAULTS = {
  tab: "explore", model: "", second: "", point: "", label: "", plane: "axes", pins: [], layers: "mc", hand: "place",
  truncation: 1, random: "normal", steps: "", sampler: "", guidance: "", ends: [], rows: [], walk: "auto", at: 0.5, view: "rows", road: "auto",
};
const REMEMBERED = ["model", "second", "point", "label", "plane", "pins", "truncation", "ends", "rows", "walk"]; // what undo brings back, in the tab where it was done
const DEEPEST = 200, MOST_STOPS = 8, MOST_ROWS = 12;

/** @type {Choice} */
let choice = { ...DEFAULTS };
let past = [], future = [];
const listeners = new Set();

/** A point that only this page knows, because its numbers are too many for a link. @param {string} point */
export const isLocal = (point) => point.startsWith("here:");

export const chosen = () => choice;
export const canUndo = () => past.length > 0;
export const canRedo = () => future.length > 0;

/** Call back after every change with the choice and the set of names that changed. */
export const onChange = (listener) => listeners.add(listener);

/** Change some of it. Undo brings back what was before, unless `remember` is false. @param {Partial<Choice>} changes */
export function choose(changes, remember = true) {
  const before = choice;
  if (Object.keys(changes).every((name) => JSON.stringify(changes[name]) === JSON.stringify(before[name]))) return;
  if (remember && REMEMBERED.some((name) => name in changes)) {
    past = [...past.slice(-DEEPEST), pick(before)];
    future = [];
  }
  become({ ...before, ...changes });
}

export function undo() {
  if (!past.length) return;
  future.push(pick(choice));
  become({ ...choice, ...past.pop() });
}

export function redo() {
  if (!future.length) return;
  past.push(pick(choice));
  become({ ...choice, ...future.pop() });
}

const pick = (from) => Object.fromEntries(["tab", ...REMEMBERED].map((name) => [name, from[name]]));

function become(next) {
  const changed = new Set(Object.keys(next).filter((name) => next[name] !== choice[name]));
  choice = next;
  writeAddress();
  for (const listener of listeners) listener(choice, changed);
}

// The address: every view is a link

/** The query string of the view, without what is at its default and, for others, without what is this browser's own. */
function query(forOthers = false) {
  const old = new URLSearchParams(location.search), values = new URLSearchParams();
  if (!forOthers) for (const [key, value] of old) if (key.startsWith("__")) values.append(key, value); // Gradio's, such as __theme
  for (const name of Object.keys(DEFAULTS)) {
    if (name in LISTS ? !choice[name].length : choice[name] === DEFAULTS[name] || (forOthers && name === "road")) continue;
    values.set(name, name in LISTS ? LISTS[name](choice[name]) : choice[name]);
  }
  return values.toString().replace(/%3A/g, ":").replace(/%2C/g, ",").replace(/%3B/g, ";").replace(/%40/g, "@");
}
export const link = () => `${location.origin}${location.pathname}?${query(true)}`;

const stopText = ({ model, point, label }) => [model, point, label].filter((part, i) => i < 2 || part).join("@");
const stopOf = (text) => { const [model, point = "", label = ""] = text.split("@"); return { model, point, label }; };
const pinOf = (text) => { const [letter, ...stop] = text.split("@"); return { letter, ...stopOf(stop.join("@")) }; };
/** How the lists are written in an address. */
const LISTS = { pins: (pins) => pins.map((pin) => `${pin.letter}@${stopText(pin)}`).join(";"), ends: (ends) => ends.map(stopText).join(";"), rows: (rows) => rows.join(",") };

let writing = 0;
function writeAddress() {
  try {
    sessionStorage.setItem("latent-playground-history", JSON.stringify({ at: query(), past: past.slice(-50), future: future.slice(-50) }));
  } catch { /* storage is full or forbidden: undo then ends with the page */ }
  clearTimeout(writing); // browsers allow few changes of the address in a row
  writing = setTimeout(() => history.replaceState(history.state, "", `${location.pathname}?${query()}${location.hash}`), 60);
}

/**
 * Read the address. Unknown keys are ignored; a bad value gets a sentence and its default.
 * @param {{models: string[], firstModel: string}} known
 */
export function readAddress({ models, firstModel }) {
  const values = new URLSearchParams(location.search), next = { ...DEFAULTS, model: firstModel };
  const take = (name, fits, why, read = (value) => value) => {
    if (!values.has(name)) return;
    const value = values.get(name);
    if (fits(value)) next[name] = read(value);
    else say(why(value.slice(0, 60)), "problem");
  };
  const oneOf = (name, what, options) => take(name, (value) => options.includes(value),
    (value) => `The link asks for the ${what} “${value}”; there are ${options.slice(0, -1).join(", ")} and ${options.at(-1)}.`);
  const number = (name, what, least, most, whole = false) => take(name, (value) => value.trim() !== "" && +value >= least && +value <= most && (!whole || Number.isInteger(+value)),
    (value) => `The link asks for “${value}” as ${what}; it is a ${whole ? "whole " : ""}number from ${least} to ${most}.`, Number);
  take("model", (value) => models.includes(value), (value) => `The link asks for the model “${value}”, which is not here; this is ${firstModel}.`);
  take("second", (value) => value === "" || models.includes(value), (value) => `The link asks for the second model “${value}”, which is not here.`);
  take("point", (value) => value.length <= 4096 && !isLocal(value), (value) => (isLocal(value)
    ? "This point has too many numbers for a link; it lived on the page it was made on." : "The point in the link is too long; it was left out."));
  take("label", (value) => /^(\d{0,2}|none)$/.test(value), (value) => `The link asks for the class “${value}”, which is no number.`);
  take("plane", (value) => /^(axes|dims:\d{1,4},\d{1,4}|pins:[A-Z]{3})$/.test(value), (value) => `The link asks for the map “${value}”, which this page cannot draw.`);
  take("layers", (value) => [...value].every((letter) => letter in LAYERS), (value) => `The link asks to show “${value}” on the map, which this page does not know.`);
  take("tab", (value) => /^[a-z_]{1,24}$/.test(value), (value) => `The link asks for the tab “${value}”, which this page does not have.`);
  oneOf("hand", "hand", ["place", "picture"]);
  oneOf("road", "road", ["auto", "browser", "server"]);
  oneOf("random", "random points", ["normal", "gaussian", "mixture"]);
  oneOf("walk", "walk", ["auto", "line", "circle"]);
  oneOf("view", "view", ["rows", "grid"]);
  number("truncation", "the truncation", 0.1, 1.5);
  number("steps", "the number of steps", 1, 200, true);
  number("guidance", "the guidance", 0, 20);
  number("at", "the place on the walk", 0, 1);
  take("sampler", (value) => /^[a-z+0-9]{0,16}$/.test(value), (value) => `The link asks for the sampler “${value}”, which this page does not know.`);
  if (values.get("pins")) {
    const pins = values.get("pins").split(";").slice(0, 26).map(pinOf);
    next.pins = pins.filter(({ letter, model, point }, i) => /^[A-Z]$/.test(letter) && models.includes(model) && point && pins.findIndex((p) => p.letter === letter) === i);
    if (next.pins.length < pins.length) say("Some pins of the link could not be read; they were left out.", "problem");
  }
  if (values.get("ends")) {
    const stops = values.get("ends").split(";").map(stopOf);
    if (stops.length >= 2 && stops.length <= MOST_STOPS && stops.every(({ model, point, label }) => models.includes(model) && point && !isLocal(point) && /^(\d{0,2}|none)$/.test(label))) next.ends = stops;
    else say(`The ends of the walk in the link could not be read: a walk has two to ${MOST_STOPS} stops, each a model that is here and a point.`, "problem");
  }
  if (values.get("rows")) {
    const rows = [...new Set(values.get("rows").split(","))];
    next.rows = rows.filter((name) => name === "crossfade" || models.includes(name)).slice(0, MOST_ROWS);
    if (next.rows.length < rows.length) say("Some rows of the link are no models that are here; they were left out.", "problem");
  }
  choice = next;
  try {
    const kept = JSON.parse(sessionStorage.getItem("latent-playground-history") ?? "{}");
    if (kept.at === query()) ({ past, future } = kept);
  } catch { /* nothing kept, or not readable: the page starts without a past */ }
}
