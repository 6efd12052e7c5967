// A chart over the steps of a training: lines with their names at their ends, marks, a reading under the hand, and the moment that is looked at.

import { make } from "./dom.js";
import { inkOf } from "./noisecurves.js";
import { sweeps } from "./sweep.js";
import { lastUpTo, scaleOf, short, smoothed, spread, stepText, stepTicks, thinned } from "./trainscales.js";

const FEW = 60, MANY = 300; // points of a curve up to which it is smoothed less, since a few would only lag behind, and from which over more of them
const EDGE = { left: 46, top: 8, bottom: 20, right: 10 }, NARROW = 460, LABEL = 15, SMALL = "11px system-ui, sans-serif"; // pixels

/**
 * @typedef {{key: string, name: string, steps: number[], values: number[]}} Line
 * @typedef {{lines: Line[], marks?: import("./trainhistory.js").Mark[], end: number, log?: boolean, weight?: number}} Content end: the step at the right edge; weight: how much is smoothed, 0 to below 1
 * @param {{name: string, note?: string, testId?: string, range?: [number, number], least?: number, onPick: (step: number) => void}} chart range: the ends of the axis, where they are known; least: pixels of its height
 * @returns {{element: HTMLElement, show: (content: Content) => void, at: (step: number) => void, rename: (name: string, note: string) => void, forget: () => void, end: () => void}} forget: the lines of another run come; end: it is thrown away
 */
export function createTimeChart({ name, note = "", testId, range = null, least = 170, onPick }) {
  const base = make("canvas", { role: "img", "data-testid": testId }), over = make("canvas", { "aria-hidden": "true" });
  const field = make("div", { class: "lp-chartfield", style: `min-height: ${least}px` }, base, over), legend = make("div", { class: "lp-chartlegend" }), reading = make("small", { class: "lp-chartreading" });
  const title = make("b", {}, name), small = make("small", {}, note), element = make("figure", { class: "lp-timechart" }, make("figcaption", {}, title, small, reading), legend, field);
  const hidden = new Set();
  let content = { lines: [], marks: [], end: 1 }, drawn = null, moment = 0, hover = null, width = 0, high = 0;

  /** Other lines, or more of them. */
  function show(next) {
    content = { marks: [], log: false, weight: 0, ...next };
    const keys = content.lines.map(({ key }) => key).join("\n");
    if (legend.dataset.keys !== keys) {
      legend.dataset.keys = keys;
      hidden.clear();
      legend.replaceChildren(...content.lines.map(({ key, name: text }, k) => make("button", { class: "lp-chartkey", style: `--k: ${inkOf(k)}`, "aria-pressed": "true", title: `Show or hide ${text}`, disabled: content.lines.length < 2, onclick: () => toggle(key) }, make("i"), make("span", {}, text), make("output", { "aria-live": "off" }))));
    }
    draw();
  }

  function toggle(key) {
    if (!hidden.delete(key) && hidden.size + 1 < content.lines.length) hidden.add(key);
    [...legend.children].forEach((button, k) => button.setAttribute("aria-pressed", String(!hidden.has(content.lines[k].key))));
    draw();
  }

  /** The moment that is looked at. @param {number} step */
  function at(step) {
    moment = step;
    mark();
  }

  /** The same share of a short curve and of a long one is smoothed over. */
  function weightFor(count) {
    const weight = content.weight * Math.min(1, count / FEW);
    return weight && Math.exp(Math.log(weight) / Math.max(1, count / MANY));
  }

  function draw() {
    [width, high] = [field.clientWidth, field.clientHeight];
    if (!width) return;
    const pencil = sheet(base, width, high), style = getComputedStyle(base), ink = (k) => style.getPropertyValue(inkOf(k).slice(4, -1)), colour = (of) => style.getPropertyValue(`--lp-${of}`);
    const shown = content.lines.map((line, k) => ({ ...line, k, smooth: smoothed(line.values, weightFor(line.values.length)) })).filter(({ key }) => !hidden.has(key));
    pencil.font = SMALL;
    const named = width >= NARROW && shown.length > 1, right = named ? Math.min(0.3 * width, 14 + Math.max(...shown.map((line) => pencil.measureText(line.name).width))) : EDGE.right;
    for (const line of shown) [line.raw, line.fine] = [line.values, line.smooth].map((values) => thinned(line.steps, values, width));
    const scale = scaleOf(shown.flatMap(({ fine }) => fine.values), content.log, range), [left, low] = [EDGE.left, high - EDGE.bottom];
    const x = (step) => left + step / Math.max(1, content.end) * (width - left - right), y = (value) => low - scale.share(value) * (low - EDGE.top);
    drawn = { x, y, shown, left, low, right, step: (pixel) => Math.min(1, Math.max(0, (pixel - left) / (width - left - right))) * content.end, ink };
    axes(pencil, scale, { x, y, left, low, right }, colour);
    for (const { step, words } of content.marks) markLine(pencil, x(step), words, low, colour("soft"));
    pencil.save();
    pencil.rect(left, EDGE.top - 2, width - left - right + 2, low - EDGE.top + 4);
    pencil.clip();
    for (const line of shown) {
      if (content.weight) stroke(pencil, line.raw, x, y, ink(line.k), 1, 0.28);
      stroke(pencil, line.fine, x, y, ink(line.k), 2, 1);
    }
    pencil.restore();
    if (named) labels(pencil, shown, scale, { x, y, low }, ink, colour("ink"));
    mark();
  }

  function axes(pencil, scale, { x, y, left, low, right }, colour) {
    pencil.fillStyle = colour("soft");
    pencil.strokeStyle = colour("line");
    for (const value of scale.ticks) {
      line(pencil, left, y(value), width - right, y(value));
      pencil.textAlign = "right";
      pencil.fillText(short(value), left - 6, y(value) + 4);
    }
    pencil.textAlign = "center";
    for (const step of stepTicks(content.end, Math.max(2, (width - left - right) / 90))) pencil.fillText(stepText(step), Math.min(width - 2 - pencil.measureText(stepText(step)).width / 2, Math.max(left + 2, x(step))), high - 5);
    pencil.textAlign = "right";
    if (right > 40) pencil.fillText("steps", width - 2, high - 5);
  }

  /** The reading: every line's value at the hand, else at the moment. */
  function mark() {
    if (!drawn) return;
    const step = hover ?? moment, pencil = sheet(over, width, high), style = getComputedStyle(over), { x, y, low, ink } = drawn;
    if (content.lines.some(({ steps }) => steps.length)) {
      pencil.strokeStyle = style.getPropertyValue("--lp-accent");
      pencil.globalAlpha = 0.8;
      line(pencil, x(Math.min(step, content.end)), EDGE.top - 4, x(Math.min(step, content.end)), low);
      pencil.globalAlpha = 1;
    }
    const said = [];
    content.lines.forEach((one, k) => {
      const shownLine = drawn.shown.find(({ key }) => key === one.key), values = shownLine?.smooth ?? one.values, place = Math.max(0, lastUpTo(one.steps, step)), value = values[place];
      const text = value === undefined ? "–" : short(value);
      said.push(`${one.name} ${text}`);
      const output = legend.children[k]?.lastChild;
      if (output && output.textContent !== text) output.textContent = text;
      if (!shownLine || !Number.isFinite(value)) return;
      pencil.fillStyle = ink(k);
      pencil.beginPath();
      pencil.arc(x(Math.min(one.steps[place], content.end)), Math.min(low, Math.max(EDGE.top, y(value))), 3.5, 0, 2 * Math.PI);
      pencil.fill();
    });
    const words = hover === null ? "" : `step ${stepText(step)}`, near = content.marks.findLast((one) => hover !== null && Math.abs(x(one.step) - x(step)) < 8);
    reading.textContent = near ? `${words} · ${near.words}` : words;
    base.setAttribute("aria-label", `${title.textContent} over the steps. At step ${stepText(step)}: ${said.join(", ")}.`);
  }

  const stepAt = (event) => drawn.step(event.clientX - field.getBoundingClientRect().left);
  field.addEventListener("pointermove", (event) => {
    if (!drawn || event.pointerType === "touch") return;
    hover = stepAt(event);
    mark();
  });
  sweeps(field, (event, _, done) => {
    if (!drawn) return;
    hover = done && event.pointerType === "touch" ? null : stepAt(event);
    onPick(stepAt(event));
    mark();
  });
  field.addEventListener("pointerleave", () => { hover = null; mark(); });
  const size = new ResizeObserver(() => { if (field.clientWidth !== width || field.clientHeight !== high) draw(); }), theme = new MutationObserver(draw);
  size.observe(field);
  theme.observe(document.body, { attributeFilter: ["class"] }); // light and dark

  function rename(text, more) { title.textContent = text; small.textContent = more; }
  /** Nothing of another run is remembered. */
  function forget() { delete legend.dataset.keys; }
  return { element, show, at, rename, forget, end: () => { size.disconnect(); theme.disconnect(); } };
}

/** A clean canvas as sharp as the screen. @returns {CanvasRenderingContext2D} */
export function sheet(canvas, width, height) {
  const ratio = devicePixelRatio || 1, [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  const pencil = canvas.getContext("2d");
  pencil.setTransform(ratio, 0, 0, ratio, 0, 0);
  pencil.clearRect(0, 0, width, height);
  return pencil;
}

function line(pencil, x1, y1, x2, y2) {
  pencil.beginPath();
  pencil.moveTo(x1, y1);
  pencil.lineTo(x2, y2);
  pencil.stroke();
}

function stroke(pencil, { steps, values }, x, y, ink, wide, alpha) {
  Object.assign(pencil, { strokeStyle: ink, lineWidth: wide, globalAlpha: alpha, lineJoin: "round" });
  pencil.beginPath();
  let open = false;
  for (let k = 0; k < steps.length; k++) {
    if (!Number.isFinite(values[k])) { open = false; continue; }
    if (open) pencil.lineTo(x(steps[k]), y(values[k]));
    else pencil.moveTo(x(steps[k]), y(values[k]));
    open = true;
  }
  pencil.stroke();
  pencil.globalAlpha = pencil.lineWidth = 1;
}

/** Where something was changed: a dashed line, and what it was at its top. */
function markLine(pencil, x, words, low, colour) {
  pencil.save();
  Object.assign(pencil, { strokeStyle: colour, fillStyle: colour, textAlign: "left" });
  pencil.setLineDash([3, 3]);
  line(pencil, x, EDGE.top, x, low);
  pencil.fillText(words.length > 24 ? "•" : words, x + 4, EDGE.top + 9);
  pencil.restore();
}

/** Every line's name at its end, none over another. */
function labels(pencil, shown, scale, { x, y, low }, ink, colour) {
  const ends = shown.map(({ smooth }) => smooth.findLast(Number.isFinite)).map((value) => (value === undefined ? low : Math.min(low, Math.max(EDGE.top, y(value))))), heights = spread(ends, LABEL, low);
  pencil.textAlign = "left";
  shown.forEach(({ name, steps, k }, n) => {
    if (!steps.length) return;
    const from = x(steps.at(-1)) + 6;
    Object.assign(pencil, { strokeStyle: ink(k), lineWidth: 1.5, fillStyle: colour });
    line(pencil, from - 4, ends[n], from, heights[n]);
    pencil.fillText(name, from + 3, heights[n] + 4);
  });
  pencil.lineWidth = 1;
}
