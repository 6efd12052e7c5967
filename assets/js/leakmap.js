// How far a push along each direction moves every attribute, as a heat map: before and after locking the others, and the cosines between directions.

import { classifierNamed, hasRoad, isSlow } from "./catalogue.js";
import { wordOf } from "./directions.js";
import { make, say } from "./dom.js";
import { leaked, measuredLeakage } from "./fitted.js";
import { dot } from "./plane.js";
import { chosen } from "./store.js";

const LEAST_SCALE = 0.1, BOLD = 0.6; // change of a probability that has the full colour at least; share of the colour from which letters are light
const VIEWS = { before: "Before", after: "After locking the others", locked: "With your locks", cosines: "Cosines" };
const shown = (name) => name.replaceAll("_", " ");
const points = (value) => `${Math.round(100 * value)}`.replace("-", "−").replace(/^(?=[1-9])/, "+");

/**
 * @typedef {{name: string, step: Float32Array, own: boolean}} Pushable a direction with a step of one sigma; own: made by a person, so that the server does not know it
 * @typedef {{rows: string[], columns: string[], values: (number[]|null)[], left: number[]}} Leakage rows that are not measured yet are null
 */
export function createLeakmap() {
  const views = Object.entries(VIEWS).map(([view, text]) => make("button", { class: "lp-toggle", role: "radio", "data-view": view, onclick: () => turnTo(view) }, text));
  const tabs = make("div", { class: "lp-layers lp-leakviews", role: "radiogroup", "aria-label": "What the heat map shows", onkeydown: turn }, ...views);
  const table = make("table", { class: "lp-leak", role: "grid", "data-testid": "leakmap", onkeydown: walk, onmouseover: ({ target }) => tell(target.closest("td")), onfocusin: ({ target }) => tell(target.closest("td")) });
  const words = make("p", { class: "lp-leakwords", role: "status" }), sums = make("p", { class: "lp-empty", "data-testid": "leak-sum" });
  const start = make("button", { class: "lp-button main", "data-testid": "leak-start", onclick: () => measure() }), stopped = make("button", { class: "lp-button", hidden: true, onclick: () => stop() }, "Stop");
  const bar = make("progress", { class: "lp-leakprogress", "aria-label": "Directions measured", max: 1, value: 0 }), going = make("div", { class: "lp-row lp-leakgoing" }, start, stopped, bar);
  const element = make("section", { class: "lp-card lp-leakcard" }, make("h2", {}, "What a push changes beside"),
    make("p", { class: "lp-empty" }, "Each row pushes 256 random pictures by one sigma; each column is what they then show more (orange) or less (blue), in points of a hundred, as the classifier sees it or the strokes measure. A pure direction changes one column."),
    tabs, make("div", { class: "lp-leakbox" }, table), words, sums, going);
  let model = null, all = [], view = "before", work = null, evaluated = {};
  const known = new Map(); // by view, for the present directions: what was measured

  /** @param {import("./catalogue.js").Model} next @param {Pushable[]} directions */
  async function of(next, directions) {
    const key = (list) => list.map(({ name, step }) => name + dot(step, step)).join();
    if (model === next && key(all) === key(directions)) return draw();
    stop();
    known.clear();
    [model, all, evaluated] = [next, directions, {}];
    element.hidden = !all.length;
    draw();
    if (all.some(({ own }) => !own) && hasRoad("directions")) {
      const found = await measuredLeakage(next).catch(() => ({})); // then it is measured here
      if (next !== model || work) return;
      evaluated = found;
      known.clear();
      draw();
    }
  }

  const named = () => all.filter(({ own }) => !own).map(({ name }) => wordOf(name));
  const keepOf = (which) => (which === "after" ? named() : which === "locked" ? chosen().keep : []);
  const keyOf = (which) => (which === "locked" ? `locked ${keepOf(which).join()}` : which);
  const why = () => (!hasRoad("directions") ? "This server measures nothing, so only the cosines between directions are known." : !model.classifier ? "No classifier knows these pictures, so only the cosines between directions are known."
    : isSlow(model) && !evaluated.before ? "A picture of this model takes long, so only the cosines between directions are known." : "");

  /** What is known of the view, row by row: as it was evaluated, and what was measured here. @returns {Leakage} */
  function tableOf(which) {
    if (which === "cosines") return cosines();
    const key = keyOf(which);
    if (!known.has(key)) {
      const rows = all.map(({ name }) => wordOf(name)), { names = [], [which]: matrix } = evaluated, words = names.map(wordOf);
      const columns = matrix ? names : named().length ? all.filter(({ own }) => !own).map(({ name }) => name) : model.classifier ? classifierNamed(model.classifier).classes : [];
      known.set(key, { rows, columns, values: rows.map((row) => matrix?.[words.indexOf(row)] ?? null), left: [] });
    }
    return known.get(key);
  }

  /** Measure what is not known of the view that is shown, on the server, row by row. Leaving the page, or another question, ends it. */
  async function measure() {
    stop();
    const mine = work = new AbortController(), found = tableOf(view), keep = keepOf(view), own = all.filter((one) => one.own).map(({ name, step }) => ({ name: wordOf(name), step }));
    draw();
    try {
      for await (const line of leaked(model, { push: found.rows.filter((_, row) => !found.values[row]), keep, own }, mine.signal)) {
        if (mine !== work) return;
        if (line.attributes) found.columns = line.attributes;
        else {
          const row = found.rows.indexOf(line.push);
          [found.values[row], found.left[row]] = [line.moved, line.left];
        }
        draw();
      }
    } catch (error) {
      if (mine === work && !mine.signal.aborted) say(error.message, "problem");
    }
    if (mine !== work) return;
    work = null;
    draw();
  }

  /** End what is being measured; the rows that are there stay. */
  function stop() {
    if (!work) return;
    work.abort();
    work = null;
    draw();
  }

  function turnTo(next) {
    if (next !== view) stop();
    view = next;
    draw();
  }

  const cosines = () => ({ rows: all.map(({ name }) => wordOf(name)), columns: all.map(({ name }) => shown(name)), left: [],
    values: all.map(({ step }) => all.map((other) => dot(step, other.step) / Math.max(1e-12, Math.sqrt(dot(step, step) * dot(other.step, other.step))))) });

  function draw() {
    if (!model) return;
    if (view === "locked" && !chosen().keep.length) view = "before";
    if (why()) view = "cosines";
    const found = tableOf(view), under = !!work, done = found.values.filter(Boolean).length, missing = all.length - done;
    for (const button of views) {
      button.hidden = button.dataset.view === "locked" ? !chosen().keep.length || !!why() : button.dataset.view !== "cosines" && !!why();
      button.setAttribute("aria-checked", String(button.dataset.view === view));
      button.setAttribute("aria-pressed", String(button.dataset.view === view));
      button.tabIndex = button.dataset.view === view ? 0 : -1;
    }
    going.hidden = !missing && !under;
    start.hidden = under;
    start.textContent = done ? `Measure the ${missing} that ${missing > 1 ? "are" : "is"} missing` : `Measure ${missing} direction${missing > 1 ? "s" : ""} on 256 pictures`;
    stopped.hidden = !under;
    bar.classList.toggle("none", !under);
    bar.value = all.length ? done / all.length : 0;
    fill(found);
    words.textContent = why() || (under ? `${done} of ${all.length} are measured.` : done ? "Point at a field, or walk with the arrows: it is said here in words." : "Nothing has been measured yet.");
    sums.textContent = summary();
  }

  /** The table again; the focus stays in its field. @param {Leakage} found */
  function fill({ rows, columns, values, left }) {
    const held = table.contains(document.activeElement) && [document.activeElement.dataset.row, document.activeElement.dataset.column];
    const most = view === "cosines" ? 1 : Math.max(LEAST_SCALE, ...values.flatMap((row) => row ?? []).map(Math.abs));
    const head = make("tr", {}, make("td", { class: "lp-leakcorner" }), ...columns.map((text) => make("th", { scope: "col" }, make("span", {}, text))));
    const body = rows.map((name, r) => make("tr", {}, make("th", { scope: "row", title: shown(name) }, shown(name)), ...columns.map((column, c) => cell(name, column, values[r]?.[c], left[r], most, r, c))));
    table.replaceChildren(make("thead", {}, head), make("tbody", {}, ...body));
    const focused = held && table.querySelector(`td[data-row="${held[0]}"][data-column="${held[1]}"]`);
    (focused || table.querySelector("td[data-row]"))?.setAttribute("tabindex", "0");
    if (focused) focused.focus();
  }

  function cell(name, column, value, left, most, r, c) {
    const own = wordOf(column) === name, share = value === undefined ? 0 : Math.min(1, Math.abs(value) / most), text = value === undefined ? "" : view === "cosines" ? value.toFixed(2).replace("-", "−") : points(value);
    const field = make("td", { class: [own && "own", value > 0 ? "more" : value < 0 && "less", share > BOLD && "bold"].filter(Boolean).join(" "), "data-row": r, "data-column": c, tabindex: "-1" }, text);
    field.tabIndex = -1;
    field.style.setProperty("--share", `${Math.round(100 * share)}%`);
    field.dataset.words = value === undefined ? `${shown(name)} is not measured yet.` : view === "cosines" ? cosineInWords(shown(name), column, value) : inWords(shown(name), column, value, left);
    field.setAttribute("aria-label", field.dataset.words);
    return field;
  }

  const inWords = (name, column, value, left) => (left < 1e-3 ? `Nothing is left of ${name} when it may not move along the others: they span all of this latent space.`
    : `One sigma of ${name}${view === "before" || left === undefined ? "" : `, of which ${Math.round(100 * left)} % of the length is left after locking,`} ${value === 0 ? `leaves ${column} as it is` : `shows ${(100 * Math.abs(value)).toFixed(1)} points ${value > 0 ? "more" : "less"} of “${column}”`}.`);
  const cosineInWords = (name, other, value) => (name === other ? `${name} beside itself: 1.`
    : `The cosine between ${name} and ${other} is ${value.toFixed(2).replace("-", "−")}: ${Math.abs(value) < 0.1 ? "they are nearly at right angles." : `a push along one goes ${Math.round(100 * Math.abs(value))} % ${value > 0 ? "along" : "against"} the other, too.`}`);

  /** How much the others move on average, before and after. */
  function summary() {
    const mean = (found) => {
      const rest = found?.values.flatMap((row, r) => (row ?? []).filter((_, c) => wordOf(found.columns[c]) !== found.rows[r]).map(Math.abs)) ?? [];
      return rest.length && !found.values.includes(null) ? rest.reduce((a, b) => a + b, 0) / rest.length : null;
    };
    const [before, after] = why() ? [null, null] : [mean(tableOf("before")), mean(tableOf("after"))];
    if (before === null) return "";
    const first = `Beside what it is called, a push moves an attribute by ${(100 * before).toFixed(1)} points on average`;
    return after === null ? `${first}.` : `${first}; with the others locked by ${(100 * after).toFixed(1)}, ${after < before ? `${Math.round(100 * (1 - after / before))} % less` : "no less"}.`;
  }

  const tell = (field) => { if (field?.dataset.words) words.textContent = field.dataset.words; };

  function walk(event) {
    const from = event.target.closest("td[data-row]"), moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const to = from && moves && table.querySelector(`td[data-row="${+from.dataset.row + moves[0]}"][data-column="${+from.dataset.column + moves[1]}"]`);
    if (!moves) return;
    event.preventDefault();
    if (!to) return;
    from.tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
  }

  function turn(event) {
    const by = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const those = views.filter((one) => !one.hidden), next = those[(those.findIndex((one) => one.dataset.view === view) + by + those.length) % those.length];
    turnTo(next.dataset.view);
    next.focus();
  }

  return { element, of, draw, stop };
}
