// The history of a training to take away: its samples as they sharpen and its map as it moves, as an animated GIF.

import { download, fileName, make, say } from "./dom.js";
import { createGif, paletteOf } from "./gif.js";
import { link } from "./store.js";
import { mosaic } from "./trainpictures.js";
import { stepText } from "./trainscales.js";

const MOST = 60, SIDE = 336, FOOT = 26, GAP = 12, PAUSE = 100, END = 1500; // frames, pixels, and milliseconds
const breath = () => new Promise((done) => setTimeout(done));

/** @param {() => {history: import("./trainhistory.js").History, map: Object, title: string}|null} scene @returns {HTMLElement} */
export function createTrainTakeaway(scene) {
  let busy = false;
  const button = make("button", { class: "lp-button", "data-testid": "run-gif", title: "The whole history as an animated picture", onclick: () => go() }, "Save as GIF");

  async function go() {
    const now = scene();
    if (busy || !now) return;
    if (now.history.steps.length < 2) return void say("There are not yet two moments to make an animation of.");
    busy = true;
    button.setAttribute("aria-busy", "true");
    try {
      await animate(now, (part) => { button.textContent = `GIF: ${Math.round(100 * part)} %`; });
    } catch (error) {
      say(`The GIF could not be made: ${error.message}`, "problem");
    }
    busy = false;
    button.removeAttribute("aria-busy");
    button.textContent = "Save as GIF";
  }
  return button;
}

/** Some steps, evenly over the list. */
const some = (steps) => Array.from({ length: Math.min(MOST, steps.length) }, (_, k, n = Math.min(MOST, steps.length)) => steps[Math.round(k / (n - 1) * (steps.length - 1))]);

async function animate({ history, map, title }, told) {
  const moments = await history.all(some(history.steps)), same = () => { if (history.ended) throw new Error("another training was opened meanwhile."); }; // the map is that of the open one
  same();
  const newest = moments.at(-1).frame, parts = [newest.samples && "samples", newest.codes && "codes"].filter(Boolean);
  if (!parts.length) throw new Error("its frames hold no pictures.");
  const canvas = make("canvas", { width: GAP + parts.length * (SIDE + GAP), height: SIDE + FOOT + GAP }), context = canvas.getContext("2d", { willReadFrequently: true }), small = make("canvas"), frames = [];
  for (const { step, frame } of moments) {
    same();
    paint(context, { frame, parts, small, map });
    context.fillStyle = "#333";
    context.font = "600 14px system-ui, sans-serif";
    context.fillText(`${title} · step ${stepText(step)}`, GAP, canvas.height - 10, canvas.width - 2 * GAP);
    frames.push(context.getImageData(0, 0, canvas.width, canvas.height).data);
    told(0.5 * frames.length / moments.length);
    await breath();
  }
  const file = createGif(canvas.width, canvas.height, paletteOf(frames.filter((_, k) => k % 4 === 0 || k === frames.length - 1)), link());
  for (const [k, frame] of frames.entries()) {
    file.add(frame, k === frames.length - 1 ? END : PAUSE);
    told(0.5 + 0.5 * k / frames.length);
    await breath();
  }
  download(file.blob(), `${fileName(title)}.gif`);
}

function paint(context, { frame, parts, small, map }) {
  const { canvas } = context;
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  parts.forEach((part, k) => {
    const left = GAP + k * (SIDE + GAP);
    if (!frame[part]) return;
    if (part === "codes") {
      context.save();
      context.translate(left, GAP / 2);
      context.beginPath();
      context.rect(0, 0, SIDE, SIDE);
      context.clip();
      map.paint(context, SIDE, frame);
      context.restore();
      return;
    }
    mosaic(small, Array.from({ length: frame.shapes.samples[0] }, (_, index) => ({ bytes: frame.samples, index })), frame.shapes.samples, 4);
    context.imageSmoothingEnabled = false;
    context.drawImage(small, left, GAP / 2, SIDE, SIDE);
  });
}
