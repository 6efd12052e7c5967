// One slider per latent dimension, in sigmas, the strongest first.

import { hasPrior, isRound } from "./catalogue.js";
import { make } from "./dom.js";
import { releases } from "./release.js";

const SHOWN = [8, 16], END = 3;

/** @param {{onMove: (dimension: number, value: number) => void, onRelease: () => void}} hooks */
export function createSliders({ onMove, onRelease }) {
  const list = make("div", { class: "lp-sliders" }), more = make("button", { class: "lp-link", onclick: () => { stage = (stage + 1) % stages.length; fold(); } });
  const none = make("p", { class: "lp-empty" }), element = make("div", {}, none, list, more);
  const { release, forget } = releases(element, onRelease);
  let rows = [], stages = [], stage = 0, last = null;

  /** @param {import("./catalogue.js").Model} model */
  function of(model) {
    forget();
    const round = isRound(model), D = model.latent_dim;
    none.textContent = !hasPrior(model) ? model.abilities.random : round ? `The latent of this model is ${model.latent_shape.length > 1 ? "a picture of noise" : "as long as a picture"}, ${D} numbers of which none means anything alone: `
      + "use the map, Random and pins." : "";
    const effects = model.metrics.effects ?? [], names = model.metrics.names ?? [], strongest = Math.max(...effects, 1e-9);
    const order = Array.from({ length: round ? 0 : D }, (_, k) => k).sort((a, b) => (effects[b] ?? 0) - (effects[a] ?? 0));
    rows = order.map((dimension, place) => row(dimension, place, names[dimension], effects[dimension], strongest));
    list.replaceChildren(...rows.map((one) => one.element));
    [stage, last] = [0, null];
    stages = [...SHOWN.filter((many) => many < rows.length), rows.length];
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
    rows.forEach((one, place) => { one.element.hidden = place >= stages[stage]; });
    const next = stages[stage + 1];
    more.hidden = stages.length < 2;
    more.textContent = !next ? "Show fewer" : next === rows.length ? `Show all ${next}` : `Show ${next} of ${rows.length} dimensions`;
    if (last) show(last);
  }

  /** @param {Float32Array} z */
  function show(z) {
    last = z;
    for (const { dimension, input, output } of rows.slice(0, stages[stage])) {
      if (input !== document.activeElement || Math.abs(+input.value - z[dimension]) > 0.006) input.value = z[dimension];
      output.textContent = z[dimension].toFixed(2).replace("-", "−");
    }
  }

  return { element, of, show };
}
