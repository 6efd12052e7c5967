// How pure a push is, in one line: what the classifier sees change beside what was pushed.

import { classifierNamed, isSlow } from "./catalogue.js";
import { wordOf } from "./directions.js";
import { make } from "./dom.js";
import { howFor } from "./how.js";
import { classify, decodeBehind, newestWins } from "./roads.js";

const MUCH = 0.1, MOST = 4; // change of a probability that counts, and how many are named

const points = (change) => `${change < 0 ? "−" : "+"}${Math.round(100 * Math.abs(change))} %`;
const listed = (changes, classes) => changes.slice(0, MOST).map(({ k, change }) => `${classes[k]} ${points(change)}`).join(", ");

/**
 * @param {Float32Array} before probabilities at the start @param {Float32Array} after and now @param {{classes: string[], kind: string}} classifier
 * @param {string[]} pushed names of the directions that are pushed @returns {string}
 */
export function purityOf(before, after, { classes, kind }, pushed) {
  if (!pushed.length) return "";
  if (kind !== "attributes") {
    const [was, is] = [before, after].map((chances) => classes[chances.indexOf(Math.max(...chances))]);
    return was === is ? `The classifier saw ${was} at the start, and still does.` : `The classifier saw ${was} at the start; after these pushes it sees ${is}.`;
  }
  const changes = classes.map((name, k) => ({ k, change: after[k] - before[k], own: pushed.includes(wordOf(name)) })).sort((a, b) => Math.abs(b.change) - Math.abs(a.change));
  const wished = changes.filter(({ own }) => own), others = changes.filter(({ own, change }) => !own && Math.abs(change) >= MUCH);
  const did = wished.length ? `The classifier sees ${listed(wished, classes)}` : "The classifier has no word for what is pushed";
  return `${did}; ${others.length ? `beside it ${listed(others, classes)}. A lock keeps a row as it is.` : `nothing else changes by ${Math.round(100 * MUCH)} % or more.`}`;
}

/**
 * @typedef {{model: import("./catalogue.js").Model, start: Float32Array, y: Float32Array|null, text: string}} Start what a push begins from
 * @returns {{element: HTMLElement, judged: (chances: Float32Array|null, pushed: string[]) => void, rest: (start: Start) => void}}
 *   judged: the classifier has seen the present picture; rest: the hand has rested, so that there is time for the start
 */
export function createPurity() {
  const element = make("p", { class: "lp-purity", role: "status", "data-testid": "attributes-purity" });
  let before = { key: "", chances: null }, now = null, names = [], classifier = null;

  const draw = () => { element.textContent = before.chances && now && classifier ? purityOf(before.chances, now, classifier, names) : ""; };

  function judged(chances, pushed) {
    [now, names] = [chances, pushed];
    draw();
  }

  const rest = newestWins(async ({ model, start, y, text }) => {
    const how = howFor(model), key = JSON.stringify([model.name, model.hash, text, y && [...y], how]);
    if (!model.classifier || isSlow(model)) before = { key: "", chances: null }; // a slow start would keep the next picture waiting
    else if (key !== before.key) {
      before = { key, chances: await decodeBehind(model, start, y, 1, how).then((pixels) => classify(model, pixels)).catch(() => null) }; // without it nothing is said
      classifier = classifierNamed(model.classifier);
    }
    draw();
  });
  return { element, judged, rest };
}
