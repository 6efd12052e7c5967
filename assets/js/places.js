// The places of a model without a map: pictures that it was shown, side by side, and a hand that walks between them.

import { className } from "./catalogue.js";
import { make, refill } from "./dom.js";
import { followHand } from "./map.js";
import { paint, shapeOf } from "./paint.js";
import { place } from "./place.js";
import { decodeBehind, keptPicture } from "./roads.js";

const QUIET = 0.25; // share of a picture's side around its middle within which the hand stands on it
const KEYS = 8; // presses of a key from one picture to the next
const ONE = /^atlas:(\d+)$/, LINE = /^mix\(atlas:(\d+), atlas:(\d+), (0\.\d+)\)$/, PATCH = /^mix\((mix\(.*?\)|atlas:\d+), (mix\(.*?\)|atlas:\d+), (0\.\d+)\)$/;

/** How much of each row of the atlas is in a point; null for a point of another kind. @param {string} text @returns {Map<number, number>|null} */
export function sharesOf(text) {
  const [, one] = ONE.exec(text) ?? [], [, a, b, t] = LINE.exec(text) ?? PATCH.exec(text) ?? [];
  if (one) return new Map([[+one, 1]]);
  if (!t) return null;
  const sides = (/^\d+$/.test(a) ? [`atlas:${a}`, `atlas:${b}`] : [a, b]).map(sharesOf), sum = new Map();
  if (sides.includes(null)) return null;
  sides.forEach((shares, side) => shares.forEach((share, k) => sum.set(k, (sum.get(k) ?? 0) + share * (side ? +t : 1 - t))));
  return sum;
}

/** The point a share u across and v down between four rows of the atlas, as a text. */
function textBetween([a, b, c, d], u, v) {
  const mixed = (one, other, t) => (t <= 0 || one === other ? one : t >= 1 ? other : `mix(${one}, ${other}, ${t.toFixed(2)})`);
  const [across, below] = [[a, b], [c, d]].map(([one, other]) => mixed(`atlas:${one}`, `atlas:${other}`, u));
  return mixed(across, below, v);
}

/** Speaks as a map does (map.js). @param {{onHand: Function, onLeave: () => void, testId: string}} hooks */
export function createPlaces({ onHand, onLeave, testId }) {
  const grid = make("div", { class: "lp-placegrid" }), dot = make("b", { class: "lp-placehand" }), none = make("p", { class: "lp-empty", hidden: true });
  const element = make("div", { class: "lp-places", tabIndex: 0, role: "application", "data-testid": testId, hidden: true }, grid, dot, none);
  const known = new WeakMap(); // of latents: the text, the shares, and where the hand was
  let view = null, columns = 1, rows = 1, at = [0, 0], drawn = "";
  followHand(element, () => view?.atlas && { reach: 1, at, step: 2 / columns / KEYS }, onHand, () => view?.atlas && onLeave());

  /** A share of the way from one middle of a picture to the next, as the hand goes it: around each middle it stands still. */
  const walked = (t) => Math.round(100 * Math.min(1, Math.max(0, (t - QUIET) / (1 - 2 * QUIET)))) / 100;
  const unwalked = (t) => (t ? QUIET + t * (1 - 2 * QUIET) : 0);

  /** @param {{model: Object, atlas: Object|null, z: Float32Array, text: string}} next */
  function show(next) {
    view = next;
    const { model, atlas, z, text } = view, key = JSON.stringify([model.name, model.hash, !!atlas]);
    if (key !== drawn) lay(model, atlas);
    drawn = key;
    if (!known.has(z)) known.set(z, described(text));
  }

  function lay(model, atlas) {
    const names = atlas ? Array.from(atlas.labels, (label) => className(model, label)) : [];
    columns = Math.max(1, Math.ceil(Math.sqrt(names.length)));
    rows = Math.max(1, Math.ceil(names.length / columns));
    element.classList.toggle("bare", !atlas);
    none.hidden = !!atlas;
    none.textContent = `${model.abilities.random} This model has been shown no picture yet.`;
    element.style.setProperty("--columns", columns);
    element.style.setProperty("--rows", rows);
    element.setAttribute("aria-label", `Pictures that this model was shown: ${names.join(", ")}. Move between them with the pointer, by touch, or with the arrow keys; a press or Enter keeps the place.`);
    refill(grid, names.map((name, k) => make("figure", {}, tile(k), make("figcaption", {}, name))));
  }

  /** What the model makes of a picture. */
  function tile(k) {
    const { model, atlas } = view, canvas = make("canvas"), pixels = keptPicture(model, atlas, `atlas:${k}`);
    if (pixels) paint(canvas, pixels, shapeOf(model.image_shape));
    else decodeBehind(model, atlas.code(k), null, 1).then((made) => paint(canvas, made, shapeOf(model.image_shape)), (error) => { canvas.title = error.message; });
    return canvas;
  }

  /** What there is to know of a point: the hand belongs in the middle of the pictures that it is made of. */
  function described(text) {
    const shares = sharesOf(text);
    if (!shares || !view.atlas || [...shares.keys()].some((k) => k >= view.atlas.count)) return { text, shares: null, at: null };
    const middle = [0, 0];
    shares.forEach((share, k) => { middle[0] += share * (k % columns); middle[1] += share * Math.floor(k / columns); });
    const [x, y] = middle.map((value) => Math.floor(value + 1e-6) + unwalked(Math.max(0, value - Math.floor(value + 1e-6))));
    return { text, shares, at: [(2 * x + 1) / columns - 1, 1 - (2 * y + 1) / rows] };
  }

  /** The latent at (x, y), each from -1 to 1: between up to four pictures. */
  function latentAt(_, [x, y]) {
    const { model, atlas } = view, clamp = (value, count) => Math.min(count - 1, Math.max(0, value));
    const [across, down] = [clamp((x + 1) / 2 * columns - 0.5, columns), clamp((1 - y) / 2 * rows - 0.5, rows)], [i, j] = [across, down].map(Math.floor);
    const cell = (column, row) => Math.min(atlas.count - 1, clamp(row, rows) * columns + clamp(column, columns));
    const text = textBetween([cell(i, j), cell(i + 1, j), cell(i, j + 1), cell(i + 1, j + 1)], walked(across - i), walked(down - j));
    const z = place(model, atlas, text);
    known.set(z, { text, shares: sharesOf(text), at: [Math.min(1, Math.max(-1, x)), Math.min(1, Math.max(-1, y))] });
    return z;
  }

  /** A stand-in: the pixels of the pictures that a point is made of, mixed as the point is; undefined where they are not known. */
  function tileAt(z) {
    const { model, atlas } = view, parts = [...(known.get(z)?.shares ?? [])].map(([k, share]) => [keptPicture(model, atlas, `atlas:${k}`), share]);
    if (!parts.length || parts.some(([pixels]) => !pixels)) return undefined;
    if (parts.length === 1) return parts[0][0];
    const sum = new Float32Array(parts[0][0].length);
    for (const [pixels, share] of parts) for (let i = 0; i < sum.length; i++) sum[i] += share * pixels[i];
    return sum;
  }

  /** Whether the stand-in is the picture itself. @param {Float32Array} z */
  const isExact = (z) => known.get(z)?.shares?.size === 1;

  function aim(z) { at = known.get(z)?.at ?? at; }

  function point(z) {
    const there = known.get(z)?.at;
    dot.hidden = !there;
    if (!there) return;
    dot.style.setProperty("--x", `${50 * (there[0] + 1)}%`);
    dot.style.setProperty("--y", `${50 * (1 - there[1])}%`);
    const { shares } = known.get(z);
    [...grid.children].forEach((figure, k) => figure.classList.toggle("at", shares?.has(k)));
  }

  return { element, show, aim, point, tileAt, isExact, latentAt, textOf: (z) => known.get(z)?.text, mark: () => {}, accuracy: () => null };
}
