// One slider per latent dimension, in sigmas, the strongest first.

import { make } from "./dom.js";

const SHOWN = 8, END = 3, KEY_REST = 300; // milliseconds after the last key that make one release of many

/** @param {{onMove: (dimension: number, value: number) => void, onRelease: () => void}} hooks */
export function createSliders({ onMove, onRelease }) {
  const list = make("div", { class: "lp-sliders" }), more = make("button", { class: "lp-link", onclick: () => { all = !all; fold(); } });
  const element = make("div", {}, list, more);
  let rows = [], all = false, keyed = false, resting = 0;
  element.addEventListener("keydown", () => { keyed = true; });
  element.addEventListener("pointerdown", () => { keyed = false; });

  function release() {
    clearTimeout(resting);
    if (keyed) resting = setTimeout(onRelease, KEY_REST);
    else onRelease();
  }

  /** @param {import("./catalogue.js").Model} model */
  function of(model) {
    clearTimeout(resting);
    const effects = model.metrics.effects ?? [], names = model.metrics.names ?? [], strongest = Math.max(...effects, 1e-9);
    const order = Array.from({ length: model.latent_dim }, (_, k) => k).sort((a, b) => (effects[b] ?? 0) - (effects[a] ?? 0));
    rows = order.map((dimension, place) => row(dimension, place, names[dimension], effects[dimension], strongest));
    list.replaceChildren(...rows.map((one) => one.element));
    all = false;
    fold();
  }

  function row(dimension, place, known, effect, strongest) {
    const input = make("input", {
      type: "range", min: -END, max: END, step: 0.01, value: 0, "data-testid": `latent-slider-${place}`, title: "Double-click sets it to 0",
      oninput: () => onMove(dimension, +input.value), onchange: release, ondblclick: () => { onMove(dimension, 0); onRelease(); },
    });
    const title = known ? `${known.r < 0 ? "less" : "more"} ${known.name} →` : "", output = make("output", { "aria-live": "off" }, "0.00");
    input.setAttribute("aria-label", `Latent ${dimension}${title ? `, ${title}` : ""}, in sigmas`);
    const strength = make("i", { class: "lp-strength", style: `--share:${(effect ?? 0) / strongest}`,
      title: effect === undefined ? "" : `One sigma changes the picture by ${effect.toFixed(1)} grey levels on average.` });
    return { dimension, input, output, element: make("label", {}, make("span", {}, `z${dimension}`, title && make("small", {}, title), strength), input, output) };
  }

  function fold() {
    rows.forEach((one, place) => { one.element.hidden = !all && place >= SHOWN; });
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
