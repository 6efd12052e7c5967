// What the person has chosen: model, point, pins, view. One small store that all live components read and the address shows.

import { say } from "./dom.js";

/**
 * @typedef {{letter: string, model: string, point: string, label: string}} Pin
 * @typedef {Object} Choice
 * @property {string} model @property {string} second model beside it, or "" @property {string} point an expression @property {string} label class that a conditional model is told: its number, "none", or "" for the class of an atlas point
 * @property {string} plane "axes", "dims:i,j" or "pins:ABC" @property {Pin[]} pins @property {string} layers letters of what the map shows
 * @property {"place"|"picture"} hand what a second model shares with the first: the place in sigmas, or the nearest test picture
 * @property {"auto"|"browser"|"server"} road
 */
export const LAYERS = { m: "Pictures", c: "Codes", s: "Posteriors" };
const DEFAULTS = { model: "", second: "", point: "", label: "", plane: "axes", pins: [], layers: "mc", hand: "place", road: "auto" };
const REMEMBERED = ["model", "second", "point", "label", "plane", "pins"]; // what undo brings back
const DEEPEST = 200;

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

const pick = (from) => Object.fromEntries(REMEMBERED.map((name) => [name, from[name]]));

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
  if (old.has("tab")) values.set("tab", old.get("tab"));
  for (const name of ["model", "second", "point", "label", "plane", "layers", "hand", ...(forOthers ? [] : ["road"])]) {
    if (choice[name] !== DEFAULTS[name]) values.set(name, choice[name]);
  }
  if (choice.pins.length) values.set("pins", choice.pins.map(pinText).join(";"));
  return values.toString().replace(/%3A/g, ":").replace(/%2C/g, ",").replace(/%3B/g, ";").replace(/%40/g, "@");
}
export const link = () => `${location.origin}${location.pathname}?${query(true)}`;

const pinText = ({ letter, model, point, label }) => [letter, model, point, label].filter((part, i) => i < 3 || part).join("@");
const pinOf = (text) => { const [letter, model, point, label = ""] = text.split("@"); return { letter, model, point, label }; };

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
  const take = (name, fits, why) => {
    if (!values.has(name)) return;
    const value = values.get(name);
    if (fits(value)) next[name] = value;
    else say(why(value.slice(0, 60)), "problem");
  };
  take("model", (value) => models.includes(value), (value) => `The link asks for the model “${value}”, which is not here; this is ${firstModel}.`);
  take("second", (value) => value === "" || models.includes(value), (value) => `The link asks for the second model “${value}”, which is not here.`);
  take("point", (value) => value.length <= 4096 && !isLocal(value), (value) => (isLocal(value)
    ? "This point has too many numbers for a link; it lived on the page it was made on." : "The point in the link is too long; it was left out."));
  take("label", (value) => /^(\d{0,2}|none)$/.test(value), (value) => `The link asks for the class “${value}”, which is no number.`);
  take("plane", (value) => /^(axes|dims:\d{1,4},\d{1,4}|pins:[A-Z]{3})$/.test(value), (value) => `The link asks for the map “${value}”, which this page cannot draw.`);
  take("layers", (value) => [...value].every((letter) => letter in LAYERS), (value) => `The link asks to show “${value}” on the map, which this page does not know.`);
  take("hand", (value) => ["place", "picture"].includes(value), (value) => `The link asks for the hand “${value}”; there are place and picture.`);
  take("road", (value) => ["auto", "browser", "server"].includes(value), (value) => `The link asks for the road “${value}”; there are auto, browser and server.`);
  if (values.get("pins")) {
    const pins = values.get("pins").split(";").slice(0, 26).map(pinOf);
    next.pins = pins.filter(({ letter, model, point }, i) => /^[A-Z]$/.test(letter) && models.includes(model) && point && pins.findIndex((p) => p.letter === letter) === i);
    if (next.pins.length < pins.length) say("Some pins of the link could not be read; they were left out.", "problem");
  }
  choice = next;
  try {
    const kept = JSON.parse(sessionStorage.getItem("latent-playground-history") ?? "{}");
    if (kept.at === query()) ({ past, future } = kept);
  } catch { /* nothing kept, or not readable: the page starts without a past */ }
}
