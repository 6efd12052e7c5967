// A strip of sample pictures that a model makes itself, once the strip comes into sight: the same seeds for all, so that models can be compared.

import { loadAtlas } from "./catalogue.js";
import { make } from "./dom.js";
import { flat } from "./frames.js";
import { quickly } from "./how.js";
import { paint, shapeOf } from "./paint.js";
import { oneHot, place, toldAt } from "./place.js";
import { decodeBehind, prepare } from "./roads.js";
import { chosen } from "./store.js";
import { take } from "./taking.js";

const COUNT = 6, COSTLY = 16e6; // bytes of weights that are not set to work unasked
const costly = ({ bytes, heavy }) => heavy || bytes > COSTLY;
export const plainly = (model) => ({ ...quickly(model), scale: 1 });

let turn = Promise.resolve(); // one strip after the other, so that a hand elsewhere on the page is not kept waiting
const sight = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (!isIntersecting) continue;
    sight.unobserve(target);
    target.dispatchEvent(new Event("insight"));
  }
}, { rootMargin: "120px" });

/** Call once, when an element comes into sight. @param {HTMLElement} element @param {() => void} begin */
export function onceInSight(element, begin) {
  element.addEventListener("insight", begin, { once: true });
  sight.observe(element);
}

/** Where a model's samples are: random latents, or where those mean nothing the codes of its atlas. @returns {Promise<{points: string[], labels: string[], why: string}>} */
async function pointsOf(model) {
  const labels = Array.from({ length: COUNT }, (_, k) => (model.conditions.length ? String(k % model.conditions.length) : ""));
  const random = model.abilities.random ?? true, atlas = random === true ? null : await loadAtlas(model);
  const points = Array.from({ length: random === true ? COUNT : Math.min(COUNT, atlas?.count ?? 0) }, (_, k) => (random === true ? `seed:${k + 1}` : `atlas:${k}`));
  return { points, atlas, labels: labels.slice(0, points.length), why: random === true ? "" : random };
}

/** @param {import("./catalogue.js").Model} model @returns {HTMLElement} */
export function createStrip(model) {
  const shape = shapeOf(model.image_shape), strip = make("div", { class: "lp-samples", role: "group", "aria-label": `Pictures made by ${model.title}`, "aria-busy": "true" });
  const canvases = Array.from({ length: COUNT }, () => make("canvas", { width: shape.width, height: shape.height }));
  const tiles = canvases.map((canvas) => make("button", { class: "lp-sample", disabled: true }, canvas));
  strip.append(...tiles);
  const say = (...words) => strip.append(make("p", { class: "lp-samplesay" }, ...words));

  async function fill() {
    try {
      const { points, atlas, labels, why } = await pointsOf(model);
      if (!points.length) return say(why);
      if (chosen().road === "browser") await prepare(model);
      const z = points.map((point) => place(model, atlas, point)), told = points.map((point, k) => toldAt(model, atlas, point, labels[k])), each = costly(model) ? 1 : COUNT;
      for (let k = 0; k < z.length; k += each) {
        const here = z.slice(k, k + each), pixels = await decodeBehind(model, flat(here), oneHot(model, told.slice(k, k + each)), here.length, plainly(model));
        here.forEach((_, i) => show(k + i, points[k + i], labels[k + i], pixels, i));
      }
    } catch (error) {
      say(error.message);
    } finally {
      strip.setAttribute("aria-busy", "false");
    }
  }

  function show(k, point, label, pixels, i) {
    const title = point.startsWith("seed") ? `Random latent, seed ${k + 1}: open it in Explore` : "A code of its atlas: open it in Explore";
    paint(canvases[k], pixels, shape, i);
    Object.assign(tiles[k], { disabled: false, title, onclick: () => take(model, { tab: "explore", point, label }) });
    tiles[k].setAttribute("aria-label", title);
    tiles[k].classList.add("made");
  }

  const begin = () => { turn = turn.then(fill); };
  if (costly(model)) {
    const ask = make("p", { class: "lp-samplesay" }, make("button", { class: "lp-button", title: "A large model: its pictures take a while", onclick: () => { ask.remove(); begin(); } }, "Make samples"));
    strip.append(ask);
    strip.setAttribute("aria-busy", "false");
  } else {
    onceInSight(strip, begin);
  }
  return strip;
}
