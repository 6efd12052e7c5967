// The ways for a picture to come into the page: a file, a paste, a drop, the camera, or an example; and to the server, which opens it.

import { createCamera } from "./camera.js";
import { hasPrior, isSlow, liveUrl, modelNamed } from "./catalogue.js";
import { make, refill, say } from "./dom.js";
import { flat } from "./frames.js";
import { paint, shapeOf } from "./paint.js";
import { oneHot, place } from "./place.js";
import { decodeBehind, fetched } from "./roads.js";
import { plainly } from "./samples.js";
import { chosen } from "./store.js";

/** @typedef {{picture: string, width: number, height: number, done: string[], faces: {eyes: [number, number][], sure: number}[]}} Source what the server makes of a file; picture is an address of data */
const LARGEST = 8 << 20, SMALLER = 2400; // bytes that the server takes; pixels of the longer side of what is sent instead
const SAMPLES = 5;
const PASTES = "input, textarea";

/**
 * @param {{onFile: (file: Blob) => void, onSample: (model: Object, seed: number, pixels: Float32Array) => void}} does
 * @returns {{element: HTMLElement, offer: (model: Object) => void, listen: (root: HTMLElement) => void, close: () => void}}
 */
export function createInput({ onFile, onSample }) {
  const file = make("input", { type: "file", accept: "image/*", hidden: true, "data-testid": "file", onchange: () => { if (file.files[0]) onFile(file.files[0]); file.value = ""; } });
  const camera = createCamera(onFile), samples = make("div", { class: "lp-strip lp-samplesoffered" });
  const choose = make("button", { class: "lp-button main", onclick: () => file.click() }, "Choose a picture");
  const element = make("div", { class: "lp-intake" },
    make("div", { class: "lp-dropzone" }, make("p", {}, "Drop a picture here, paste one, or"), make("div", { class: "lp-row" }, choose, camera.button), file,
      make("p", { class: "lp-help" }, "PNG, JPEG, WebP, GIF or BMP, up to 8 MB. It is opened on the server, kept nowhere but in this tab, and stands in no link.")), camera.element,
    make("div", { class: "lp-examples" }, make("h3", {}, "Or try"), samples));
  let offered = null;

  /** Examples for a model: a free portrait, and what it makes itself. */
  async function offer(model) {
    if (offered === model) return;
    offered = model;
    const astronaut = make("button", { class: "lp-tile", title: "Eileen Collins, a portrait by NASA", "aria-label": "The astronaut Eileen Collins", "data-testid": "astronaut", "data-key": "astronaut", onclick: fetchAstronaut },
      make("img", { class: "lp-tileimage", src: liveUrl("own/astronaut.png"), alt: "" }), make("small", {}, "portrait"));
    const drawn = model.own?.drawn, made = hasPrior(model) && !isSlow(model) ? SAMPLES : 0;
    const canvases = Array.from({ length: made }, () => make("canvas", {}));
    const tiles = canvases.map((canvas, k) => make("button", { class: "lp-tile", disabled: true, "data-testid": "sample", "data-key": `sample-${k + 1}`, title: `Made by ${model.title}, seed ${k + 1}` }, canvas, make("small", {}, `seed ${k + 1}`)));
    refill(samples, [...(drawn ? [] : [astronaut]), ...tiles]);
    element.querySelector(".lp-examples").hidden = !samples.children.length;
    if (!made) return;
    try {
      const points = Array.from({ length: made }, (_, k) => place(model, null, `seed:${k + 1}`)), size = model.image_shape.reduce((a, b) => a * b, 1);
      const told = oneHot(model, points.map((_, k) => (model.conditions.length ? String(k % model.conditions.length) : "")));
      const pixels = await decodeBehind(model, flat(points), told, made, plainly(model));
      tiles.forEach((tile, k) => {
        paint(canvases[k], pixels, shapeOf(model.image_shape), k);
        Object.assign(tile, { disabled: false, onclick: () => onSample(model, k + 1, pixels.slice(k * size, (k + 1) * size)) });
      });
    } catch (error) {
      if (offered === model) say(error.message, "problem");
    }
  }

  async function fetchAstronaut() {
    try {
      onFile(await (await fetched(liveUrl("own/astronaut.png"))).blob());
    } catch (error) {
      say(error.message, "problem");
    }
  }

  /** Pastes and drops anywhere on the tab. */
  function listen(root) {
    const here = () => chosen().tab === "yourimage";
    const take = (list, what) => {
      const found = [...list].find(({ type }) => type.startsWith("image/")) ?? list[0];
      if (found) onFile(found);
      else say(`There is no picture in what was ${what}.`, "problem");
    };
    document.addEventListener("paste", (event) => {
      if (!here() || event.target.closest?.(PASTES)) return;
      event.preventDefault();
      take(event.clipboardData.files, "pasted");
    });
    const over = (on) => root.classList.toggle("dropping", on);
    document.addEventListener("dragover", (event) => { if (here()) { event.preventDefault(); over(true); } });
    document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) over(false); });
    document.addEventListener("drop", (event) => {
      if (!here()) return;
      event.preventDefault();
      over(false);
      take(event.dataTransfer.files, "dropped");
    });
  }
  return { element, offer, listen, close: camera.close };
}

/** What the server makes of a file, for the present model. Throws a sentence. @param {Blob} file @param {AbortSignal} signal @returns {Promise<Source>} */
export async function prepared(file, signal) {
  const body = file.size > LARGEST ? await smaller(file) : file, model = modelNamed(chosen().model);
  const source = await (await fetched(liveUrl(`own/prepare/${encodeURIComponent(model.name)}`), { method: "POST", body, signal })).json();
  if (body !== file) source.done.unshift(`Its file had ${(file.size / 2 ** 20).toFixed(0)} MB; this page made it smaller before it was sent.`);
  return source;
}

/** A picture whose file is too large to be sent, as this browser reads it. */
async function smaller(file) {
  try {
    const image = await createImageBitmap(file), scale = Math.min(1, SMALLER / Math.max(image.width, image.height));
    const canvas = make("canvas", { width: Math.max(1, Math.round(image.width * scale)), height: Math.max(1, Math.round(image.height * scale)) }), context = canvas.getContext("2d");
    context.fillStyle = "#fff"; // behind what is transparent
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
  } catch {
    throw new Error(`A picture's file may have ${LARGEST >> 20} MB, not ${(file.size / 2 ** 20).toFixed(1)}; save it smaller.`);
  }
}
