// Several runs beside each other: their curves in one chart, and a table of what differs in their settings.

import { make, setOptions } from "./dom.js";
import { inkOf } from "./noisecurves.js";
import { chosen, onChange } from "./store.js";
import { createTimeChart } from "./traincharts.js";
import { NO_LOSS, standing } from "./trainhistory.js";
import { called, written } from "./trainplan.js";
import { overNames } from "./trainruns.js";

const NEVER = 1e9, PAUSE = 500; // no frame has this number; milliseconds between two looks at the curves of what goes on
const MOST = 8; // columns of the table
const number = (value) => (Math.abs(value) >= 1000 ? value.toFixed(0) : Number(value.toPrecision(3)).toString());

/** @param {ReturnType<import("./trainroad.js").createRoad>} road @param {(name: string) => void} onOpen @returns {{element: HTMLElement}} */
export function createCompare(road, onOpen) {
  const histories = new Map(); // by the run: its events as they came, those that stand, the step that they were asked at, and when
  const chart = createTimeChart({ name: "Curves", testId: "compare-curves", least: 230, onPick: (step) => chart.at(step) });
  const which = make("select", { "aria-label": "Which curve", "data-testid": "compare-which", onchange: draw });
  const log = make("button", { class: "lp-toggle", type: "button", "aria-pressed": "true", title: "Equal factors are equally far apart", onclick: () => { log.setAttribute("aria-pressed", String(log.getAttribute("aria-pressed") !== "true")); draw(); } }, "Log scale");
  const smooth = make("input", { type: "range", min: 0, max: 0.98, step: 0.02, value: 0.8, "aria-label": "Smoothing of the curves", oninput: draw });
  const table = make("table", { "data-testid": "compare-table" });
  const element = make("section", { class: "lp-card lp-compare", hidden: true, "data-testid": "compare", "aria-label": "Trainings beside each other" },
    make("header", {}, make("h2", {}, "Beside each other"), which, log, make("label", {}, "Smooth ", smooth)), chart.element, make("div", { class: "lp-tablebox", tabIndex: 0, "aria-label": "What differs" }, table));
  let looking = false, timer = 0;

  const shownRows = () => overNames().map((name) => road.row(name)).filter(Boolean);

  /** One question at a time, for the run whose curve is the oldest. */
  async function look() {
    clearTimeout(timer);
    const late = shownRows().filter(({ name, step }) => (histories.get(name)?.seen ?? -1) !== step).sort((a, b) => (histories.get(a.name)?.at ?? 0) - (histories.get(b.name)?.at ?? 0));
    if (!late.length || looking || document.hidden || chosen().tab !== "train") return;
    looking = true;
    const [{ name, step }] = late, history = histories.get(name) ?? { events: [], stands: [], seen: -1, at: 0 };
    try {
      const { events: more } = await road.news(name, history.events.length, NEVER), events = [...history.events, ...more];
      Object.assign(history, { events, stands: standing(events), seen: step, at: performance.now() });
      histories.set(name, history);
    } catch {
      histories.set(name, { ...history, at: performance.now() }); // the next look tries again
    }
    looking = false;
    draw();
    timer = setTimeout(look, late.length > 1 ? 0 : PAUSE);
  }

  function draw() {
    const rows = shownRows();
    element.hidden = rows.length < 2;
    if (element.hidden) return;
    const eventsOf = ({ name }) => histories.get(name)?.stands ?? [], lossesOf = (event) => Object.keys(event ?? {}).filter((key) => !NO_LOSS.has(key));
    const names = [...new Set(rows.flatMap((row) => lossesOf(eventsOf(row).findLast((one) => lossesOf(one).length))))]; // the last line may be a note
    const key = names.includes(which.value) ? which.value : names.find((one) => one === "loss") ?? names[0] ?? "";
    setOptions(which, names.map((one) => [one, one]), key);
    const lines = rows.map((row) => { const events = eventsOf(row).filter((one) => one[key] !== undefined); return { key: row.name, name: row.title || row.name, steps: events.map(({ step }) => step), values: events.map((one) => one[key] ?? NaN) }; });
    chart.rename(key || "Loss", "over the steps");
    const end = Math.max(1, ...rows.map(({ step }) => step));
    chart.show({ lines, log: log.getAttribute("aria-pressed") === "true", weight: +smooth.value, end });
    chart.at(end);
    tabulate(rows, key, lines);
  }

  function tabulate(rows, key, lines) {
    const columns = differing(rows), more = columns.length - MOST, shown = columns.slice(0, MOST);
    const last = ({ values }) => { const value = values.findLast(Number.isFinite); return value === undefined ? "" : number(value); };
    const head = ["Training", ...shown.map(([name]) => called(name)), key && `${key} now`, "steps", "time"].filter(Boolean);
    const body = rows.map((row, k) => make("tr", {}, make("th", { scope: "row" }, make("button", { class: "lp-link", style: `--k: ${inkOf(k)}`, onclick: () => onOpen(row.name) }, make("i"), row.title || row.name)),
      ...shown.map(([, of]) => make("td", {}, textOf(of(row)))), ...(key ? [make("td", {}, last(lines[k]))] : []), make("td", {}, row.step.toLocaleString("en")), make("td", {}, row.seconds < 100 ? `${row.seconds.toFixed(0)} s` : `${(row.seconds / 60).toFixed(1)} min`)));
    const now = JSON.stringify([head, body.map(({ textContent }) => textContent), rows.map(({ name }) => name)]);
    if (table.dataset.now === now) return;
    table.dataset.now = now;
    table.replaceChildren(make("thead", {}, make("tr", {}, ...head.map((text) => make("th", { scope: "col" }, text)))), make("tbody", {}, ...body),
      make("caption", {}, columns.length ? more > 0 ? `What differs, and ${more} more settings.` : "What differs." : "Their settings are the same."));
  }

  road.listen(() => { draw(); look(); });
  onChange((_, changed) => { if (changed.has("over") || changed.has("tab")) { draw(); look(); } });
  document.addEventListener("visibilitychange", () => look());
  return { element };
}

const textOf = (value) => (value === undefined ? "–" : Array.isArray(value) && value.length > 4 ? `${value.length} names` : written(value));

/** The settings that are not the same in all runs: their name, and how to read them. @param {import("./trainroad.js").Row[]} rows @returns {[string, (row: Object) => any][]} */
function differing(rows) {
  const all = [["data", (row) => row.dataset], ["family", (row) => row.family]], add = (names, of) => { for (const name of new Set(names)) if (!all.some(([known]) => known === name)) all.push([name, of(name)]); };
  add(rows.flatMap(({ model }) => Object.keys(model ?? {})), (name) => ({ model }) => model?.[name]);
  add(rows.flatMap(({ recipe }) => Object.keys(recipe?.stages?.[0] ?? {})), (name) => ({ recipe }) => recipe?.stages?.[0]?.[name]);
  add(rows.flatMap(({ recipe }) => Object.keys(recipe ?? {})).filter((name) => name !== "stages"), (name) => ({ recipe }) => recipe?.[name]);
  return all.filter(([name, of]) => name !== "image_shape" && new Set(rows.map((row) => JSON.stringify(of(row)))).size > 1);
}
