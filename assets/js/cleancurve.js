// A plot of mean PSNR over the level of a corruption, a line for each way to clean, with the present picture's points on it; a press in it sets the level.

import { make } from "./dom.js";
import { sweeps } from "./sweep.js";

const SVG = "http://www.w3.org/2000/svg", WIDE = 640, HIGH = 220, EDGE = { left: 40, right: 8, top: 10, bottom: 30 }, STEP = 5; // decibels from one line of the grid to the next

/**
 * @typedef {{key: string, title: string, levels: number[], values: number[]}} Line mean PSNR at each level; its look hangs on the key (clean.css)
 * @param {{onLevel: (level: number) => void}} told of a level that is pressed, 0..1
 * @returns {{element: HTMLElement, lines: (lines: Line[], words: string) => void, at: (level: number, points: Map<string, number|null>) => void}}
 *   lines draws others; at moves the present level, with the PSNR of the present picture by the key of its line, null for the very same
 */
export function createCleanCurve({ onLevel }) {
  const svg = document.createElementNS(SVG, "svg"), back = draw("g"), front = draw("g");
  for (const [name, value] of Object.entries({ viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", class: "lp-cleanplot" })) svg.setAttribute(name, value);
  svg.append(back, front);
  const element = make("div", { class: "lp-cleancurve" }, svg);
  let low = 0, high = 30, words = "", titles = new Map();

  const across = (level) => EDGE.left + level * (WIDE - EDGE.left - EDGE.right);
  const up = (decibels) => HIGH - EDGE.bottom - (Math.min(high, Math.max(low, decibels)) - low) / (high - low) * (HIGH - EDGE.bottom - EDGE.top);

  function draw(tag, values = {}, text = "") {
    const one = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(values)) one.setAttribute(name, value);
    one.textContent = text;
    return one;
  }

  function lines(all, said) {
    const every = all.flatMap(({ values }) => values);
    low = every.length ? STEP * Math.floor(Math.min(...every) / STEP) : 0;
    high = every.length ? STEP * Math.ceil((Math.max(...every) + 2) / STEP) : 30;
    if (high === low) high += STEP;
    [words, titles] = [said, new Map(all.map(({ key, title }) => [key, title]))];
    const grid = Array.from({ length: (high - low) / STEP + 1 }, (_, k) => low + k * STEP);
    back.replaceChildren(
      ...grid.flatMap((value) => [draw("line", { x1: across(0), x2: across(1), y1: up(value), y2: up(value), class: "grid" }), draw("text", { x: EDGE.left - 6, y: up(value) + 4, "text-anchor": "end" }, value)]),
      ...[0, 0.25, 0.5, 0.75, 1].map((level) => draw("text", { x: across(level), y: HIGH - 10, "text-anchor": level === 1 ? "end" : "middle" }, level)),
      draw("text", { x: EDGE.left + 6, y: EDGE.top + 10 }, "PSNR, dB"),
      ...all.map(({ key, levels, values }) => draw("path", { class: "line", "data-way": key, d: `M${values.map((value, k) => `${across(levels[k]).toFixed(1)} ${up(value).toFixed(1)}`).join("L")}` })));
  }

  function at(level, points) {
    const shown = [...points];
    front.replaceChildren(draw("line", { class: "now", x1: across(level), x2: across(level), y1: EDGE.top, y2: HIGH - EDGE.bottom }),
      ...shown.map(([key, value]) => draw("circle", { "data-way": key, cx: across(level), cy: up(value ?? high), r: 5.5 })));
    svg.setAttribute("aria-label", `${words} At the level ${level.toFixed(2)} this picture has ${shown.map(([key, value]) => `${titles.get(key) ?? key} ${value === null ? "no error" : `${value.toFixed(1)} dB`}`).join(", ") || "no numbers yet"}.`);
  }

  sweeps(svg, ({ clientX }, box) => onLevel(Math.min(1, Math.max(0, ((clientX - box.left) / box.width * WIDE - across(0)) / (across(1) - across(0))))));
  return { element, lines, at };
}
