// The models of the Attributes page: the first one and up to three beside it, each with its own start, all pushed alike.

import { isAlike, isGone, modelNamed, shortTitle, usable } from "./catalogue.js";
import { make, refill, say, setOptions } from "./dom.js";
import { endsOf, walkOf } from "./frames.js";
import { howFor } from "./how.js";
import { textFor } from "./place.js";
import { createPushed } from "./pushed.js";
import { MOST_BESIDE } from "./pushtext.js";
import { pushedFrom } from "./standing.js";
import { stopAt } from "./stops.js";
import { choose, chosen, isLocal } from "./store.js";

/** @typedef {import("./standing.js").Standing} Standing */

/** @param {{onJudged: (chances: Float32Array|null) => void, onRest: () => void}} hooks of the first model */
export function createSideBySide({ onJudged, onRest }) {
  const main = createPushed({ main: true, onJudged, onRest }), others = new Map(); // by name
  const list = make("div", { class: "lp-pushedlist" }, main.element);
  const adder = make("select", { class: "lp-adder", "aria-label": "Add a model beside it", "data-testid": "attributes-beside",
    onchange: () => choose({ beside: [...chosen().beside, { model: adder.value, point: "", label: "" }] }) });
  const adding = make("div", { class: "lp-besiderow lp-beside lp-besidebox" }, adder);
  /** @type {Standing[]} the first one first */
  let all = [];

  const panelOf = ({ model }) => (model === all[0].model ? main : others.get(model.name));
  const without = (name) => chosen().beside.filter((stop) => stop.model !== name);

  /** @param {Standing[]} standings the first model's first */
  function become(standings) {
    all = standings;
    for (const name of [...others.keys()]) if (!all.slice(1).some(({ model }) => model.name === name)) others.delete(name);
    for (const { model: { name } } of all.slice(1)) {
      if (!others.has(name)) others.set(name, createPushed({ main: false, onRemove: () => choose({ beside: without(name) }), onCarry: () => carry(name) }));
    }
    for (const one of all) panelOf(one).become(one);
    refill(list, all.map((one) => panelOf(one).element));
    list.dataset.models = all.length;
    const { model } = all[0], rest = usable().filter((one) => isAlike(one, model) && !all.some((other) => other.model === one)).map((one) => [one.name, shortTitle(one)]);
    setOptions(adder, [["", "Add a model …"], ...rest], "");
    adding.hidden = !rest.length || all.length > MOST_BESIDE;
  }

  /** Show all models pushed alike; `since` is when the hand moved. */
  function show(pushes, locked, since) {
    for (const one of all) panelOf(one).show(pushedFrom(one, pushes, locked), since);
  }

  /** Which rows lack a direction in which of the models beside the first that have some. @param {string[]} names of the rows @param {Map<string, number>} pushes @returns {Map<string, string[]>} titles by name */
  function lacking(names, pushes) {
    const lacks = new Map();
    for (const one of all.slice(1)) {
      const missing = names.filter((name) => !one.directions?.names.includes(name));
      panelOf(one).lack(missing.filter((name) => pushes.has(name)).map((name) => name.replaceAll("_", " ")));
      for (const name of one.directions ? missing : []) lacks.set(name, [...lacks.get(name) ?? [], shortTitle(one.model)]);
    }
    return lacks;
  }

  /** Give a model the first one's start, as it encodes that picture or finds it by search. */
  async function carry(name) {
    const model = modelNamed(name), { text, label } = all[0], panel = others.get(name);
    panel.picture.mark("looking for its latent …", true);
    try {
      const stop = await stopAt({ model: all[0].model.name, point: text, label }), { latents } = await endsOf(model, [stop]), { scale } = howFor(model);
      const point = textFor(latents[0].map((value) => value / scale));
      if (isLocal(point)) say("This start has too many numbers for a link; it lives on this page only.");
      choose({ beside: chosen().beside.map((one) => (one.model === name ? { model: name, point, label: stop.seen } : one)) });
    } catch (error) {
      if (!await isGone(model)) say(error.message, "problem");
    }
    panel.picture.mark("");
  }

  /** Every model's pictures from one push to another, for a file. @param {(one: Standing) => [Float32Array, Float32Array]} endsAt @param {string} how in words */
  async function walked(endsAt, how) {
    return Promise.all(all.map(async (one) => {
      const [channels, height, width] = one.model.image_shape, pixels = new Float32Array(channels * height * width), { model, label } = one;
      const stops = endsAt(one).map((z) => ({ model, point: "", label, told: label, z, pixels, seen: "", key: "" }));
      let last = null;
      for await (const frames of walkOf(model, stops, "line")) last = frames;
      return { title: shortTitle(model), shape: { channels, height, width }, frames: { ...last, how } };
    }));
  }

  return { elements: [list, adding], main, become, show, lacking, walked, panels: () => all.map(panelOf), get first() { return all[0]; } };
}
