// A picture, and what is taken from it: a brush or a block hides a part of it, or it is made small.

import { make } from "./dom.js";
import { paintBytes } from "./errormap.js";

export const WAYS = [["brush", "Brush", "Paint over what shall be hidden"], ["block", "Block", "Hide a block: drag over the picture"], ["2", "2 ×", "Make it half as large, and enlarge it"], ["4", "4 ×", "Make it a quarter as large, and enlarge it"]];
const HIDDEN = [236, 72, 153]; // a pink that no grey and few pictures have
const FIRST = [0.25, 0.55, 0.75, 0.9], BLOCK = 0.35; // hidden to begin with: the lower middle; and the side of the block that keys move

/**
 * @typedef {Object} Damage
 * @property {HTMLElement} canvas @property {HTMLElement[]} controls the ways, the size of the brush, a button that shows all again
 * @property {(pixels: Uint8Array, shape: number[]) => void} show another picture [H, W, C] of shape [C, H, W]; the lower middle of it is hidden, unless it is of the same shape and `kept`
 * @property {(way: string) => void} turn @property {() => number} factor 0 where parts are hidden @property {() => string} way
 * @property {() => Uint8Array} mask [H * W] 1 is hidden @property {(mask: Uint8Array|null) => void} hide null is the lower middle @property {() => Uint8Array} known bits that say which pixels are
 * @property {() => Uint8Array} seen [H, W, C], grey where it is hidden
 * @property {() => boolean} some whether something is missing and something is left
 */

/** @param {{name: string, onChange: () => void}} options name: of the page in its test ids; onChange: after the hand has let go @returns {Damage} */
export function createDamage({ name, onChange }) {
  const canvas = make("canvas", { class: "lp-repaircanvas", role: "img", tabIndex: 0, "data-testid": `${name}-canvas`, "aria-label": "The picture; what is pink is hidden. Arrow keys move the block, Enter hides it." });
  const size = make("input", { type: "range", min: 1, max: 8, value: 3, "aria-label": "Size of the brush" }), sized = make("label", { class: "lp-brushsize" }, "Size", size);
  const clear = make("button", { class: "lp-quiet", onclick: () => { mask.fill(0); changed(); } }, "Show all again");
  const ways = WAYS.map(([key, text, title]) => make("button", { class: "lp-toggle", title, "data-way": key, "aria-pressed": "false", onclick: () => { turn(key); onChange(); } }, text));
  let pixels = null, shape = [1, 1, 1], mask = new Uint8Array(1), way = "brush", from = null;

  const factor = () => +way || 0, places = () => shape[1] * shape[2];

  function show(next, of, kept = false) {
    const same = kept && of.join() === shape.join();
    [pixels, shape] = [next, of];
    if (!same) {
      mask = new Uint8Array(places());
      cover(...FIRST);
    }
    draw();
  }

  function hide(next) {
    if (next && next.length < places()) return;
    mask = next ? next.slice(0, places()) : new Uint8Array(places());
    if (!next) cover(...FIRST);
    draw();
  }

  function turn(next) {
    way = next;
    for (const button of ways) button.setAttribute("aria-pressed", String(button.dataset.way === way));
    sized.hidden = way !== "brush";
    clear.hidden = factor() > 0;
    draw();
  }

  function changed() {
    draw();
    onChange();
  }

  function draw() {
    if (!pixels) return;
    const [channels, height, width] = shape, many = factor(), out = Uint8Array.from({ length: 3 * height * width }, (_, k) => {
      const i = Math.floor(k / 3), c = channels === 3 ? k % 3 : 0;
      return many ? blockMean(i, c, many) : mask[i] ? HIDDEN[k % 3] : pixels[i * channels + c];
    });
    paintBytes(canvas, out, [3, height, width]);
  }

  const seen = () => pixels.map((value, k) => { const i = Math.floor(k / shape[0]); return factor() ? blockMean(i, k % shape[0], factor()) : mask[i] ? 128 : value; });

  /** Of the block that a pixel lies in. */
  function blockMean(i, c, many) {
    const [channels, , width] = shape, y = Math.floor(i / width), x = i % width, top = y - (y % many), left = x - (x % many);
    let sum = 0;
    for (let dy = 0; dy < many; dy++) for (let dx = 0; dx < many; dx++) sum += pixels[((top + dy) * width + left + dx) * channels + c];
    return sum / many / many;
  }

  function cover(left, top, right, bottom) {
    const [, height, width] = shape, clip = (value, most) => Math.min(most, Math.max(0, Math.round(value * most)));
    for (let y = clip(top, height); y < clip(bottom, height); y++) mask.fill(1, y * width + clip(left, width), y * width + clip(right, width));
  }

  // The hand on the picture

  const at = ({ clientX, clientY }) => { const box = canvas.getBoundingClientRect(); return [(clientX - box.left) / box.width, (clientY - box.top) / box.height]; };
  function dab([x, y]) {
    const [, height, width] = shape, reach = +size.value / 2;
    for (let i = 0; i < mask.length; i++) if (Math.hypot(i % width + 0.5 - x * width, Math.floor(i / width) + 0.5 - y * height) <= reach) mask[i] = 1;
  }
  function drag(event) {
    if (!from) return;
    const here = at(event), [x, y] = from.at;
    if (way === "brush") for (let t = 0; t <= 1; t += 0.1) dab([x + t * (here[0] - x), y + t * (here[1] - y)]);
    else { mask.set(from.mask); cover(Math.min(x, here[0]), Math.min(y, here[1]), Math.max(x, here[0]), Math.max(y, here[1])); }
    if (way === "brush") from.at = here;
    draw();
  }
  canvas.addEventListener("pointerdown", (event) => {
    if (factor() || !pixels) return;
    canvas.setPointerCapture(event.pointerId);
    if (way === "block") mask.fill(0);
    from = { at: at(event), mask: mask.slice() };
    drag(event);
  });
  canvas.addEventListener("pointermove", drag);
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { if (from) { from = null; changed(); } });
  let block = FIRST.slice(0, 2);
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1], Enter: [0, 0] }[event.key];
    if (!step || factor() || !pixels) return;
    event.preventDefault();
    block = block.map((value, k) => Math.min(1 - BLOCK, Math.max(0, value + step[k])));
    mask.fill(0);
    cover(block[0], block[1], block[0] + BLOCK, block[1] + BLOCK);
    changed();
  });

  return {
    canvas, controls: [make("div", { class: "lp-row lp-damageways" }, ...ways), sized, clear], show, turn, hide, factor, seen, way: () => way, mask: () => mask,
    known: () => packedBits(mask.map((hidden) => 1 - hidden)), some: () => factor() > 0 || (mask.some(Boolean) && !mask.every(Boolean)),
  };
}

/** Flags as bits, the first of eight the highest. @param {Uint8Array} flags */
export function packedBits(flags) {
  const out = new Uint8Array(Math.ceil(flags.length / 8));
  flags.forEach((flag, i) => { if (flag) out[i >> 3] |= 128 >> (i & 7); });
  return out;
}

/** Bits as flags again; the last byte may bring a few too many. @param {Uint8Array} bits */
export const unpackedBits = (bits) => Uint8Array.from({ length: 8 * bits.length }, (_, i) => (bits[i >> 3] >> (7 - (i & 7))) & 1);
