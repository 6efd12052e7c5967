// What the person has chosen: model, point, pins, view. One small store that all live components read and the address shows.

import { say } from "./dom.js";
import { LOCKS, PARTS, inWords, whyLocked } from "./parts.js";
import { NOISE, NOISE_DEFAULTS } from "./noisetext.js";
import { outerAddress, tellOuter } from "./outer.js";
import { isDirection, pushText, readPushes } from "./pushtext.js";
import { PRIVATE, TRAIN, TRAIN_DEFAULTS } from "./traintext.js";

/**
 * @typedef {{letter: string, model: string, point: string, label: string}} Pin
 * @typedef {{model: string, point: string, label: string}} Stop of a walk: a model, a point of it, and the class that it is told
 * @typedef {{name: string, sigmas: number}} Push along a direction of that name, with underscores for spaces
 * @typedef {Object} Choice
 * @property {string} tab the tab's id
 * @property {string} model @property {string} second model beside it, or "" @property {string} point an expression @property {string} label class that a conditional model is told: its number, "none", or "" for the class of an atlas point
 * @property {string} plane "axes", "dims:i,j" or "pins:ABC" @property {Pin[]} pins @property {string} layers letters of what the map shows
 * @property {"place"|"picture"} hand what a second model shares with the first: the place in sigmas, or the nearest test picture
 * @property {number} truncation scale of a GAN's latents, 0.1..1.5 @property {"normal"|"gaussian"|"mixture"} random what random points are drawn from
 * @property {number|""} steps of a model of many steps, 1..200; "" is its own number @property {string} sampler "" is its own @property {number|""} guidance 0..20; "" is its own
 * @property {Stop[]} ends two to eight stops of a walk; none is a walk that the page chooses @property {string[]} rows "crossfade" and names of models; none is a choice of the page
 * @property {"auto"|"line"|"circle"} walk how the rows go from stop to stop @property {number} at where on the walk, 0..1 @property {"rows"|"grid"} view
 * @property {"auto"|"browser"|"server"} road @property {""|"true"} embed whether this is an embedded view
 * @property {Push[]} push how far the point is pushed along directions @property {string[]} keep directions that no push may move along @property {Stop[]} beside up to three models
 *   that are pushed with the first, each with its own point, "" for the page's choice @property {string} along the direction that the strip shows @property {0|1} before whether the start stands beside
 * @property {string} dir a direction that somebody made by hand, as the link brings it (owndirections.js) @property {string} sum what is added up in the workshop, A - B + C (arithmetic.js)
 * @property {string} own the point that a link says a picture of somebody's own became; the address holds nothing else of one's own picture
 * @property {string[]} through names of models that look at one's own picture; none is a choice of the page
 * Beside these there are the keys of the Denoise page and of the Train page, with their meaning in noisetext.js and traintext.js.
 * @property {string} fetch what the Models page is asked to fetch, owner/name[@revision] @property {string} find words that its cards must have @property {string} data @property {string} kind their data set and family
 * @property {string[]} hide parts of the page that a lesson takes away @property {string[]} lock choices that it fixes, by their names here @property {0|1} big 1 is the size for a projector
 */
export const LAYERS = { m: "Pictures", c: "Codes", s: "Posteriors" };
const DEFAULTS = {
  tab: "explore", model: "", second: "", point: "", label: "", plane: "axes", pins: [], layers: "mc", hand: "place",
  truncation: 1, random: "normal", steps: "", sampler: "", guidance: "", ends: [], rows: [], walk: "auto", at: 0.5, view: "rows",
  own: "", through: [], push: [], keep: [], beside: [], along: "", before: 0, dir: "", sum: "", road: "auto", embed: "",
  fetch: "", find: "", data: "", kind: "", hide: [], lock: [], big: 0, ...NOISE_DEFAULTS, ...TRAIN_DEFAULTS,
};
const OWN = ["road", "embed", "big"]; // of this browser alone: in its address, and in no link for others
const LESSON = ["hide", "lock"]; // of the page itself: no other view changes them
const REMEMBERED = ["model", "second", "point", "label", "plane", "pins", "truncation", "ends", "rows", "walk", "push", "keep", "beside", "sum"]; // what undo brings back, in the tab where it was done
const DEEPEST = 200, MOST_STOPS = 8, MOST_ROWS = 12;
export const MOST_THROUGH = 6; // models that look at one's own picture

/** @type {Choice} */
let choice = { ...DEFAULTS };
let past = [], future = [];
const listeners = new Set();

/** A point that only this page knows, because its numbers are too many for a link. @param {string} point */
export const isLocal = (point) => point.startsWith("here:");

export const chosen = () => choice;
export const canUndo = () => past.length > 0;
export const canRedo = () => future.length > 0;

/** Call back after every change with the choice, the set of names that changed, and by whom: "person", "page" or "teacher". */
export const onChange = (listener) => listeners.add(listener);

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/** Change some of it, but for what the lesson locks. Undo brings back what was before, unless `remember` is false. @param {Partial<Choice>} wishes */
export function choose(wishes, remember = true) {
  const before = choice, changes = allowed(wishes);
  if (Object.keys(changes).every((name) => same(changes[name], before[name]))) return;
  if (remember && REMEMBERED.some((name) => name in changes)) {
    past = [...past.slice(-DEEPEST), pick(before)];
    future = [];
  }
  become({ ...before, ...changes });
}

/** The page itself puts right what cannot be had; no lesson forbids that. @param {Partial<Choice>} changes */
export function amend(changes) {
  if (Object.keys(changes).some((name) => !same(changes[name], choice[name]))) become({ ...choice, ...changes }, [], "page");
}

/** What a lesson leaves of a change: without the model nothing, else all but what it locks. Where nothing is left it is said. */
function allowed(wishes) {
  const fixed = Object.keys(wishes).filter((name) => choice.lock.includes(name) && !same(wishes[name], choice[name]));
  if (!fixed.length) return wishes;
  const rest = fixed.includes("model") ? {} : Object.fromEntries(Object.entries(wishes).filter(([name]) => !fixed.includes(name)));
  if (Object.keys(rest).every((name) => same(rest[name], choice[name]))) say(whyLocked(fixed[0]));
  return rest;
}
const unlocked = (from) => Object.fromEntries(Object.entries(from).filter(([name]) => !choice.lock.includes(name)));

export function undo() {
  if (!past.length) return;
  future.push(pick(choice));
  become({ ...choice, ...unlocked(past.pop()) });
}

export function redo() {
  if (!future.length) return;
  past.push(pick(choice));
  become({ ...choice, ...unlocked(future.pop()) });
}

/**
 * Take on the view of a teacher's page; what is this page's own stays. It is not written into the past, but for what was there when following began.
 * @param {string} search a query string @param {{models: string[], firstModel: string}} known @param {boolean} begins
 */
export function adopt(search, known, begins) {
  if (begins) [past, future] = [[...past.slice(-DEEPEST), pick(choice)], []];
  const view = readView(search, known), kept = Object.keys(view).filter((name) => [...OWN, ...LESSON, ...PRIVATE].includes(name) || same(view[name], choice[name]));
  become({ ...view, ...Object.fromEntries(kept.map((name) => [name, choice[name]])) }, [], "teacher");
}

/**
 * Models have come or gone: what names one that is not here goes with it, also from what undo would bring back.
 * @param {string[]} models all that are here @param {string} instead takes the place of a present model that is gone
 */
export function keepTo(models, instead) {
  const here = (name) => models.includes(name), lost = (list, gone) => list?.some(gone) ?? false; // what undo does not bring back is not in the past
  const kept = (one) => ({
    ...one, ...(here(one.model) ? {} : { model: instead, point: "", label: "", plane: "axes" }), ...(here(one.second) ? {} : { second: "" }),
    ...(lost(one.pins, (pin) => !here(pin.model)) && { pins: one.pins.filter((pin) => here(pin.model)) }), ...(lost(one.ends, (stop) => !here(stop.model)) && { ends: [] }),
    ...(lost(one.through, (name) => !here(name)) && { through: one.through.filter(here) }),
    ...(lost(one.beside, (stop) => !here(stop.model)) && { beside: one.beside.filter((stop) => here(stop.model)) }),
    ...(lost(one.rows, (name) => name !== "crossfade" && !here(name)) && { rows: one.rows.filter((name) => name === "crossfade" || here(name)) }),
  });
  [past, future] = [past.map(kept), future.map(kept)];
  become(kept(choice), ["models"], "page");
}

const pick = (from) => Object.fromEntries(["tab", ...REMEMBERED].map((name) => [name, from[name]]));

/** @param {string[]} [news] names of what has changed beside the choice @param {"person"|"page"|"teacher"} [by] */
function become(next, news = [], by = "person") {
  const changed = new Set([...Object.keys(next).filter((name) => next[name] !== choice[name]), ...news]);
  choice = next;
  writeAddress(by === "teacher" ? SELDOM : SOON);
  for (const listener of listeners) listener(choice, changed, by);
}

// The address: every view is a link

let sourceOf = () => "";
/** A model that came from the Hub is fetched again by whoever follows the link. @param {(model: string) => string} tell owner/name@commit, or "" */
export const tellSource = (tell) => { sourceOf = tell; };

/** What a link asked for that is not here: the model, where it is on the Hub, and the link itself. @type {{model: string, fetch: string, href: string}|null} */
export let missed = null;
const REPOSITORY = /^[\w.-]{1,96}\/[\w.-]{1,96}(@[\w./-]{1,100})?$/, FETCHED = /^([\w.-]+?)--([\w.-]+?)--[0-9a-f]{12}$/;

/** A link that names a fetched model which is not here offers to fetch it. */
function offerToFetch(model, fetch, firstModel) {
  missed = { model, fetch, href: location.href };
  say(`The link asks for ${fetch.split("@")[0]} from the Hugging Face Hub, which has not been fetched here; this is ${firstModel}.`, "problem",
    { text: "Fetch it", act: () => choose({ tab: "models", fetch }, false) });
}

/** What of the Train page is in no link that leads elsewhere: one's trainings are private. */
const isElsewhere = (name, { tab }) => name in TRAIN && tab !== (name === "give" ? "models" : "train");

/** The query string of a view, without what is at its default and, for others, without what is this browser's own. */
function query(forOthers = false, view = choice) {
  const old = new URLSearchParams(location.search), values = new URLSearchParams();
  if (!forOthers) for (const [key, value] of old) if (key.startsWith("__")) values.append(key, value); // Gradio's, such as __theme
  for (const name of Object.keys(DEFAULTS)) {
    if (name in LISTS ? !view[name].length : view[name] === DEFAULTS[name] || (forOthers && (OWN.includes(name) || isElsewhere(name, view)))) continue;
    values.set(name, name in LISTS ? LISTS[name](view[name]) : view[name]);
  }
  if (!view.fetch && sourceOf(view.model)) values.set("fetch", sourceOf(view.model));
  return values.toString().replace(/%3A/g, ":").replace(/%2C/g, ",").replace(/%3B/g, ";").replace(/%40/g, "@");
}
/** The view, but for some changes, as others open it: on a Space at the address around this page, and never as an embedded one. @param {Partial<Choice>} [changes] */
export const link = (changes = {}) => `${outerAddress()}?${viewWith(changes)}`;
/** The view as another page embeds it. */
export const embedLink = () => `${location.origin}${location.pathname}?embed=true&${query(true)}`;
/** The query of the view but for some changes, as others may have it. @param {Partial<Choice>} changes */
export const viewWith = (changes) => query(true, { ...choice, ...changes });

const stopText = ({ model, point, label }) => [model, point, label].filter((part, i) => i < 2 || part).join("@");
const stopOf = (text) => { const [model, point = "", label = ""] = text.split("@"); return { model, point, label }; };
const pinOf = (text) => { const [letter, ...stop] = text.split("@"); return { letter, ...stopOf(stop.join("@")) }; };
/** How the lists are written in an address. */
const LISTS = { pins: (pins) => pins.map((pin) => `${pin.letter}@${stopText(pin)}`).join(";"), ends: (ends) => ends.map(stopText).join(";"), rows: (rows) => rows.join(","), through: (names) => names.join(","),
  push: pushText, keep: (names) => names.join(","), beside: (stops) => stops.map(stopText).join(";"),
  hide: (hide) => hide.join(","), lock: (lock) => lock.join(",") };

const SOON = 60, SELDOM = 600; // milliseconds: browsers allow few changes of the address in a row
let writing = 0;
function writeAddress(pause = SOON) {
  try {
    sessionStorage.setItem("latent-playground-history", JSON.stringify({ at: query(), past: past.slice(-50), future: future.slice(-50) }));
  } catch { /* storage is full or forbidden: undo then ends with the page */ }
  clearTimeout(writing);
  writing = setTimeout(() => {
    history.replaceState(history.state, "", `${location.pathname}?${query()}${location.hash}`);
    tellOuter(query(true));
  }, pause);
}

/** Read the address, and the past that belongs to it. @param {{models: string[], firstModel: string}} known */
export function readAddress(known) {
  choice = readView(location.search, known);
  try {
    const kept = JSON.parse(sessionStorage.getItem("latent-playground-history") ?? "{}");
    if (kept.at === query()) ({ past, future } = kept);
  } catch { /* nothing kept, or not readable: the page starts without a past */ }
}

/** What a query string asks for. Unknown keys are ignored; a bad value gets a sentence and its default. @returns {Choice} */
function readView(search, { models, firstModel }) {
  const values = new URLSearchParams(search), next = { ...DEFAULTS, model: firstModel };
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
  take("fetch", (value) => REPOSITORY.test(value), (value) => `The link asks to fetch “${value}”, which is no name of a repository.`);
  const asked = values.get("model") ?? "", [, owner, name] = FETCHED.exec(asked) ?? [], wanted = next.fetch || (owner && `${owner}/${name}`);
  if (asked) next.fetch = "";
  else if (next.fetch && !values.has("tab")) next.tab = "models";
  if (asked && wanted && !models.includes(asked)) offerToFetch(asked, wanted, firstModel);
  else take("model", (value) => models.includes(value), (value) => `The link asks for the model “${value}”, which is not here; this is ${firstModel}.`);
  take("find", (value) => value.length <= 100, () => "The link looks for more words than fit.");
  for (const key of ["data", "kind"]) take(key, (value) => /^[\w.@#\/-]{0,100}$/.test(value), (value) => `The link asks for models of “${value}”, which is no name.`);
  take("second", (value) => value === "" || models.includes(value), (value) => `The link asks for the second model “${value}”, which is not here.`);
  take("point", (value) => value.length <= 4096 && !isLocal(value), (value) => (isLocal(value)
    ? "This point has too many numbers for a link; it lived on the page it was made on." : "The point in the link is too long; it was left out."));
  take("label", (value) => /^(\d{0,2}|none)$/.test(value), (value) => `The link asks for the class “${value}”, which is no number.`);
  take("plane", (value) => /^(axes|dims:\d{1,4},\d{1,4}|pins:[A-Z]{3})$/.test(value), (value) => `The link asks for the map “${value}”, which this page cannot draw.`);
  take("layers", (value) => [...value].every((letter) => letter in LAYERS), (value) => `The link asks to show “${value}” on the map, which this page does not know.`);
  take("tab", (value) => /^[a-z_]{1,24}$/.test(value), (value) => `The link asks for the tab “${value}”, which this page does not have.`);
  oneOf("hand", "hand", ["place", "picture"]);
  oneOf("road", "road", ["auto", "browser", "server"]);
  take("embed", (value) => ["true", "false"].includes(value), (value) => `The link says “${value}” to embed; it is true or false.`, (value) => (value === "true" ? value : ""));
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
  take("own", (value) => value.length <= 4096 && !isLocal(value), () => "The code of a picture in the link is too long; it was left out.");
  next.through = [...new Set((values.get("through") ?? "").split(","))].filter((name) => models.includes(name)).slice(0, MOST_THROUGH);
  if (values.get("rows")) {
    const rows = [...new Set(values.get("rows").split(","))];
    next.rows = rows.filter((name) => name === "crossfade" || models.includes(name)).slice(0, MOST_ROWS);
    if (next.rows.length < rows.length) say("Some rows of the link are no models that are here; they were left out.", "problem");
  }
  Object.assign(next, readPushes(values, stopOf, ({ model, point, label }) => models.includes(model) && model !== next.model && !isLocal(point) && point.length <= 4096 && /^(\d{0,2}|none)$/.test(label)));
  take("along", isDirection, (value) => `The link asks for the strip along “${value}”, which is no name of a direction.`);
  take("before", (value) => value === "0" || value === "1", (value) => `The link asks for the start beside it by “${value}”; it is 1 or 0.`, Number);
  take("dir", (value) => BROUGHT.test(value), () => "The direction in the link could not be read; it was left out.");
  take("sum", (value) => value.length <= 4096 && !value.includes("here:") && value.split(";").length === 3, () => "The sum in the link could not be read; it is three lists of points.");
  take("big", (value) => value === "0" || value === "1", (value) => `The link asks for the size “${value}”; big=1 is the size for a projector.`, Number);
  for (const [name, { fits, why, read }] of Object.entries({ ...NOISE, ...TRAIN })) take(name, fits, why, read);
  for (const [key, names, does] of [["hide", PARTS, "hide"], ["lock", LOCKS, "lock"]]) {
    const asked = [...new Set((values.get(key) ?? "").split(",").filter(Boolean))], unknown = asked.filter((name) => !(name in names));
    next[key] = asked.filter((name) => name in names);
    if (unknown.length) say(`The link asks to ${does} “${unknown.join(", ").slice(0, 60)}”, which this page does not know; it can ${does} ${inWords(Object.keys(names))}.`, "problem");
  }
  return next;
}

const BROUGHT = /^\w{2,40}@[0-9a-f]{16}@(0|1|0\.\d{1,4})?@\d{1,3},\d{1,3}@z:[\w-]{4,1400}$/; // a direction in a link: its name, the hash of its model, accuracy, marked pictures, one step