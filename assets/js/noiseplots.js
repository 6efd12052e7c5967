// A small plot over all moments of the forward process: one curve drawn firmly, another one faintly, and a mark at the present moment.

import { make } from "./dom.js";
import { sweeps } from "./sweep.js";

const SVG = "http://www.w3.org/2000/svg", WIDE = 300, HIGH = 96, POINTS = 250;

/**
 * @typedef {Object} Curve values over t = 0 .. T @property {(t: number) => number} height in [0, 1] from below @property {number} times T
 * @param {{name: Node, words: string, top: string, bottom: string, mine: Curve, other: Curve, onPick: (t: number) => void, said: (t: number) => string}} plot
 *   name as it is written; words: the same for who cannot see it; top and bottom: what both ends of the scale mean; said: the value at t
 * @returns {{element: HTMLElement, show: (t: number) => void}}
 */
export function createPlot({ name, words, top, bottom, mine, other, onPick, said }) {
  const svg = document.createElementNS(SVG, "svg"), value = make("output", { "aria-live": "off" });
  svg.setAttribute("viewBox", `0 0 ${WIDE} ${HIGH}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.append(line(other, "lp-plotother"), line(mine, "lp-plotmine"));
  const dot = make("b"), mark = make("i", { class: "lp-plotmark", "aria-hidden": "true" }, dot);
  const field = make("div", { class: "lp-plotfield" }, svg, mark, make("small", { class: "top" }, top), make("small", { class: "bottom" }, bottom));
  const element = make("figure", { class: "lp-plot", "data-words": words }, make("figcaption", {}, name, value), field);
  sweeps(field, ({ clientX }, box) => onPick(Math.round(mine.times * Math.min(1, Math.max(0, (clientX - box.left) / box.width)))));

  /** Mark another moment. */
  function show(t) {
    mark.style.left = `${100 * t / mine.times}%`;
    dot.style.top = `${100 * (1 - mine.height(t))}%`;
    value.textContent = said(t);
    svg.setAttribute("aria-label", `${words} over t from 0 to ${mine.times}; at t = ${t} it is ${said(t)}`);
  }
  svg.setAttribute("role", "img");
  return { element, show };
}

function line({ height, times }, name) {
  const path = document.createElementNS(SVG, "path"), points = [];
  for (let k = 0; k <= POINTS; k++) {
    const t = Math.round(k / POINTS * times);
    points.push(`${(t / times * WIDE).toFixed(1)} ${((1 - height(t)) * HIGH).toFixed(2)}`);
  }
  path.setAttribute("d", `M${points.join("L")}`);
  path.setAttribute("class", name);
  return path;
}
