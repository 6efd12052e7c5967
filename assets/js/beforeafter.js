// Before and after: the picture from −3 to +3 sigmas along one direction, as a strip, and there and back by itself.

import { isSlow } from "./catalogue.js";
import { factsOf, signed } from "./attributerows.js";
import { make, say } from "./dom.js";
import { flat } from "./frames.js";
import { quickly } from "./how.js";
import { paint, shapeOf } from "./paint.js";
import { createPlayer } from "./play.js";
import { FARTHEST } from "./pushtext.js";
import { decodeBehind, newestWins } from "./roads.js";

const TILES = 7, placeOf = (sigmas) => (sigmas + FARTHEST) / (2 * FARTHEST), sigmasAt = (place) => (2 * place - 1) * FARTHEST;
const STOPS = Array.from({ length: TILES }, (_, k) => sigmasAt(k / (TILES - 1)));

/** @param {{onMove: (sigmas: number) => void, onRelease: () => void}} hooks along the direction that is shown */
export function createBeforeAfter({ onMove, onRelease }) {
  const title = make("h2"), facts = make("p", { class: "lp-empty" }), note = make("p", { class: "lp-empty", role: "status" });
  const player = createPlayer({ name: "attributes", title: "▶ Animate", onMove: (place) => onMove(sigmasAt(place)), onRest: onRelease });
  const tiles = STOPS.map((sigmas) => {
    const canvas = make("canvas");
    const button = make("button", { class: "lp-tile", title: `Push to ${signed(sigmas)} sigmas`, onclick: () => { player.stop(); onMove(sigmas); onRelease(); } }, canvas, make("small", {}, signed(sigmas)));
    return { canvas, button, sigmas };
  });
  const ask = make("button", { class: "lp-button", hidden: true, onclick: () => draw(now) }, `Compute all ${TILES} pictures`);
  const strip = make("div", { class: "lp-strip lp-sevenstrip", "data-testid": "attributes-strip", "aria-busy": "true" }, ...tiles.map(({ button }) => button));
  const play = make("div", { class: "lp-row lp-animate" }, ...player.elements);
  const element = make("section", { class: "lp-card lp-alongcard" }, title, strip, ask, note, play, facts);
  let now = null, drawn = "";

  const draw = newestWins(async ({ model, y, latentAt, key }) => {
    ask.hidden = true;
    strip.setAttribute("aria-busy", "true");
    try {
      const latents = STOPS.map(latentAt), pixels = await decodeBehind(model, flat(latents), y && flat(latents.map(() => y)), TILES, quickly(model));
      if (model !== now?.model || (key !== now.key && isSlow(model))) return void strip.setAttribute("aria-busy", "false"); // of a slow one nobody asks for the next strip by itself
      tiles.forEach(({ canvas }, k) => paint(canvas, pixels, shapeOf(model.image_shape), k));
      drawn = key;
    } catch (error) {
      say(error.message, "problem");
    }
    strip.setAttribute("aria-busy", "false");
  });

  /**
   * Show the strip of a direction, or why there is none.
   * @param {{model: import("./catalogue.js").Model, y: Float32Array|null, direction: Object, latentAt: (sigmas: number) => Float32Array, key: string, problem: string}|null} next
   *   latentAt: where the picture stands with that many sigmas and all the other pushes; key: the same for the same strip
   */
  function show(next) {
    now = next;
    element.hidden = !next;
    if (!next) return player.stop();
    title.textContent = `Along ${next.direction.name}`;
    facts.textContent = factsOf(next.direction);
    note.textContent = next.problem;
    if (next.problem) player.stop();
    strip.hidden = play.hidden = !!next.problem;
    ask.hidden = strip.hidden || !isSlow(next.model) || next.key === drawn;
    if (next.problem || next.key === drawn) return;
    if (!isSlow(next.model)) draw(next);
    else for (const { canvas } of tiles) canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
  }

  /** Where the picture stands along the direction. @param {number} sigmas */
  function at(sigmas) {
    if (!player.running) player.from(placeOf(sigmas));
    for (const tile of tiles) tile.button.setAttribute("aria-pressed", String(Math.abs(tile.sigmas - sigmas) < 0.05));
  }

  return { element, show, at, player };
}
