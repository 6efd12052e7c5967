// What a model is told to make: one of its classes, or attributes that a picture should have, should not have, or about which nothing is said.

import { classifierNamed } from "./catalogue.js";
import { wordOf } from "./directions.js";
import { make, refill } from "./dom.js";
import { choose, chosen } from "./store.js";

/** Whether pictures of a model's data have any number of the conditions, and not just one. @param {import("./catalogue.js").Model} model */
const areAttributes = (model) => classifierNamed(model.classifier)?.kind === "attributes";
const MARKS = { 0: "", 1: "+ ", [-1]: "− " }, NEXT = { 0: 1, 1: -1, [-1]: 0 }, SAYS = { 0: "nothing is said", 1: "yes", [-1]: "no" };

/** What the address says of attributes, in the order of the model's conditions; unknown names are not said. @returns {Float32Array} [K] of +1, -1 and 0 */
function attributesTold(model, tell = chosen().tell) {
  const said = new Map(tell.split(",").filter(Boolean).map((word) => [word.replace(/^-/, ""), word.startsWith("-") ? -1 : 1]));
  return Float32Array.from(model.conditions, (name) => said.get(wordOf(name)) ?? 0);
}

/** Names in the address that the model does not know. @param {import("./catalogue.js").Model} model @returns {string[]} */
export const unknownTold = (model) => (areAttributes(model) ? chosen().tell.split(",").filter(Boolean).map((word) => word.replace(/^-/, "")).filter((word) => !model.conditions.some((name) => wordOf(name) === word)) : []);

/** Conditions for n pictures; null for a model that is told nothing. @param {string} label the class: its number or "none" @returns {Float32Array|null} [n, K] */
export function conditionsTold(model, label, n) {
  const K = model.conditions.length, y = new Float32Array(n * K);
  if (!K) return null;
  const one = areAttributes(model) ? attributesTold(model) : Float32Array.from({ length: K }, (_, k) => +(String(k) === label));
  for (let row = 0; row < n; row++) y.set(one, row * K);
  return y;
}

/** @returns {{element: HTMLElement, show: (model: import("./catalogue.js").Model, label: string) => void}} hidden for a model that is told nothing */
export function createTelling() {
  const chips = make("div", { class: "lp-told" }), heading = make("h3"), element = make("div", { class: "lp-toldbox", "data-testid": "told", "data-says": "tell" }, heading, chips);

  function show(model, label) {
    element.hidden = !model.conditions.length;
    const many = areAttributes(model);
    element.dataset.says = many ? "tell" : "label";
    heading.textContent = many ? "Told about the face" : "Told to make";
    chips.setAttribute("aria-label", heading.textContent);
    chips.setAttribute("role", "group");
    refill(chips, many ? attributes(model) : classes(model, label));
  }

  const classes = (model, label) => [...model.conditions.map((name, k) => [String(k), name]), ["none", "anything"]].map(([value, text]) => make("button", {
    class: "lp-toggle", "data-key": value, "data-told": value, "aria-pressed": String(label === value), onclick: () => choose({ label: value }, false) }, text));

  function attributes(model) {
    const said = attributesTold(model);
    const chip = (name, k) => make("button", { class: `lp-toggle lp-toldchip${said[k] < 0 ? " no" : ""}`, "data-key": name, "data-told": wordOf(name), "aria-pressed": String(said[k] !== 0), "aria-label": `${name}: ${SAYS[said[k]]}`,
      title: "Press for yes, again for no, again to say nothing", onclick: () => choose({ tell: written(model, said.with(k, NEXT[said[k]])) }, false) }, MARKS[said[k]] + name);
    return [...model.conditions.map(chip), make("button", { class: "lp-quiet", "data-key": "clear", disabled: !said.some(Boolean), onclick: () => choose({ tell: "" }, false) }, "Say nothing")];
  }
  const written = (model, said) => model.conditions.map((name, k) => (said[k] ? `${said[k] < 0 ? "-" : ""}${wordOf(name)}` : "")).filter(Boolean).join(",");
  return { element, show };
}
