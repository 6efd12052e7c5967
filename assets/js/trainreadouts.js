// All readouts of a run: numbers as curves over time, rows of numbers as bars at the moment, how many classes samples show; whatever the family names.

import { make } from "./dom.js";
import { createBars, titled } from "./trainbars.js";
import { createTimeChart } from "./traincharts.js";
import { short } from "./trainscales.js";

const TOPS = [0.3, 0.5, 1]; // ends of the scale of shares
const NAMED = 6; // classes that are named where they are missing
const WAITING = 2; // places kept for what is not known yet
const THERE = 0.01; // share of the samples from which a class counts as there
const GAME = "What D believes", JUDGED = "What the critic says"; // of data and of samples, in one chart: the two meet where nothing can be told apart
const CRITIC = [[/\bD\((x|G\(z\))\)/, GAME], [/critic's number of (x|G\(z\))$/, JUDGED]], NOTES = { [GAME]: "probability that a picture is real", [JUDGED]: "its number for a picture" };

/** How many classes samples show. @param {Float32Array} shares */
export const classesThere = (shares) => shares.reduce((sum, share) => sum + (share >= THERE), 0);

/** Readouts of one number as groups that share a chart. @param {string[]} names @returns {Map<string, string[]>} */
function grouped(names) {
  const groups = new Map();
  for (const name of names) {
    const key = CRITIC.find(([like]) => like.test(name))?.[1] ?? name;
    groups.set(key, [...(groups.get(key) ?? []), name]);
  }
  return groups;
}

/** How one of the two is called in their chart. */
const memberName = (key, name) => (/G\(z\)/.test(name) ? [key === GAME ? "D(G(z))" : "", "of samples"] : [key === GAME ? "D(x)" : "", "of test pictures"]).filter(Boolean).join(", ");

/** @param {(step: number) => void} onPick @returns {{element: HTMLElement, show: Function, at: (step: number) => void, forget: () => void}} */
export function createReadouts(onPick) {
  const element = make("div", { class: "lp-readouts", "data-testid": "run-readouts" }), parts = new Map();
  let order = "", tops = new Map(), seen = new WeakSet();

  function part(key, create) {
    if (!parts.has(key)) {
      const one = create();
      parts.set(key, { ...one, box: make("section", { class: "lp-card lp-runcard lp-readout", "data-readout": key }, one.element) });
    }
    return parts.get(key);
  }

  /** Ends of bars' scales: the largest value of all frames that are here. */
  function measure(history) {
    for (const frame of history.kept.values()) {
      if (seen.has(frame)) continue;
      seen.add(frame);
      for (const [name, values] of frame.readouts) if (values.length > 1) tops.set(name, Math.max(tops.get(name) ?? 0, ...values));
    }
  }

  /**
   * @param {import("./trainhistory.js").History} history @param {import("./trainhistory.js").Frame|null} frame at the moment @param {number} step of that frame
   * @param {{first: string, names: string[]}} more first: the readout that stands before the others; names: of the classes
   */
  function show(history, frame, step, { first, names }) {
    const every = frame ? [...frame.readouts.keys()] : [], isOne = (name) => frame.readouts.get(name).length === 1;
    measure(history);
    const shown = [];
    for (const [key, members] of grouped(every.filter(isOne))) shown.push([key, members, () => scalar(history, key, members)]);
    if (frame?.classes) shown.push(["classes", ["classes"], () => classes(history, frame, step, names)]);
    for (const name of every.filter((one) => !isOne(one))) shown.push([name, [name], () => vector(name, frame, step)]);
    shown.sort(([, a], [, b]) => b.includes(first) - a.includes(first));
    for (const [, , draw] of shown) draw();
    const keys = shown.map(([key]) => key).join("\n");
    if (keys === order || !frame) return;
    order = keys;
    element.replaceChildren(...shown.map(([key]) => parts.get(key).box));
    for (const [key, members] of shown) parts.get(key).box.classList.toggle("first", members.includes(first) && !!first);
  }

  function scalar(history, key, members) {
    const [title, unit] = NOTES[key] ? [key, NOTES[key]] : titled(key);
    const chart = part(key, () => createTimeChart({ name: title, note: unit, testId: "run-scalar", range: key === GAME ? [0, 1] : null, onPick }));
    const lines = members.map((name) => ({ key: name, name: NOTES[key] ? memberName(key, name) : title, ...history.curve(name) }));
    const done = `${history.latest} ${lines[0].steps.length}`;
    if (chart.box.dataset.of === done) return;
    chart.box.dataset.of = done;
    chart.show({ lines, end: history.latest });
  }

  function vector(name, frame, step) {
    part(name, () => createBars({ name, testId: "run-bars" })).show(frame.readouts.get(name), step, { most: tops.get(name) });
  }

  function classes(history, frame, step, names) {
    const count = frame.classes.length, there = classesThere(frame.classes), missing = [...frame.classes.keys()].filter((k) => frame.classes[k] < THERE).map((k) => names[k] ?? k), more = missing.length - NAMED;
    const lacks = missing.length && there ? `; missing: ${missing.slice(0, NAMED).join(", ")}${more > 0 ? ` and ${more} more` : ""}` : "", words = `${there} of ${count} classes are there${lacks}. The dashed line is an even share.`;
    part("classes", () => createBars({ name: "Classes among 200 samples, share", testId: "run-classes", guide: 1 / count, classes: true })).show(frame.classes, step, { most: TOPS.find((top) => top >= Math.max(...frame.classes)) ?? 1, words, names });
  }

  return {
    element, show,
    at: (step) => { for (const one of parts.values()) one.at?.(step); },
    forget: () => { for (const one of parts.values()) one.end(); parts.clear(); element.replaceChildren(...Array.from({ length: WAITING }, () => make("section", { class: "lp-card lp-runcard lp-readout empty", "aria-hidden": "true" }, make("div", { class: "lp-runbox" })))); [order, tops, seen] = ["", new Map(), new WeakSet()]; },
    /** A readout in words, for the sentence of a preset. */
    said: (frame, name) => { const values = frame?.readouts.get(name); return values?.length === 1 ? `${titled(name)[0]}: ${short(values[0])} ${titled(name)[1]}`.trim() : ""; },
  };
}
