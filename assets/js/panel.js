// One model under the hand: its map, its picture, and the nearest test pictures.

import { className, loadAtlas, shortTitle } from "./catalogue.js";
import { make, say } from "./dom.js";
import { createMap } from "./map.js";
import { paint, shapeOf } from "./paint.js";
import { createPicture } from "./picture.js";
import { oneHot, place } from "./place.js";
import { nearest, planeOfAtlas, planeOfDims, planeOfPoints } from "./plane.js";
import { classify, decode, decodeBehind, newestWins, prepare, roadOf } from "./roads.js";
import { choose, chosen } from "./store.js";

const NEIGHBOURS = 6, REST = 140; // milliseconds without a move after which the slower things follow

/**
 * @param {{main: boolean, onHand: Function, onLeave: Function, onShown?: (z: Float32Array) => void}} hooks
 */
export function createPanel({ main, onHand, onLeave, onShown }) {
  const map = createMap({ onHand, onLeave, testId: main ? "latent-map" : "latent-map-2" });
  const picture = createPicture({ testId: main ? "latent-picture" : "latent-picture-2", small: !main });
  const accuracy = make("span", { class: "lp-fact", title: "Leave one out: how often the five nearest codes on this map have the class of the sixth." });
  const name = make("h2", { class: "lp-name" }), near = make("div", { class: "lp-near" });
  const nearBox = make("div", { class: "lp-nearest" }, make("span", { class: "lp-soft" }, "Nearest test codes"), near);
  const state = { model: null, atlas: null, plane: null, z: null, y: null };
  let resting = 0, turn = 0;

  const follow = newestWins(async ({ z, since }) => {
    const { model, y } = state;
    try {
      const { pixels, road } = await decode(model, z, y);
      if (model !== state.model) return;
      picture.draw(model, pixels, road, performance.now() - since);
      if (main) window.dispatchEvent(new CustomEvent("latent-road", { detail: { road, ms: performance.now() - since } }));
      const chances = await classify(model, pixels);
      if (model === state.model) picture.judge(chances);
    } catch (error) {
      say(error.message, "problem");
    }
  });

  /** Show a latent now. `since` is when the hand moved. */
  function show(z, since = performance.now()) {
    state.shown = z;
    map.point(z);
    follow({ z, since });
    clearTimeout(resting);
    resting = setTimeout(rest, REST);
    onShown?.(z);
  }

  async function rest() {
    const { model, atlas, shown } = state;
    if (!atlas) return;
    const found = nearest(atlas, shown, NEIGHBOURS), D = model.latent_dim;
    map.mark(found[0].index);
    const z = new Float32Array(NEIGHBOURS * D), K = model.conditions.length, y = K ? new Float32Array(NEIGHBOURS * K) : null;
    found.forEach(({ index }, k) => {
      z.set(atlas.codes.subarray(index * D, (index + 1) * D), k * D);
      if (y) y[k * K + atlas.labels[index]] = 1;
    });
    const pixels = await decodeBehind(model, z, y, NEIGHBOURS).catch(() => null);
    if (!pixels || shown !== state.shown) return;
    near.replaceChildren(...found.map(({ index, distance }, k) => {
      const canvas = make("canvas"), label = className(model, atlas.labels[index]);
      paint(canvas, pixels, shapeOf(model.image_shape), k);
      return make("button", { class: "lp-tile", title: `${label}, ${distance.toFixed(2)} sigmas away: go there`, "aria-label": `Go to a test picture of ${label}`,
        style: `--k:var(--lp-c${atlas.labels[index] % 10})`, onclick: () => main && choose({ point: `atlas:${index}`, ...(K ? { label: String(atlas.labels[index]) } : {}) }) },
      canvas, make("small", {}, label));
    }));
  }

  /** Take on what is chosen for this model. A newer call overtakes an older one. */
  async function become(model, point, label, planeText, layers) {
    const mine = ++turn, loaded = prepare(model); // the server answers until the net is here
    const atlas = await loadAtlas(model);
    if (mine !== turn) return;
    if (state.model !== model) {
      picture.of(model, atlas ? Math.max(...atlas.labels) + 1 : model.conditions.length);
      name.textContent = shortTitle(model);
      near.replaceChildren();
    }
    Object.assign(state, { model, atlas, y: oneHot(model, label) });
    const plane = planeFor(model, atlas, planeText);
    const planeChanged = !state.plane || state.planeKey !== `${model.name} ${planeText}`;
    Object.assign(state, planeChanged || plane.fresh ? { plane, planeKey: `${model.name} ${planeText}` } : {});
    state.z = point;
    nearBox.hidden = !atlas;
    map.show({ model, plane: state.plane, atlas, z: point, y: state.y, layers, classes: atlas ? labelsOf(model, atlas) : [] });
    show(point);
    if (planeChanged) {
      const share = atlas && Math.max(...atlas.labels) > 0 ? map.accuracy() : null;
      accuracy.textContent = share === null ? "" : `5 nearest on this map agree: ${Math.round(100 * share)} %`;
    }
    await loaded;
    if (mine === turn && roadOf(model) === "browser") show(state.shown); // the first picture by the quick road
  }

  return { map, picture, name, accuracy, nearBox, state, show, become };
}

const labelsOf = (model, atlas) => Array.from({ length: Math.max(...atlas.labels) + 1 }, (_, k) => className(model, k));

/** The plane that a text asks for; where it cannot be had, the standard one and a sentence. */
function planeFor(model, atlas, text) {
  const size = model.latent_dim, standard = () => (atlas ? planeOfAtlas(atlas, size) : planeOfDims(size, 0, Math.min(1, size - 1)));
  if (text === "axes" || size < 2) return standard();
  if (text.startsWith("dims:")) {
    const [i, j] = text.slice(5).split(",").map(Number);
    if (i < size && j < size && i !== j) return planeOfDims(size, i, j);
    say(`This model has the dimensions 0 to ${size - 1}; a map needs two different ones.`, "problem");
    return standard();
  }
  const letters = [...text.slice(5)];
  try {
    const plane = planeOfPoints(...letters.map((letter) => place(model, atlas, letter)));
    if (plane) return Object.assign(plane, { across: `${letters[0]} to ${letters[1]}`, up: `towards ${letters[2]}` });
    say("These three pins lie on one line, so they span no map.", "problem");
  } catch {
    say("A map through pins needs three pins of this model.", "problem");
  }
  return standard();
}
