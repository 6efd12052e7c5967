// The codes of fixed test pictures as they move through a training: on two axes that stay, coloured by class.

import { make } from "./dom.js";
import { COLOURS } from "./map.js";
import { dot, neighbourAccuracy } from "./plane.js";
import { stepText } from "./trainscales.js";
import { sheet } from "./traincharts.js";

const EASE = 450, REST = 160; // milliseconds of a move to newer codes, and of quiet before neighbours are counted
const ROUNDS = 12, MOST_NAMED = 12, NEAREST = 3; // rounds of the power iteration, classes that are written into the map, and the least reach in sigmas
const REACHES = [3, 3.5, 4, 5, 6, 8, 10, 14, 20, 30, 50, 100, 1000];

/** The two directions in which rows of codes spread most, turned so that they lie as those before. @param {Float32Array} codes [N, D] @param {number} D @param {{u: Float32Array, v: Float32Array}|null} before */
export function principal(codes, D, before = null) {
  const N = codes.length / D, middle = new Float64Array(D), unit = (a) => { const length = Math.sqrt(dot(a, a)) || 1; return a.map((value) => value / length); };
  for (let i = 0; i < codes.length; i++) middle[i % D] += codes[i] / N;
  const row = (k) => Float64Array.from({ length: D }, (_, i) => codes[k * D + i] - middle[i]), rows = Array.from({ length: N }, (_, k) => row(k));
  const onward = (axis) => { const out = new Float64Array(D); for (const one of rows) { const by = dot(one, axis); for (let i = 0; i < D; i++) out[i] += by * one[i]; } return out; };
  const off = (a, b) => { const by = dot(a, b); return a.map((value, i) => value - by * b[i]); };
  let u = unit(Float64Array.from(before?.u ?? { length: D }, (value, i) => value ?? Math.cos(i))), v = unit(off(Float64Array.from(before?.v ?? { length: D }, (value, i) => value ?? Math.sin(i + 1)), u));
  for (let k = 0; k < ROUNDS; k++) { u = unit(onward(u)); v = unit(off(onward(v), u)); }
  return before ? turned({ u, v }, before) : { u, v };
}

/** Two axes of the same plane that lie nearest to older ones (a rotation in two dimensions, Schönemann 1966). */
function turned({ u, v }, before) {
  const [a, b, c, d] = [dot(u, before.u), dot(u, before.v), dot(v, before.u), dot(v, before.v)], mirrored = a * d - b * c < 0, w = mirrored ? v.map((value) => -value) : v, [e, f] = mirrored ? [-c, -d] : [c, d];
  const angle = Math.atan2(b - e, a + f), [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return { u: u.map((value, i) => cos * value - sin * w[i]), v: u.map((value, i) => sin * value + cos * w[i]) };
}

/** Where codes lie on the map. @param {Float32Array} codes [N, D] @param {Uint8Array} labels @returns {Float32Array} [N, 2] */
export function placed(codes, D, labels, axes) {
  const N = codes.length / D, out = new Float32Array(2 * N), classes = Math.max(1, ...labels);
  for (let k = 0; k < N; k++) {
    const code = codes.subarray(k * D, (k + 1) * D);
    [out[2 * k], out[2 * k + 1]] = D === 1 ? [code[0], 2 - 4 * labels[k] / classes] : D === 2 ? code : [dot(axes.u, code), dot(axes.v, code)];
  }
  return out;
}

const words = (D) => (D === 1 ? "The one number of the code across, a row for each class." : D === 2 ? "The two numbers of the code; of a very long one, its place along the two directions in which the codes spread most." : `A linear view of ${D} numbers: the two directions in which the newest codes spread most.`);

/** @returns {{element: HTMLElement, canvas: HTMLCanvasElement, show: Function, point: (index: number|null) => void, paint: (pencil: CanvasRenderingContext2D, side: number, frame: Object) => void}} */
export function createMotionMap() {
  const canvas = make("canvas", { class: "lp-motionmap", role: "img", "data-testid": "run-map", "aria-label": "No codes yet" }), about = make("p", { class: "lp-fact" });
  const box = make("div", { class: "lp-runbox lp-motionbox" }, canvas), element = make("section", { class: "lp-card lp-runcard lp-motioncard" }, make("h2", {}, "Codes of the same 500 test pictures"), box, about);
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let axes = null, of = null, spots = new WeakMap(), seen = 0; // the axes are those of the newest frame; how far codes were seen
  let shown = null, target = null, reach = NEAREST, labels = null, names = [], pointed = null, moving = 0, counting = 0, D = 2, said = "";

  /** The axes belong to the newest codes. */
  function lay(newest) {
    D = newest.shapes.codes.slice(1).reduce((a, b) => a * b, 1);
    if (newest === of) return;
    of = newest;
    if (D > 2) { axes = principal(newest.codes, D, axes?.u.length === D ? axes : null); spots = new WeakMap(); }
  }

  function spotsOf(frame) {
    if (!spots.has(frame)) {
      const all = placed(frame.codes, D, labels, axes), far = Float32Array.from(all, Math.abs).sort();
      seen = Math.max(seen, far[Math.floor(0.995 * far.length)]);
      spots.set(frame, all);
    }
    return spots.get(frame);
  }

  /** @param {{frame: Object, next: Object|null, part: number, newest: Object, step: number, labels: Uint8Array, names: string[], ease: boolean}} moment part: how far it is from frame to next */
  function show(moment) {
    const { frame, next, part, newest, step, ease } = moment;
    if (!frame?.codes || !newest?.codes) return;
    [labels, names] = [frame.labels ?? moment.labels ?? new Uint8Array(frame.codes.length), moment.names];
    lay(newest);
    const from = spotsOf(frame), to = next?.codes && part ? spotsOf(next) : null, goal = to ? from.map((value, k) => value + part * (to[k] - value)) : from;
    const far = REACHES.find((one) => one >= seen * 1.06) ?? seen;
    if (target === goal && far === reach && shown) return draw();
    target = goal;
    about.textContent = words(D) + (said ? ` ${said}` : "");
    canvas.dataset.step = step;
    if (ease && shown && !calm.matches && shown.length === goal.length) glide(goal, far);
    else { cancelAnimationFrame(moving); [shown, reach] = [goal, far]; draw(); }
    clearTimeout(counting);
    counting = setTimeout(() => count(step), REST);
  }

  function glide(goal, far) {
    const start = shown, before = reach, began = performance.now();
    cancelAnimationFrame(moving);
    const frame = (now) => {
      const t = Math.min(1, Math.max(0, (now - began) / EASE)), part = t * t * (3 - 2 * t);
      shown = start.map((value, k) => value + part * (goal[k] - value));
      reach = before + part * (far - before);
      draw();
      if (t < 1) moving = requestAnimationFrame(frame);
      else shown = goal;
    };
    moving = requestAnimationFrame(frame);
  }

  function count(step) {
    const share = new Set(labels).size > 1 ? Math.round(100 * neighbourAccuracy(target, labels)) : null;
    said = share === null ? "" : `${share} % lie among neighbours of their class.`;
    about.textContent = `${words(D)} ${said}`;
    canvas.setAttribute("aria-label", `Map of the codes of ${labels.length} test pictures at step ${stepText(step)}, coloured by class. ${said}`);
  }

  function draw() {
    const side = canvas.clientWidth;
    if (side && shown) paint(sheet(canvas, side, side), side, shown);
  }

  /** The map as it stands, or with codes at other places, on any canvas. @param {Float32Array} at [N, 2] */
  function paint(pencil, side, at) {
    const style = getComputedStyle(canvas), colour = (name) => style.getPropertyValue(`--lp-${name}`), middle = side / 2, scale = middle / reach;
    Object.assign(pencil, { strokeStyle: colour("line"), lineWidth: 1 });
    for (const sigma of [1, 2]) { pencil.beginPath(); pencil.arc(middle, middle, sigma * scale, 0, 2 * Math.PI); pencil.stroke(); }
    for (const ends of [[0, middle, side, middle], [middle, 0, middle, side]]) { pencil.beginPath(); pencil.moveTo(ends[0], ends[1]); pencil.lineTo(ends[2], ends[3]); pencil.stroke(); }
    const inks = Array.from({ length: COLOURS }, (_, k) => colour(`c${k}`)), radius = Math.max(2.2, side / 130), sums = new Map();
    for (let k = 0; k < labels.length; k++) {
      const x = middle + at[2 * k] * scale, y = middle - at[2 * k + 1] * scale, sum = sums.get(labels[k]) ?? [0, 0, 0];
      sums.set(labels[k], [sum[0] + x, sum[1] + y, sum[2] + 1]);
      pencil.globalAlpha = 0.78;
      disc(pencil, x, y, radius, inks[labels[k] % COLOURS]);
    }
    pencil.globalAlpha = 1;
    if (pointed !== null && pointed < labels.length) {
      Object.assign(pencil, { strokeStyle: colour("ink"), lineWidth: 2 });
      pencil.beginPath();
      pencil.arc(middle + at[2 * pointed] * scale, middle - at[2 * pointed + 1] * scale, radius + 5, 0, 2 * Math.PI);
      pencil.stroke();
    }
    if (sums.size > 1 && sums.size <= MOST_NAMED) name(pencil, sums, side, colour("card"), inks);
  }

  /** Every class's name in the middle of its codes. */
  function name(pencil, sums, side, paper, inks) {
    Object.assign(pencil, { font: `700 ${Math.max(12, side / 27)}px system-ui, sans-serif`, textAlign: "center", textBaseline: "middle", strokeStyle: paper, lineWidth: 4, lineJoin: "round" });
    for (const [label, [x, y, n]] of sums) {
      const text = names[label] ?? String(label), clip = (value) => Math.min(side - 12, Math.max(12, value));
      pencil.strokeText(text, clip(x / n), clip(y / n));
      pencil.fillStyle = inks[label % COLOURS];
      pencil.fillText(text, clip(x / n), clip(y / n));
    }
    Object.assign(pencil, { textBaseline: "alphabetic", lineWidth: 1 });
  }

  function point(index) {
    pointed = index;
    draw();
  }

  /** Where nothing is to be remembered of another run. */
  function forget() {
    cancelAnimationFrame(moving);
    clearTimeout(counting);
    [axes, of, shown, target, seen, reach, said, spots] = [null, null, null, null, 0, NEAREST, "", new WeakMap()];
    sheet(canvas, canvas.clientWidth || 1, canvas.clientWidth || 1);
    about.textContent = "";
  }

  new ResizeObserver(draw).observe(box);
  new MutationObserver(draw).observe(document.body, { attributeFilter: ["class"] });
  return { element, canvas, show, point, forget, paint: (pencil, side, frame) => paint(pencil, side, spotsOf(frame)) };
}

function disc(pencil, x, y, radius, ink) {
  pencil.fillStyle = ink;
  pencil.beginPath();
  pencil.arc(x, y, radius, 0, 2 * Math.PI);
  pencil.fill();
}
