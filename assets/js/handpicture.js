// The picture under a hand: the newest latent wins, slow models show a stand-in until the hand rests, the verdict comes on a road of its own.

import { isGone, isSlow } from "./catalogue.js";
import { say } from "./dom.js";
import { howFor } from "./how.js";
import { classify, decode, newestWins, prepare, roadOf } from "./roads.js";
import { chosen } from "./store.js";
import { createTruth } from "./truth.js";

const REST = 140; // milliseconds without a move after which the slower things follow

/**
 * @typedef {{model: import("./catalogue.js").Model|null, y: Float32Array|null, how: import("./how.js").How|null, shown: Float32Array|null, road: string}} Held what is under the hand
 * @param {{state: Held, picture: Object, main: boolean, onNet: () => void, onServer?: (z: Float32Array) => void, onJudged?: (chances: Float32Array|null) => void,
 *   onRest?: () => void|Promise<void>}} hooks main: whether the head says how long it took; onNet: the browser's net has arrived; onServer: a picture has come from the server;
 *   onJudged: a probability per class, null where nobody knows; onRest: the hand has rested, and the picture is the true one
 */
export function createHandPicture({ state, picture, main, onNet, onServer, onJudged, onRest }) {
  let resting = 0;

  const follow = newestWins(async ({ z, since, model, y, how }) => {
    if (model !== state.model) return; // it waited while another model was taken
    try {
      const { pixels, road } = await decode(model, z, y, 1, how);
      if (model !== state.model) return;
      draw(model, pixels, road, performance.now() - since);
      if (road === "server") onServer?.(z);
    } catch (error) {
      if (!await isGone(model)) say(error.message, "problem");
    }
    if (z === state.shown) picture.canvas.setAttribute("aria-busy", "false");
  });

  function draw(model, pixels, road, ms) {
    picture.draw(model, pixels, road, ms);
    if (main) window.dispatchEvent(new CustomEvent("latent-road", { detail: { road, ms } }));
    judge({ model, pixels });
  }
  const judge = newestWins(async ({ model, pixels }) => { // on a road of its own: the next picture does not wait for a verdict
    const chances = await classify(model, pixels).catch(() => null);
    if (model !== state.model) return;
    if (chances) picture.judge(chances);
    onJudged?.(chances);
  });
  const truth = createTruth({ picture, draw: (pixels, road, ms) => draw(state.model, pixels, road, ms) });

  /** Take on a model, what it is told, and how it makes pictures. Until its net has arrived the server answers. */
  function become(model, y) {
    const { road } = chosen(), fresh = state.model !== model, other = fresh || state.road !== road;
    Object.assign(state, { model, road, y, how: howFor(model) });
    if (fresh) {
      truth.stop();
      picture.of(model);
    }
    if (other) prepare(model).then(() => { if (model === state.model && roadOf(model) === "browser") onNet(); });
  }

  /**
   * Show a latent now. @param {Float32Array} z @param {number} since when the hand moved
   * @param {Float32Array|null} tile what stands for the picture of a slow model meanwhile @param {boolean} exact whether it is that picture
   */
  function show(z, since, tile = null, exact = false) {
    state.shown = z;
    picture.canvas.setAttribute("aria-busy", "true");
    if (isSlow(state.model)) truth.standIn(state, tile, since, exact);
    else follow({ ...state, z, since });
    clearTimeout(resting);
    resting = setTimeout(rest, REST);
  }

  /** What may wait until the hand rests, now: the true picture of a slow model, the verdict said aloud, and what else follows. */
  async function rest() {
    clearTimeout(resting);
    if (isSlow(state.model) && !await truth.compute(state)) return;
    picture.tell();
    await onRest?.();
  }

  return { become, show, rest };
}
