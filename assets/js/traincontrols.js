// What can be asked of a run: pause, go on, stop, another learning rate, more steps; and how far it is.

import { make, say } from "./dom.js";
import { short, stepText } from "./trainscales.js";

const WINDOW = 20; // seconds over which the speed is measured
const MORE = [[500, "500"], [1000, "1,000"], [2000, "2,000"], [5000, "5,000"], [10000, "10,000"]];
const WORDS = { waiting: "Waiting", running: "Running", paused: "Paused", stopped: "Stopped", finished: "Finished", failed: "Failed" };
const MEANWHILE = { pause: "Pausing …", resume: "Going on …", stop: "Stopping …", more: "Going on …" };
const RATE = "rate"; // is asked for: what the run still has must not move the slider back

/** Seconds as people say them. @param {number} seconds */
export function timeText(seconds) {
  if (seconds < 1.5) return "1 s";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${String(Math.round(seconds % 3600 / 60)).padStart(2, "0")} min`;
}

/** How fast a run really goes on, waiting for others included: from what was seen of it lately. @returns {(row: Object) => number|null} seconds left, or null while nothing is known */
export function createClock() {
  let seen = [], of = "";
  return (row) => {
    const now = performance.now() / 1000, key = `${row.name} ${row.state}`;
    if (key !== of || (seen.at(-1)?.step ?? 0) > row.step) [seen, of] = [[], key];
    if (row.state !== "running") return null;
    if (seen.at(-1)?.step !== row.step) seen.push({ now, step: row.step });
    while (seen.length > 2 && now - seen[0].now > WINDOW) seen.shift();
    const [first, last] = [seen[0], seen.at(-1)], per = last.step > first.step && last.now - first.now > 2 ? (last.now - first.now) / (last.step - first.step) : row.step ? row.seconds / row.step * Math.max(1, row.sharing || 1) : null;
    return per === null ? null : per * Math.max(0, row.steps - row.step);
  };
}

/** @param {{act: Function}} road @param {(row: Object) => void} onRow told of the server's answer @returns {{element: HTMLElement, show: (row: Object) => void}} */
export function createControls(road, onRow) {
  const press = (what, text, title) => make("button", { class: "lp-button", "data-testid": `run-${what}`, title, onclick: () => ask(what) }, text);
  const pause = press("pause", "❚❚ Pause", "Save, and let others go on"), resume = press("resume", "▶ Resume", "Go on exactly where it stands"), stop = press("stop", "■ Stop", "End here; what it has learned is a model at once");
  const steps = make("select", { "aria-label": "How many more steps", "data-testid": "run-steps" }, ...MORE.map(([value, text]) => make("option", { value }, `${text} more steps`)));
  steps.value = "1000";
  const more = make("button", { class: "lp-button", "data-testid": "run-more", title: "Train on from here", onclick: () => ask("more", { steps: +steps.value }) }, "Continue with"), longer = make("span", { class: "lp-runlonger" }, more, steps);
  const state = make("b", { class: "lp-runstate", role: "status", "data-testid": "run-state" }), far = make("span", { class: "lp-fact", "data-testid": "run-far" }), bar = make("progress", { class: "lp-runbar", max: 1, value: 0, "data-testid": "run-bar" }), why = make("p", { class: "lp-runwhy", "data-testid": "run-why" });
  const value = make("output", { "aria-live": "off" }), slider = make("input", { type: "range", min: -1, max: 1, step: 0.05, value: 0, "aria-label": "Learning rate, as a multiple of the planned one", "data-testid": "run-rate", oninput: () => { held = true; said(); }, onchange: () => { held = false; ask("rate", { factor: factor() }); } });
  const rate = make("label", { class: "lp-runrate", title: "Takes effect when you let go" }, make("span", {}, "Learning rate"), slider, value);
  const element = make("div", { class: "lp-runcontrols" }, make("div", { class: "lp-runline" }, state, far, make("div", { class: "lp-row" }, pause, resume, stop, longer), rate), bar, why), clock = createClock();
  let row = null, pending = "", turn = 0, held = false;

  const factor = () => +(10 ** +slider.value).toPrecision(2);
  const said = () => { value.textContent = `×${short(factor())}`; slider.setAttribute("aria-valuetext", `${short(factor())} times the planned rate`); };

  async function ask(what, values = {}) {
    const mine = ++turn, { name } = row;
    pending = MEANWHILE[what] ?? RATE;
    show(row);
    try {
      const answer = await road.act(name, what, values);
      if (answer?.name === row?.name) onRow(answer);
    } catch (error) {
      say(error.message, "problem");
    }
    if (mine === turn) { pending = ""; show(row); }
  }

  function show(next) {
    const other = next.name !== row?.name;
    row = next;
    if (other) pending = "";
    const { state: now, step, steps: all, ahead = 0, mine = true } = row, open = now === "running" || now === "waiting", over = now === "stopped" || now === "finished", left = clock(row);
    state.textContent = (pending !== RATE && pending) || WORDS[now] || now;
    element.dataset.state = now;
    far.textContent = now === "waiting" && !step ? (ahead ? `${ahead} other${ahead === 1 ? "" : "s"} first` : "it begins in a moment") : `step ${stepText(step)} of ${stepText(all)}${left === null ? "" : `, about ${timeText(left)} left`}${open && row.sharing > 1 ? `, shared with ${row.sharing - 1} other${row.sharing === 2 ? "" : "s"}` : ""}`;
    bar.value = all ? step / all : 0;
    bar.setAttribute("aria-label", `Steps done: ${stepText(step)} of ${stepText(all)}`);
    [pause.hidden, resume.hidden, stop.hidden, longer.hidden] = [!open, !(now === "paused" || (now === "failed" && step > 0)), over || now === "failed", !over];
    for (const button of [pause, resume, stop, more]) button.disabled = !!pending || !mine;
    slider.disabled = !mine || over || now === "failed";
    if (other) held = false;
    if (!held && pending !== RATE) slider.value = String(Math.log10(row.rate_factor || 1));
    said();
    why.textContent = row.why || "";
    why.classList.toggle("problem", now === "failed");
  }
  return { element, show };
}
