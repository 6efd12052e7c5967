// The pad: draw by mouse, finger or pen, erase, undo; and what is drawn as ink.

import { make } from "./dom.js";

/** @typedef {{size: number, erases: boolean, points: number[]}} Stroke x, y, x, y ... and the pen's size as shares of the pad */
export const PAD = 280; // pixels of the pad's picture, however large it is shown
const PEN = 0.1, THINNEST = 0.04, THICKEST = 0.2; // of its side: a tenth becomes the two to three pixels of MNIST
const MOST = 4000; // numbers of one stroke

/**
 * @param {{onDraw: (done: boolean) => void}} told while a stroke grows, and done at its end
 * @returns {{element: HTMLElement, ink: () => Float32Array, strokes: () => Stroke[], show: (strokes: Stroke[]) => void, undo: () => void, redo: () => void}}
 */
export function createPad({ onDraw }) {
  /** @type {Stroke[]} */
  let strokes = [], undone = [], current = null, erases = false, size = PEN;
  const canvas = make("canvas", { class: "lp-pad", width: PAD, height: PAD, role: "img", "aria-label": "Drawing pad", "data-testid": "pad" });
  const hint = make("span", { class: "lp-padhint", "aria-hidden": "true" }, "Draw here");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const press = (text, title, onclick) => make("button", { class: "lp-button", title, onclick }, text);
  const tool = (text, title, wanted) => make("button", { class: "lp-toggle", title, onclick: () => { erases = wanted; state(); } }, text);
  const [pen, eraser] = [tool("Pen", "Draw", false), tool("Eraser", "Take ink away", true)];
  const back = press("Undo", "Undo the last stroke (Z)", undo), forth = press("Redo", "Redo (Shift Z)", redo), clear = press("Clear", "An empty pad", () => change([]));
  const slider = make("input", { type: "range", min: THINNEST, max: THICKEST, step: 0.01, value: PEN, "aria-label": "Thickness of the pen", oninput: () => { size = +slider.value; } });
  const element = make("div", { class: "lp-drawing-box" }, make("div", { class: "lp-padbox" }, canvas, hint),
    make("div", { class: "lp-row" }, pen, eraser, make("label", { class: "lp-pensize" }, "Thickness", slider)), make("div", { class: "lp-row lp-padrow" }, back, forth, clear));

  function undo() {
    if (!strokes.length) return;
    undone.push(strokes.at(-1));
    change(strokes.slice(0, -1), undone);
  }
  function redo() {
    if (undone.length) change([...strokes, undone.at(-1)], undone.slice(0, -1));
  }
  function change(next, rest = []) {
    [strokes, undone] = [next, rest];
    redraw();
    onDraw(true);
  }

  function state() {
    [[pen, !erases], [eraser, erases]].forEach(([button, on]) => button.setAttribute("aria-pressed", String(on)));
    back.disabled = !strokes.length;
    forth.disabled = !undone.length;
    clear.disabled = !strokes.length;
    hint.hidden = strokes.length > 0 || current !== null;
  }

  function redraw() {
    context.fillStyle = "#000";
    context.fillRect(0, 0, PAD, PAD);
    strokes.forEach((stroke) => trace(stroke, 0));
    state();
  }

  /** One stroke from its point number `from` on. */
  function trace({ size: width, erases: takes, points }, from) {
    Object.assign(context, { lineCap: "round", lineJoin: "round", lineWidth: width * PAD, strokeStyle: takes ? "#000" : "#fff" });
    context.beginPath();
    const start = 2 * Math.max(0, from);
    context.moveTo(points[start] * PAD, points[start + 1] * PAD);
    for (let k = start; k < points.length; k += 2) context.lineTo(points[k] * PAD, points[k + 1] * PAD);
    context.stroke();
  }

  /** Every place between two frames, as far as the browser knows them. */
  function grow(event) {
    const box = canvas.getBoundingClientRect(), events = event.getCoalescedEvents?.() ?? [], before = current.points.length / 2 - 1;
    for (const { clientX, clientY } of events.length ? events : [event]) {
      if (current.points.length < MOST) current.points.push(...[(clientX - box.left) / box.width, (clientY - box.top) / box.height].map((value) => Math.round(1000 * value) / 1000));
    }
    trace(current, before);
  }
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button > 0 || current) return;
    canvas.setPointerCapture(event.pointerId);
    current = { size, erases: erases || event.buttons === 32, points: [] }; // 32: the other end of a pen
    grow(event);
    state();
    onDraw(false);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!current) return;
    grow(event);
    onDraw(false);
  });
  const end = () => {
    if (!current) return;
    const stroke = current;
    current = null;
    change([...strokes, stroke]);
  };
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, end);
  redraw();
  return {
    element, undo, redo, strokes: () => strokes,
    ink: () => Float32Array.from({ length: PAD * PAD }, ((data) => (_, k) => data[4 * k] / 255)(context.getImageData(0, 0, PAD, PAD).data)),
    show: (given) => { [strokes, undone, current] = [given, [], null]; redraw(); },
  };
}
