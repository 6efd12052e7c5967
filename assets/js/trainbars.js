// Bars of a readout at the moment that is looked at: one for each dimension, unit or class, on a scale that stays.

import { make } from "./dom.js";
import { sheet } from "./traincharts.js";
import { short, stepText } from "./trainscales.js";

const EDGE = { left: 46, top: 8, bottom: 18, right: 8 }, LEAST = 150, WORDS = 24, WIDEST = 56; // pixels; so few bars have each its number or name below; pixels of a bar

/** @param {string} name as the model says it, such as "KL of each dimension, nats" @returns {[string, string]} what it is, and its unit */
export function titled(name) {
  const cut = name.lastIndexOf(", "), text = cut > 0 ? name.slice(0, cut) : name;
  return [text.charAt(0).toUpperCase() + text.slice(1), cut > 0 ? name.slice(cut + 2) : ""];
}

/**
 * @param {{name: string, testId: string, guide?: number, classes?: boolean}} bars guide: a value with a line across; classes: each bar has the colour of its class
 * @returns {{element: HTMLElement, show: (values: Float32Array|null, step: number, more: {most: number, words?: string, names?: string[]}) => void, end: () => void}}
 *   most: the upper end; names: of the bars; end: it is thrown away
 */
export function createBars({ name, testId, guide = null, classes = false }) {
  const canvas = make("canvas", { role: "img", "data-testid": testId }), field = make("div", { class: "lp-chartfield", style: `min-height: ${LEAST}px` }, canvas), reading = make("small", { class: "lp-chartreading" });
  const [title, unit] = titled(name), about = make("p", { class: "lp-fact" });
  const sort = make("button", { class: "lp-quiet", "aria-pressed": "false", title: "The largest first", onclick: () => { sort.setAttribute("aria-pressed", String(sort.getAttribute("aria-pressed") !== "true")); draw(); } }, "sorted");
  const element = make("figure", { class: "lp-timechart lp-trainbars" }, make("figcaption", {}, make("b", {}, title), make("small", {}, unit), reading, classes ? null : sort), field, about);
  let values = null, step = 0, most = 1, names = [], hover = null, order = [];

  function show(next, at, more) {
    if (next === values && at === step && more.most === most && names === (more.names ?? names)) return;
    [values, step, most, names] = [next, at, more.most || 1, more.names ?? []];
    about.textContent = more.words ?? "";
    sort.hidden = (next?.length ?? 0) < 3;
    draw();
  }

  function draw() {
    const width = field.clientWidth, high = field.clientHeight;
    if (!width) return;
    const pencil = sheet(canvas, width, high), style = getComputedStyle(canvas), colour = (of) => style.getPropertyValue(`--lp-${of}`), low = high - EDGE.bottom;
    if (!values) return;
    const n = values.length, least = Math.min(0, ...values), y = (value) => low - (Math.min(most, value) - least) / (most - least || 1) * (low - EDGE.top), wide = (width - EDGE.left - EDGE.right) / n;
    order = Array.from({ length: n }, (_, k) => k);
    if (sort.getAttribute("aria-pressed") === "true") order.sort((a, b) => values[b] - values[a]);
    Object.assign(pencil, { font: "11px system-ui, sans-serif", fillStyle: colour("soft"), strokeStyle: colour("line"), textAlign: "right" });
    for (const value of [...new Set([least, 0, most])]) { ruler(pencil, y(value), width); pencil.fillText(short(value), EDGE.left - 6, y(value) + 4); }
    order.forEach((k, place) => {
      pencil.fillStyle = classes ? colour(`c${k % 10}`) : colour("accent");
      pencil.globalAlpha = hover === null || hover === place ? 1 : 0.5;
      const top = Math.min(y(values[k]), y(0)), gap = wide > WIDEST ? (wide - WIDEST) / 2 : wide > 4 ? Math.min(4, 0.18 * wide) : 0;
      pencil.fillRect(EDGE.left + place * wide + gap, top, wide - 2 * gap, Math.max(1, Math.abs(y(0) - y(values[k]))));
    });
    pencil.globalAlpha = 1;
    Object.assign(pencil, { fillStyle: colour("soft"), textAlign: "center" });
    if (n <= WORDS) order.forEach((k, place) => pencil.fillText(clipped(pencil, names[k] ?? String(k + 1), wide - 1), EDGE.left + (place + 0.5) * wide, high - 5));
    if (guide !== null) { pencil.setLineDash([4, 3]); pencil.strokeStyle = colour("ink"); ruler(pencil, y(guide), width); pencil.setLineDash([]); }
    read();
  }

  function read() {
    const nameOf = (k) => names[k] ?? `number ${k + 1}`, k = hover === null ? -1 : order[hover];
    reading.textContent = k >= 0 && values ? `${nameOf(k)}: ${short(values[k])}` : "";
    const first = order.slice(0, 12).map((one) => `${nameOf(one)} ${short(values[one])}`).join(", ");
    canvas.setAttribute("aria-label", values ? `${name} at step ${stepText(step)}: ${first}${values.length > 12 ? ` and ${values.length - 12} more` : ""}. ${about.textContent}` : `${name}: no numbers yet`);
  }

  field.addEventListener("pointermove", (event) => {
    if (!values) return;
    const box = field.getBoundingClientRect(), place = Math.floor((event.clientX - box.left - EDGE.left) / (box.width - EDGE.left - EDGE.right) * values.length), next = place >= 0 && place < values.length ? place : null;
    if (next === hover) return;
    hover = next;
    draw();
  });
  field.addEventListener("pointerleave", () => { hover = null; draw(); });
  const size = new ResizeObserver(draw), theme = new MutationObserver(draw);
  size.observe(field);
  theme.observe(document.body, { attributeFilter: ["class"] }); // light and dark
  return { element, show, end: () => { size.disconnect(); theme.disconnect(); } };
}

function ruler(pencil, y, width) {
  pencil.beginPath();
  pencil.moveTo(EDGE.left, y);
  pencil.lineTo(width - EDGE.right, y);
  pencil.stroke();
}

/** A text that is no wider than its place. */
function clipped(pencil, text, width) {
  let shown = text;
  while (shown.length > 1 && pencil.measureText(shown).width > width) shown = shown.length > 2 ? `${shown.slice(0, -2)}…` : shown.slice(0, 1);
  return shown;
}
