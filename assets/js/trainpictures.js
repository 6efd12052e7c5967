// What a run's model makes of the same latents and the same test pictures at a moment: sixteen samples, and sixteen originals with what comes of their codes below.

import { make } from "./dom.js";
import { stepText } from "./trainscales.js";

const SIDE = 4, GAP = 1, TINY = 32; // pictures in a row of samples; pixels between two, and of a side that is about wide enough beside that

/** Pictures on a canvas, each pixel as it is; those of tiny pictures as squares, beside which the gaps stay thin. @param {HTMLCanvasElement} canvas @param {{bytes: Uint8Array, index: number}[]} pictures number `index` of bytes [N, H, W, C] @param {number[]} shape [N, H, W, C] @param {number} across pictures in a row */
export function mosaic(canvas, pictures, [, height, width, channels], across) {
  const by = Math.max(1, Math.round(TINY / width)), down = Math.ceil(pictures.length / across), [wide, high] = [across * (by * width + GAP) - GAP, down * (by * height + GAP) - GAP];
  if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
  const context = canvas.getContext("2d"), image = context.createImageData(wide, high), size = height * width * channels, green = channels === 3 ? 1 : 0;
  pictures.forEach(({ bytes, index }, k) => {
    const left = k % across * (by * width + GAP), top = Math.floor(k / across) * (by * height + GAP);
    for (let row = 0; row < by * height; row++) {
      for (let column = 0, to = 4 * ((top + row) * wide + left); column < by * width; column++, to += 4) {
        const from = index * size + (Math.floor(row / by) * width + Math.floor(column / by)) * channels;
        image.data[to] = bytes[from];
        image.data[to + 1] = bytes[from + green];
        image.data[to + 2] = bytes[from + 2 * green];
        image.data[to + 3] = 255;
      }
    }
  });
  context.putImageData(image, 0, 0);
}

const all = (bytes, shape) => Array.from({ length: shape[0] }, (_, index) => ({ bytes, index }));

/** @returns {{element: HTMLElement, canvas: HTMLCanvasElement, show: (frame: import("./trainhistory.js").Frame|null, step: number) => void}} */
export function createSamples() {
  const canvas = make("canvas", { class: "lp-runpictures", role: "img", "data-testid": "run-samples", "aria-label": "No samples yet" });
  const element = make("section", { class: "lp-card lp-runcard lp-samplescard" }, make("h2", {}, "Samples of the same 16 latents"), make("div", { class: "lp-runbox" }, canvas));
  let shown = null;

  function show(frame, step) {
    element.classList.toggle("empty", !frame?.samples); // also of the same frame: another run was open meanwhile
    if (shown === frame) return;
    shown = frame;
    if (!frame?.samples) return;
    mosaic(canvas, all(frame.samples, frame.shapes.samples), frame.shapes.samples, SIDE);
    canvas.dataset.step = step;
    canvas.setAttribute("aria-label", `${frame.shapes.samples[0]} pictures that the model makes of the same latents at step ${stepText(step)}`);
  }
  return { element, canvas, show };
}

/** Root mean square difference of two pictures, in grey levels. */
function difference(a, b, from, size) {
  let sum = 0;
  for (let i = from; i < from + size; i++) sum += (a[i] - b[i]) ** 2;
  return Math.sqrt(sum / size);
}

/** @param {(index: number|null) => void} onPoint which original the hand is on @returns {{element: HTMLElement, show: Function}} */
export function createPairs(onPoint) {
  const canvas = make("canvas", { class: "lp-runpictures", role: "img", "data-testid": "run-pairs", "aria-label": "No reconstructions yet" }), words = make("p", { class: "lp-fact" });
  const element = make("section", { class: "lp-card lp-runcard lp-pairscard" }, make("h2", {}, "Originals, and what comes of their codes"), make("div", { class: "lp-runbox" }, canvas), words);
  let shown = [], shape = null, across = 8;

  /** @param {{pictures: Uint8Array, shapes: Object}|null} fixed the originals */
  function show(frame, step, fixed) {
    const made = frame?.reconstructions, wide = canvas.parentElement.clientWidth > 0 && canvas.parentElement.clientWidth < 300 ? 4 : 8;
    element.classList.toggle("empty", !made || !fixed);
    if (shown[0] === frame && shown[1] === fixed && wide === across) return;
    [shown, across] = [[frame, fixed], wide];
    if (!made || !fixed) return;
    shape = frame.shapes.reconstructions;
    const count = Math.min(shape[0], fixed.pictures.length / (shape[1] * shape[2] * shape[3])), rows = [];
    for (let from = 0; from < count; from += across) for (const bytes of [fixed.pictures, made]) for (let index = from; index < Math.min(count, from + across); index++) rows.push({ bytes, index });
    mosaic(canvas, rows, shape, across);
    const size = shape[1] * shape[2] * shape[3], mean = Array.from({ length: count }, (_, k) => difference(fixed.pictures, made, k * size, size)).reduce((a, b) => a + b, 0) / count;
    words.textContent = `Upper rows: test pictures; below each, what the model makes of its code. They differ by ${mean.toFixed(1)} of 255 grey levels.`;
    canvas.dataset.step = step;
    canvas.setAttribute("aria-label", `${count} test pictures, below each what the model makes of its code at step ${stepText(step)}; mean difference ${mean.toFixed(1)} of 255 grey levels`);
  }

  canvas.addEventListener("pointermove", (event) => {
    if (!shape) return;
    const box = canvas.getBoundingClientRect(), scale = Math.min(box.width / canvas.width, box.height / canvas.height); // it stands in the middle of its box, whole
    const x = 0.5 + (event.clientX - box.left - box.width / 2) / (scale * canvas.width), y = 0.5 + (event.clientY - box.top - box.height / 2) / (scale * canvas.height);
    const index = Math.floor(y * Math.ceil(shape[0] / across)) * across + Math.floor(x * across);
    onPoint(x >= 0 && x < 1 && y >= 0 && y < 1 && index < shape[0] ? index : null);
  });
  canvas.addEventListener("pointerleave", () => onPoint(null));
  return { element, show };
}
