// One slider per latent dimension, in sigmas, the strongest first.

import { make } from "./dom.js";

const SHOWN = 8, END = 3;

/** @param {{onMove: (dimension: number, value: number) => void, onRelease: () => void}} hooks */
export function createSliders({ onMove, onRelease }) {
  const list = make("div", { class: "lp-sliders" }), more = make("button", { class: "lp-link", onclick: () => { all = !all; fold(); } });
  const element = make("div", {}, list, more);
  let rows = [], all = false;

  /** @param {import("./catalogue.js").Model} model */
  function of(model) {
    const effects = model.metrics.effects ?? [], names = model.metrics.names ?? [];
    const order = Array.from({ length: model.latent_dim }, (_, k) => k).sort((a, b) => (effects[b] ?? 0) - (effects[a] ?? 0));
    const strongest = Math.max(...effects, 1e-9);
    rows = order.map((dimension, place) => {
      const input = make("input", {
        type: "range", min: -END, max: END, step: 0.01, value: 0, "data-testid": `latent-slider-${place}`,
        oninput: () => onMove(dimension, +input.value), onchange: onRelease, ondblclick: () => { onMove(dimension, 0); onRelease(); },
      });
      const known = names[dimension], output = make("output", {}, "0.00");
      const title = known ? `${known.r < 0 ? "less" : "more"} ${known.name} →` : "";
      const strength = make("i", { class: "lp-strength", style: `--share:${(effects[dimension] ?? 0) / strongest}`,
        title: effects.length ? `One sigma changes the picture by ${effects[dimension].toFixed(1)} grey levels on average.` : "" });
      input.setAttribute("aria-label", `Latent ${dimension}${title ? `, ${title}` : ""}, in sigmas`);
      return { dimension, input, output, element: make("label", {}, make("span", {}, `z${dimension}`, title && make("small", {}, title), strength), input, output) };
    });
    list.replaceChildren(...rows.map((row) => row.element));
    all = false;
    fold();
  }

  function fold() {
    rows.forEach((row, place) => { row.element.hidden = !all && place >= SHOWN; });
    more.hidden = rows.length <= SHOWN;
    more.textContent = all ? "Show fewer" : `Show all ${rows.length}`;
  }

  /** @param {Float32Array} z */
  function show(z) {
    for (const { dimension, input, output } of rows) {
      if (input !== document.activeElement || Math.abs(+input.value - z[dimension]) > 0.006) input.value = z[dimension];
      output.textContent = z[dimension].toFixed(2).replace("-", "−");
    }
  }

  return { element, of, show };
}
