// For models of many steps, and for large ones: a stand-in from the map while the hand moves, and the true picture once it rests.

import { isGone } from "./catalogue.js";
import { say } from "./dom.js";
import { decode } from "./roads.js";

const KEPT = 12, SAME = 1e-3; // true pictures that are kept, and how far apart the latents of one may be

/**
 * @param {{picture: Object, draw: (pixels: Float32Array, road: "mosaic"|"kept"|"server", ms: number) => void}} hooks
 * A state is that of a panel: {model, y, shown, how}.
 */
export function createTruth({ picture, draw }) {
  const kept = []; // {key, z, pixels, ms} with how long it took, the newest last
  let asked = null;

  const keyOf = ({ model, y, how }) => JSON.stringify([model.name, model.hash, how, y && [...y]]);
  const known = (state, z, key = keyOf(state)) => kept.find((one) => one.key === key && one.z.every((value, i) => Math.abs(value - z[i]) < SAME));

  /** Show what there is at once: the true picture where it is known, else a tile of the map, if it is drawn; an exact one is the true picture. */
  function standIn(state, tile, since, exact = false) {
    asked?.abort();
    if (tile && exact && !known(state, state.shown)) keep({ key: keyOf(state), z: state.shown, pixels: tile, ms: 0, road: "kept" });
    const found = known(state, state.shown);
    if (found) show(state, found);
    else if (tile) draw(tile, "mosaic", performance.now() - since);
    if (!found) picture.mark(!tile ? "" : state.model.steps ? "stand-in" : "pixels, mixed");
  }

  function keep(one) {
    kept.push(one);
    kept.splice(0, kept.length - KEPT);
  }

  function show({ model, how }, { pixels, ms, road = "server" }) {
    draw(pixels, road, ms);
    picture.mark(model.steps ? `${how.steps} steps` : "");
    picture.canvas.setAttribute("aria-busy", "false");
  }

  /** The picture in all its steps; the one that was asked for before is given up. @returns {Promise<boolean>} whether it is shown now */
  async function compute(state) {
    const { model, y, shown: z, how } = state, key = keyOf(state), since = performance.now();
    if (known(state, z, key)) return true;
    asked?.abort();
    const mine = asked = new AbortController();
    picture.mark(model.steps ? `computing ${how.steps} steps …` : "decoding …", true);
    try {
      const { pixels } = await decode(model, z, y, 1, how, mine.signal);
      if (mine.signal.aborted || model !== state.model) return false;
      keep({ key, z, pixels, ms: performance.now() - since });
      show(state, kept.at(-1));
      return true;
    } catch (error) {
      if (mine.signal.aborted || await isGone(model)) return false;
      picture.mark("no picture");
      picture.canvas.setAttribute("aria-busy", "false");
      say(error.message, "problem");
      return false;
    }
  }

  return { standIn, compute, stop: () => asked?.abort() };
}
