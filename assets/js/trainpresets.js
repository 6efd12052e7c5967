// The lectures' trainings as a row of cards: one press begins one, and each says what to look at.

import { make, say } from "./dom.js";
import { choose } from "./store.js";
import { isReady } from "./trainplan.js";

/**
 * @param {ReturnType<import("./trainroad.js").createRoad>} road @param {(names: string[]) => void} onBegun
 * @returns {{element: HTMLElement, show: (form: import("./trainplan.js").Form) => void}}
 */
export function createPresets(road, onBegun) {
  const row = make("div", { class: "lp-presetrow", tabIndex: -1, "data-testid": "train-presets" });
  const back = make("button", { class: "lp-icon", "aria-label": "Earlier lectures", title: "Earlier lectures", onclick: () => move(-1) }, "‹");
  const on = make("button", { class: "lp-icon", "aria-label": "More lectures", title: "More lectures", onclick: () => move(1) }, "›");
  const element = make("section", { class: "lp-trainpresets", "aria-label": "Trainings of the lectures" },
    make("header", {}, make("h2", {}, "From the lectures"), make("span", {}, "One press begins it"), make("span", { class: "lp-presetmove" }, back, on)), row);
  let form = null;

  const move = (by) => row.scrollBy({ left: by * 0.8 * row.clientWidth, behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  function ends() {
    back.disabled = row.scrollLeft < 2;
    on.disabled = row.scrollLeft > row.scrollWidth - row.clientWidth - 2;
    element.classList.toggle("all", back.disabled && on.disabled);
  }
  row.addEventListener("scroll", ends, { passive: true });
  new ResizeObserver(ends).observe(row);

  /** Why a preset can never begin here; "" if it can. */
  function lacking({ runs }) {
    for (const { plan } of runs) {
      const data = form.datasets.find(({ id }) => id === plan.dataset);
      if (!data || !isReady(data)) return data?.ready ?? `The data set ${plan.dataset} is not here.`;
    }
    return "";
  }

  function card(preset) {
    const { id, title, watch, runs } = preset, why = lacking(preset);
    const button = make("button", { class: "lp-preset", "data-preset": id, "aria-disabled": String(!!why), title: why, onclick: () => { const no = why || (road.may() !== true && road.may()); if (no) say(no); else begin(preset, button); } },
      make("b", {}, title), make("span", { class: "lp-presetwatch" }, watch), make("span", { class: "lp-presetfoot" }, why ? "Not here" : runs.length > 1 ? `${runs.length} trainings` : "1 training"));
    return button;
  }

  /** All its runs, one behind the other; what cannot begin is said, and what has begun goes on. */
  async function begin({ title, runs }, button) {
    if (button.ariaBusy === "true") return;
    button.ariaBusy = "true";
    const names = [];
    try {
      for (const run of runs) names.push(await road.start(run.plan, { title: run.title, group: title }));
    } catch (error) {
      say(names.length ? `${names.length} of ${runs.length} have begun. ${error.message}` : error.message, "problem");
    } finally {
      button.ariaBusy = "false";
    }
    if (!names.length) return;
    choose({ over: names.length > 1 ? names.join(",") : "" }, false);
    onBegun(names);
  }

  let drawn = "";
  function draw() {
    const now = JSON.stringify([form?.presets, form?.datasets.map(({ id, ready }) => [id, ready])]);
    if (!form || now === drawn) return;
    drawn = now;
    element.hidden = !form.presets.length;
    row.replaceChildren(...form.presets.map(card));
    ends();
  }
  return { element, show: (next) => { form = next; draw(); } };
}
