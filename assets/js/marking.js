// A grid of thumbnails to mark with + and −: by click, by key, page after page; what is marked is kept beside.

import { classifierNamed, hasPrior, loadAtlas } from "./catalogue.js";
import { make, refill } from "./dom.js";
import { flat } from "./frames.js";
import { quickly } from "./how.js";
import { paint, shapeOf } from "./paint.js";
import { oneHot, place, toldAt } from "./place.js";
import { decodeBehind, keptPicture } from "./roads.js";
import { chosen } from "./store.js";

/** @typedef {{point: string, z: Float32Array, pixels: Float32Array, told: string, sign: -1|0|1}} Shown one thumbnail */
const SHOWN = 24, FIRST_SEED = 1000, STRIDE = 389; // pictures on a page; seeds from there on; rows of an atlas between neighbours, a prime so that classes mix
export const MOST_MARKED = 200;
const SIGNS = { 1: "+", 0: "", "-1": "−" }, WORDS = { 1: "marked plus", 0: "not marked", "-1": "marked minus" };

/** @param {(plus: Shown[], minus: Shown[]) => void} onMarks */
export function createMarking(onMarks) {
  const grid = make("div", { class: "lp-marks", role: "group", "aria-label": "Pictures to mark: + and − mark, 0 takes the mark away, arrows move", "data-testid": "marking", "aria-busy": "true", onkeydown: key });
  const strips = [1, -1].map((sign) => ({ sign, list: make("div", { class: "lp-strip lp-markedstrip" }), count: make("b", {}, "0") }));
  const sides = strips.map(({ sign, list, count }) => make("div", { class: `lp-marked ${sign > 0 ? "plus" : "minus"}` }, make("h3", {}, make("i", { "aria-hidden": "true" }, SIGNS[sign]), " ", count), list));
  const next = make("button", { class: "lp-button", "data-testid": "marking-more", onclick: () => { page++; fill(); } }, "More pictures");
  const from = make("select", { "aria-label": "Which pictures are shown", onchange: () => { page = 0; fill(); } });
  const clear = make("button", { class: "lp-button", onclick: () => { marks.clear(); marked(); } }, "Unmark all"), problem = make("p", { class: "lp-empty", role: "status" });
  const element = make("div", { class: "lp-marking" }, make("div", {}, grid, problem, make("div", { class: "lp-row" }, next, from, clear)), make("div", { class: "lp-markedsides" }, ...sides));
  const marks = new Map(); // by point
  let model = null, tiles = [], page = 0, work = null, at = 0;

  /** Begin with a model. @param {import("./catalogue.js").Model} next */
  function of(next) {
    if (model === next) return;
    [model, page, at] = [next, 0, 0];
    marks.clear();
    from.replaceChildren(...[hasPrior(model) && ["seed", "Random pictures"], model.atlas && ["atlas", hasPrior(model) ? "Pictures of its atlas" : "Known pictures"]].filter(Boolean)
      .map(([value, text]) => make("option", { value }, text)));
    from.hidden = from.options.length < 2;
    marked();
    fill();
  }

  /** The next page of pictures. What is marked stays marked. */
  async function fill() {
    work?.abort();
    const mine = work = new AbortController(), of = model;
    grid.setAttribute("aria-busy", "true");
    problem.textContent = "";
    try {
      const atlas = await loadAtlas(of), shown = pointsOf(atlas).map((point, k) => ({ point, z: place(of, atlas, point), told: told(atlas, point, k), sign: 0 }));
      const kept = shown.map(({ point }) => keptPicture(of, atlas, point)), size = of.image_shape.reduce((a, b) => a * b, 1);
      const pixels = kept.every(Boolean) ? flat(kept) : await decodeBehind(of, flat(shown.map(({ z }) => z)), oneHot(of, shown.map((one) => one.told)), shown.length, quickly(of), mine.signal);
      if (mine !== work) return;
      tiles = shown.map((one, k) => tileOf(marks.get(one.point) ?? { ...one, pixels: pixels.subarray(k * size, (k + 1) * size) }));
      refill(grid, tiles.map(({ button }) => button));
      reach(Math.min(at, tiles.length - 1), false);
    } catch (error) {
      if (mine !== work) return;
      problem.textContent = error.message;
    }
    grid.setAttribute("aria-busy", "false");
  }

  const pointsOf = (atlas) => Array.from({ length: SHOWN }, (_, k) => page * SHOWN + k).map((k) => (from.value === "atlas" && atlas ? `atlas:${(k * STRIDE) % atlas.count}` : `seed:${FIRST_SEED + k}`));
  /** A conditional model is told what is chosen, and where nothing is, one class after the other. */
  function told(atlas, point, k) {
    const asked = toldAt(model, atlas, point, chosen().label), classes = model.conditions.length;
    return classes && asked === "none" && chosen().label === "" && (!model.classifier || classifierNamed(model.classifier).kind !== "attributes") ? String(k % classes) : asked;
  }

  function tileOf(shown) {
    const canvas = make("canvas"), badge = make("i", { "aria-hidden": "true" }), button = make("button", { class: "lp-mark", "data-key": shown.point, onclick: () => {
      reach(tiles.findIndex((one) => one.button === button), false);
      mark(shown, shown.sign === 0 ? 1 : shown.sign === 1 ? -1 : 0);
    } }, canvas, badge);
    paint(canvas, shown.pixels, shapeOf(model.image_shape));
    const tile = { shown, button, badge };
    dress(tile);
    return tile;
  }

  function dress({ shown, button, badge }, k = tiles.findIndex((one) => one.shown === shown)) {
    badge.textContent = SIGNS[shown.sign];
    button.classList.toggle("plus", shown.sign > 0);
    button.classList.toggle("minus", shown.sign < 0);
    button.setAttribute("aria-label", `Picture ${k < 0 ? "" : k + 1}, ${WORDS[shown.sign]}`);
    button.title = ["Click: +, again: −, once more: no mark", "Click again: −", "Click again: no mark"][shown.sign < 0 ? 2 : shown.sign];
  }

  function mark(shown, sign) {
    if (sign && !marks.has(shown.point) && marks.size >= MOST_MARKED) {
      problem.textContent = `${MOST_MARKED} pictures are marked, which is the most.`;
      return;
    }
    shown.sign = sign;
    if (sign) marks.set(shown.point, shown);
    else marks.delete(shown.point);
    marked();
  }

  /** Show what is marked, and hand it on. */
  function marked() {
    const sided = (sign) => [...marks.values()].filter((one) => one.sign === sign);
    for (const tile of tiles) {
      if (!marks.has(tile.shown.point)) tile.shown.sign = 0;
      dress(tile);
    }
    for (const { sign, list, count } of strips) {
      const those = sided(sign);
      count.textContent = those.length;
      refill(list, those.map((one) => {
        const canvas = make("canvas");
        paint(canvas, one.pixels, shapeOf(model.image_shape));
        return make("button", { class: "lp-tile", "data-key": one.point, title: "Take the mark away", "aria-label": `Take the mark ${SIGNS[sign]} from ${one.point}`, onclick: () => mark(one, 0) }, canvas);
      }));
    }
    clear.disabled = !marks.size;
    onMarks(sided(1), sided(-1));
  }

  /** One of the pictures is reached by Tab, the others by arrows. */
  function reach(k, focus = true) {
    at = k;
    tiles.forEach(({ button }, i) => { button.tabIndex = i === k ? 0 : -1; });
    if (focus) tiles[k]?.button.focus();
  }

  function key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !tiles.length) return;
    const across = tiles.filter(({ button }) => button.offsetTop === tiles[0].button.offsetTop).length, moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across };
    const signs = { "+": 1, "=": 1, "-": -1, "−": -1, 0: 0, Delete: 0, Backspace: 0 };
    if (event.key in moves) reach(Math.min(tiles.length - 1, Math.max(0, at + moves[event.key])));
    else if (event.key in signs) mark(tiles[at].shown, signs[event.key]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  return { element, of, stop: () => work?.abort(), isMarked: () => marks.size > 0, clear: () => { marks.clear(); marked(); } };
}
