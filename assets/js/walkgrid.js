// A grid between four corners: one model's pictures across and down, and the one under the hand large.

import { isSlow, shortTitle } from "./catalogue.js";
import { describe } from "./considered.js";
import { make } from "./dom.js";
import { endsOf, flat, unscaled, wayOf } from "./frames.js";
import { isHidden } from "./lesson.js";
import { paint, shapeOf } from "./paint.js";
import { decodeBehind, newestWins } from "./roads.js";
import { verdictOf } from "./verdict.js";
import { patch } from "./walks.js";

const ADDED = ["The last corner was added", "The lower corners were added"].map((what) => `${what} by the page; press + above to choose them.`);
const SIDE = 9, MIDDLE = (SIDE * SIDE - 1) / 2;

export function createGrid({ onExplore }) {
  const tiles = Array.from({ length: SIDE * SIDE }, (_, k) => make("canvas", { "data-tile": k, "data-frame": "-1" }));
  const board = make("div", { class: "lp-board", tabIndex: 0, role: "img", "aria-label": "Pictures between four corners; arrow keys move", "data-testid": "interpolate-grid" }, ...tiles);
  const large = make("canvas", { class: "lp-large", role: "img", "aria-label": "The picture under the hand", "data-testid": "interpolate-grid-large" });
  const words = make("p", { class: "lp-gridwords", role: "status" }), how = make("p", { class: "lp-empty" }), problem = make("p", { class: "lp-empty", hidden: true, role: "status" });
  const explore = make("button", { class: "lp-button", onclick: () => state && onExplore(state.model, state.z[at], state.y?.[at]) }, "Explore ↗");
  const element = make("div", { class: "lp-walkgrid" }, problem, board, make("div", { class: "lp-gridside" }, large, words, how, make("div", { class: "lp-row" }, explore)));
  let state = null, at = MIDDLE, order = 0;

  board.addEventListener("pointermove", ({ target }) => { if (target.dataset.tile) show(+target.dataset.tile); });
  board.addEventListener("pointerdown", ({ target }) => { if (target.dataset.tile) show(+target.dataset.tile); });
  board.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -SIDE, ArrowDown: SIDE }[event.key], next = at + step;
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    if (next >= 0 && next < tiles.length && (Math.abs(step) > 1 || Math.floor(next / SIDE) === Math.floor(at / SIDE))) show(next);
  });

  function show(k) {
    tiles[at].classList.remove("at");
    tiles[at = k].classList.add("at");
    if (!state?.done[k]) return;
    paint(large, state.pixels, shapeOf(state.model.image_shape), k);
    ask({ state, k });
  }
  const ask = newestWins(async ({ state: asked, k }) => {
    const { model, pixels, size } = asked, place = `across ${(k % SIDE / (SIDE - 1)).toFixed(2)}, down ${(Math.floor(k / SIDE) / (SIDE - 1)).toFixed(2)}`;
    if (!model.classifier) return void (words.textContent = place);
    const seen = asked.seen[k] ??= await describe(model, pixels.slice(k * size, (k + 1) * size), 1).then(({ chances: [chances] }) => chances).catch(() => null);
    if (asked !== state || k !== at) return;
    const { many, text, sure } = seen ? verdictOf(model.classifier, seen) : {};
    words.textContent = seen && !isHidden("verdict") ? `${many ? `shows ${text}` : `looks like ${text}, ${Math.floor(100 * sure)} % sure`} · ${place}` : place;
  });

  /**
   * Decode the patch between four stops, corners first. @param {import("./catalogue.js").Model} model @param {import("./stops.js").Stop[]} stops four
   * @param {"auto"|"line"|"circle"} wish @param {number} added how many of them the page has added @param {AbortSignal} signal ends it @returns {Promise<void>} when all of it is there
   */
  async function become(model, stops, wish, added, signal) {
    const mine = ++order, size = stops[0].pixels.length, way = wayOf(model, wish);
    problem.hidden = true;
    for (const canvas of tiles) canvas.dataset.frame = "-1";
    try {
      const { latents, told, how: got } = await endsOf(model, stops), z = filled(patch(latents, way)), y = told && filled(patch(told, "line"));
      if (mine !== order) return;
      state = { model, z, y, size, pixels: new Float32Array(z.length * size), done: new Uint8Array(z.length), seen: [] };
      how.textContent = `${shortTitle(model)}: ${got}; ${way === "line" ? "straight lines" : "great circles"}. ${added ? ADDED[added - 1] : ""}`;
      for (const part of parts(isSlow(model) ? 9 : SIDE * SIDE)) {
        const pixels = await decodeBehind(model, flat(part.map((k) => z[k])), y && flat(part.map((k) => y[k])), part.length, unscaled(model), signal);
        if (mine !== order) return;
        part.forEach((k, i) => {
          state.pixels.set(pixels.subarray(i * size, (i + 1) * size), k * size);
          state.done[k] = 1;
          paint(tiles[k], state.pixels, shapeOf(model.image_shape), k);
          tiles[k].dataset.frame = k;
        });
        show(at);
      }
    } catch (error) {
      if (mine !== order) return;
      problem.hidden = false;
      problem.textContent = error.message;
    }
  }

  return { element, become, get state() { return state; } };
}

/** All latents of the grid, row by row. */
const filled = (place) => Array.from({ length: SIDE * SIDE }, (_, k) => place(k % SIDE / (SIDE - 1), Math.floor(k / SIDE) / (SIDE - 1)));

/** Tile numbers in the order in which they are made: those of every fourth row and column, of every second, the others. */
function parts(most) {
  const level = (k) => [4, 2, 1].find((step) => (k % SIDE) % step === 0 && Math.floor(k / SIDE) % step === 0), all = Array.from({ length: SIDE * SIDE }, (_, k) => k);
  return [4, 2, 1].flatMap((step) => {
    const those = all.filter((k) => level(k) === step);
    return Array.from({ length: Math.ceil(those.length / most) }, (_, i) => those.slice(i * most, (i + 1) * most));
  });
}
