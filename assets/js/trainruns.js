// The list of one's runs: pictures that each makes, how far it is, and a box that lays its curve over those of others.

import { make, say } from "./dom.js";
import { choose, chosen, onChange } from "./store.js";
import { OVER } from "./traintext.js";
import { shortFamily } from "./trainplan.js";
import { createThumb } from "./trainthumb.js";

const WORDS = { waiting: "waits for its turn", running: "learns", paused: "paused", stopped: "stopped", finished: "finished", failed: "ended" };

/** The runs that are laid over each other. @returns {string[]} */
export const overNames = () => chosen().over.split(",").filter(Boolean);

/** Seconds that are left as a person says them; "" while nobody knows. @param {import("./trainroad.js").Row} row */
export function leftText({ state, step, steps, seconds, sharing }) {
  if (state !== "running" || step < 1 || seconds < 1) return "";
  const left = Math.max(1, Math.max(1, sharing) * seconds / step * (steps - step));
  return left < 90 ? `${Math.round(left)} s left` : left < 5400 ? `${Math.round(left / 60)} min left` : `${(left / 3600).toFixed(1)} h left`;
}

/** How a run stands, in a few words. @param {import("./trainroad.js").Row} row */
export function standText(row) {
  const { state, step, steps, ahead, why } = row, count = (value) => value.toLocaleString("en");
  if (state === "waiting") return why || (ahead ? `waits for ${ahead === 1 ? "one run" : `${ahead} runs`} of yours` : "begins in a moment");
  if (state === "finished") return `finished, ${count(step)} steps`;
  return [`${WORDS[state]}${state === "running" ? "," : " at"} ${count(step)} of ${count(steps)}`, leftText(row)].filter(Boolean).join("  ·  ");
}

/**
 * @param {ReturnType<import("./trainroad.js").createRoad>} road @param {(name: string) => void} onOpen
 * @returns {{element: HTMLElement, called: (learn: (id: string) => string, kin: (id: string) => string) => void}}
 */
export function createRuns(road, onOpen) {
  const list = make("ul", { class: "lp-trainlist", "data-testid": "runs" }), count = make("span", { class: "lp-traincount" });
  const hint = make("small", { class: "lp-trainhint" }, "Tick two or more to lay their curves over each other.");
  const element = make("section", { class: "lp-card lp-trainlistcard", hidden: true, "aria-label": "Your trainings" }, make("h2", {}, "Your trainings ", count), list, hint);
  const lines = new Map();
  let titles = { learn: (id) => id, kin: (id) => id };

  function line(name) {
    const thumb = createThumb(road, name), title = make("b"), facts = make("span", { class: "lp-trainfacts" }), stands = make("span", { class: "lp-trainstands" }), bar = make("progress", { class: "lp-trainbar", max: 1, "aria-hidden": "true" });
    const open = make("button", { class: "lp-trainrow", "data-key": name, "data-run": name, onclick: () => onOpen(name) }, thumb.element, make("span", { class: "lp-trainwords" }, title, facts, stands), bar);
    const box = make("input", { type: "checkbox", onchange: () => lay(name, box.checked) }), tick = make("label", { class: "lp-traintick", title: "Lay its curve over those of others" }, box);
    const item = make("li", {}, open, tick);
    function show(row) {
      thumb.show(row);
      title.textContent = row.title || name;
      facts.textContent = [row.group, titles.learn(row.dataset), shortFamily(titles.kin(row.family)), row.shared && "shared"].filter(Boolean).join("  ·  ");
      stands.textContent = standText(row);
      item.dataset.state = row.state;
      bar.value = row.steps ? row.step / row.steps : 0;
      open.setAttribute("aria-current", String(row.name === chosen().run));
      box.checked = overNames().includes(name);
      box.setAttribute("aria-label", `Lay the curve of ${title.textContent} over those of others`);
    }
    return { item, show };
  }

  function lay(name, yes) {
    const names = overNames().filter((one) => one !== name);
    if (yes && names.length >= OVER) {
      say(`At most ${OVER} curves lie over each other.`);
      return draw();
    }
    choose({ over: [...names, ...(yes ? [name] : [])].join(",") }, false);
  }

  function draw() {
    const rows = [...(road.runs() ?? [])].filter(({ mine }) => mine !== false).sort((a, b) => b.created - a.created);
    element.hidden = !rows.length;
    count.textContent = rows.length > 1 ? `(${rows.length})` : "";
    hint.hidden = rows.length < 2;
    for (const name of [...lines.keys()]) if (!rows.some((row) => row.name === name)) lines.delete(name);
    for (const { name } of rows) if (!lines.has(name)) lines.set(name, line(name));
    const items = rows.map(({ name }) => lines.get(name).item);
    if (items.length !== list.children.length || items.some((item, k) => item !== list.children[k])) {
      const held = list.contains(document.activeElement) ? document.activeElement : null;
      list.replaceChildren(...items);
      if (held?.isConnected) held.focus({ preventScroll: true });
    }
    for (const row of rows) lines.get(row.name).show(row);
  }

  road.listen(draw);
  onChange((_, changed) => { if (["run", "over", "tab"].some((name) => changed.has(name))) draw(); });
  return { element, called: (learn, kin) => { titles = { learn, kin }; draw(); } };
}
