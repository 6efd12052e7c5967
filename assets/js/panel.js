// One model under the hand: its map, its picture, and the nearest test pictures.

import { classNames, className, hasPrior, isRound, isSlow, loadAtlas, shortTitle } from "./catalogue.js";
import { make, refill, say } from "./dom.js";
import { createHandPicture } from "./handpicture.js";
import { quickly } from "./how.js";
import { COLOURS, createMap } from "./map.js";
import { paint, shapeOf } from "./paint.js";
import { createPicture } from "./picture.js";
import { axesOf, oneHot, place } from "./place.js";
import { createPlaces } from "./places.js";
import { nearest, planeOfAtlas, planeOfDims, planeOfPoints, roundPlane, sphereOfPoints } from "./plane.js";
import { decodeBehind, roadOf } from "./roads.js";
import { choose, chosen } from "./store.js";

const NEIGHBOURS = 6;
const PATIENCE = 30; // milliseconds that hand and sliders wait for a picture from the server, so that all are drawn in one frame

/**
 * @param {{main: boolean, onHand: Function, onLeave: Function, onShown?: (z: Float32Array) => void}} hooks
 */
export function createPanel({ main, onHand, onLeave, onShown }) {
  const plain = createMap({ onHand, onLeave, testId: main ? "latent-map" : "latent-map-2" });
  const places = createPlaces({ onHand, onLeave, testId: main ? "latent-places" : "latent-places-2" }); // instead of a map, for a model that has none
  let map = plain;
  const picture = createPicture(main ? "latent-picture" : "latent-picture-2");
  const accuracy = make("span", { class: "lp-fact", title: "Leave one out: how often the majority of a code's five nearest neighbours on this map has its class." });
  const name = make("h2", { class: "lp-name" }), near = make("div", { class: "lp-near" });
  /** model, atlas, plane, z (placed) and shown (under the hand) of this panel, how its pictures are made, and when what is less urgent than the picture may begin */
  const state = { model: null, atlas: null, plane: null, planeKey: "", z: null, shown: null, y: null, how: null, ready: null, road: "" };
  let moving = 0;

  /** Hand and sliders go where the picture is. */
  function move(z) {
    clearTimeout(moving);
    map.point(z);
    onShown?.(z);
  }

  const hand = createHandPicture({ state, picture, main, onNet: () => show(state.shown), onServer: move, onRest: neighbours });

  /** Show a latent now. `since` is when the hand moved. */
  function show(z, since = performance.now()) {
    map.aim(z);
    hand.show(z, since, isSlow(state.model) ? map.tileAt(z) : null, map === places && places.isExact(z));
    clearTimeout(moving);
    if (isSlow(state.model) || roadOf(state.model) === "browser") move(z);
    else moving = setTimeout(() => move(z), PATIENCE);
  }

  /** The nearest codes, which may wait until the hand rests. */
  async function neighbours() {
    const { model, atlas, shown } = state;
    if (!atlas || isRound(model)) return; // in hundreds of dimensions all codes are equally far
    const found = nearest(atlas, shown, NEIGHBOURS), D = model.latent_dim, labels = found.map(({ index }) => atlas.labels[index]);
    map.mark(found[0].index);
    if (!main) return;
    const z = new Float32Array(found.length * D);
    found.forEach(({ index }, k) => z.set(atlas.codes.subarray(index * D, (index + 1) * D), k * D));
    const pixels = await decodeBehind(model, z, oneHot(model, labels), found.length, state.how).catch(() => null);
    if (!pixels || shown !== state.shown || model !== state.model) return;
    refill(near, found.map(({ index, distance }, k) => {
      const canvas = make("canvas"), label = className(model, labels[k]);
      paint(canvas, pixels, shapeOf(model.image_shape), k);
      return make("button", { class: "lp-tile", "data-key": String(k), title: `${label}, ${distance.toFixed(2)} sigmas away: go there`, "aria-label": `Go to a ${atlas.seeded ? "sample" : "test picture"} of ${label}`,
        style: `--k:var(--lp-c${labels[k] % COLOURS})`, onclick: () => choose({ point: `atlas:${index}`, label: "" }) }, canvas, make("small", {}, label));
    }));
  }

  /** Take on a model, point (z, and its text), class ("none" or a number), plane and layers; the atlas must be loaded. */
  function become({ model, atlas, z, text, told, plane: planeText, layers }) {
    if (state.model !== model) {
      map = hasPrior(model) ? plain : places;
      for (const one of [plain, places]) one.element.hidden = one !== map;
      name.textContent = shortTitle(model);
      near.replaceChildren();
    }
    const key = `${model.name} ${planeText} ${planeText.startsWith("pins:") ? JSON.stringify(chosen().pins) : ""} ${!!atlas}`, planeChanged = key !== state.planeKey;
    hand.become(model, oneHot(model, [told]));
    Object.assign(state, { atlas, z, planeKey: key });
    if (planeChanged) state.plane = planeFor(model, atlas, planeText);
    let begin = null;
    state.ready = model.steps ? new Promise((done) => { begin = done; }) : null;
    const shownLayers = isRound(model) ? layers.replace("c", "") : layers;
    map.show({ model, plane: state.plane, atlas, z, text, y: state.y, how: quickly(model), layers: shownLayers, classes: classNames(model, atlas), ready: state.ready });
    show(z);
    if (isSlow(model)) hand.rest().finally(begin);
    if (!planeChanged) return;
    const share = atlas && !isRound(model) && Math.max(...atlas.labels) > 0 ? map.accuracy() : null;
    accuracy.hidden = share === null || share === false;
    accuracy.textContent = share === null ? "" : `5-nearest-neighbour accuracy on this map: ${Math.round(100 * share)} %`;
  }

  /** Scale latents by another factor until the next `become`. */
  function scale(factor) {
    state.how = { ...state.how, scale: factor };
    show(state.shown);
  }

  return { get map() { return map; }, maps: [plain.element, places.element], picture, name, accuracy, near, state, show, become, scale };
}

/** The plane that a text asks for; where it cannot be had, the standard one and a sentence. */
function planeFor(model, atlas, text) {
  const size = model.latent_dim, round = isRound(model) && hasPrior(model);
  const standard = () => (round ? roundPlane(axesOf(model, atlas)) : atlas && size > 1 ? planeOfAtlas(atlas, size) : planeOfDims(size, 0, 1));
  if (text === "axes") return standard();
  const [kind, rest] = text.split(":");
  if (kind === "dims") {
    const [i, j] = rest.split(",").map(Number);
    if (i < size && j < size && i !== j) return planeOfDims(size, i, j);
    say(`This model has the dimensions 0 to ${size - 1}; a map needs two different ones.`, "problem");
    return standard();
  }
  const letters = [...rest];
  try {
    const plane = (round ? sphereOfPoints : planeOfPoints)(...letters.map((letter) => place(model, atlas, letter)));
    if (plane) return Object.assign(plane, { across: `${letters[0]} to ${letters[1]}`, up: `towards ${letters[2]}` });
    say("These three pins lie on one line, so they span no map.", "problem");
  } catch {
    say("A map through pins needs three pins of this model.", "problem");
  }
  return standard();
}

/** A model's panel state for a model that is about to stand beside another: the middle of its codes, or a place on its sphere. */
export async function middleOf(model) {
  const atlas = await loadAtlas(model);
  return { atlas, middle: isRound(model) ? place(model, atlas, "seed:0") : atlas ? atlas.centre.slice() : new Float32Array(model.latent_dim) };
}
