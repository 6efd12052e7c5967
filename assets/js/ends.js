// The stops above the slider: what they show, and the choice of others: random, a class, a pin, the place on the map.

import { hasPrior, isAlike, loadAtlas, modelNamed, shortTitle } from "./catalogue.js";
import { make, refill, say } from "./dom.js";
import { paint, shapeOf } from "./paint.js";
import { thumbnail } from "./pins.js";
import { ground, namesPins, place, textFor } from "./place.js";
import { randomPoint } from "./random.js";
import { shows, startOf, typicalOf } from "./stops.js";
import { chosen } from "./store.js";

export const MOST_STOPS = 8;
const nameOf = (k, count) => (count === 2 ? ["Start", "End"][k] : `Stop ${k + 1}`);

/** @param {(stops: Object[]) => void} onChoose all stops as they should be, as texts for the address */
export function createEnds(onChoose) {
  const line = make("div", { class: "lp-stops" }), chooser = make("div", { class: "lp-chooser", hidden: true, role: "group" });
  const element = make("div", {}, line, chooser);
  let stops = [], texts = [], open = -1, order = 0;

  /** @param {import("./stops.js").Stop[]} next @param {Object[]} theirTexts as in the address */
  function show(next, theirTexts) {
    [stops, texts] = [next, theirTexts];
    if (open >= stops.length) open = -1;
    const parts = stops.flatMap((stop, k) => [stopTile(stop, k), k < stops.length - 1 && between(k)]).filter(Boolean);
    refill(line, parts);
    choose();
  }

  function stopTile(stop, k) {
    const canvas = make("canvas", { "data-stop": k }), what = shows(stop), name = nameOf(k, stops.length);
    paint(canvas, stop.pixels, shapeOf(stop.model.image_shape));
    return make("div", { class: `lp-stop${k === open ? " open" : ""}` },
      make("button", { class: "lp-stopdo", "data-key": `stop ${k}`, "data-testid": `interpolate-stop-${k}`, "aria-expanded": String(k === open), title: "Choose another picture", onclick: () => toggle(k) },
        canvas, make("span", {}, make("small", {}, name), make("strong", {}, what || shortTitle(stop.model)), make("small", {}, what && make("b", {}, shortTitle(stop.model)), make("u", {}, "change")))),
      stops.length > 2 && make("button", { class: "lp-quiet lp-drop", "data-key": `drop ${k}`, "aria-label": `Remove ${name}`, title: "Remove this stop", onclick: () => onChoose(texts.filter((_, i) => i !== k)) }, "×"));
  }

  /** What stands between two stops: with two of them swap, and room for one more. */
  const between = (k) => make("div", { class: "lp-between" },
    stops.length === 2 && make("button", { class: "lp-button", "data-key": "swap", title: "Walk the other way", "aria-label": "Swap the ends", onclick: () => onChoose([...texts].reverse()) }, "⇄"),
    stops.length < MOST_STOPS && make("button", { class: "lp-button", "data-key": `add ${k}`, title: "Another stop here", "aria-label": `Add a stop after ${nameOf(k, stops.length)}`, onclick: () => add(k + 1) }, "+"));

  function toggle(k) {
    open = open === k ? -1 : k;
    show(stops, texts);
  }

  /** A random picture, handed on; or a sentence that says why there is none. */
  const withRandom = (use) => anyOf(modelNamed(chosen().model)).then(use, (error) => say(error.message, "problem"));
  const add = (at) => withRandom((stop) => {
    open = at;
    onChoose([...texts.slice(0, at), stop, ...texts.slice(at)]);
  });
  const take = (text) => onChoose(texts.map((old, k) => (k === open ? text : old)));

  /** The panel in which the open stop gets another picture. */
  async function choose() {
    const mine = ++order, { model: name, pins, point, label } = chosen(), model = modelNamed(name);
    chooser.hidden = open < 0;
    if (open < 0) return;
    const atlas = await ground(model, point);
    if (mine !== order) return;
    const here = point || startOf(model, atlas), tile = (key, text, title, stop) => {
      const canvas = make("canvas", { width: 28, height: 28 });
      thumbnail(canvas, stop);
      return make("button", { class: "lp-tile", "data-key": key, "data-testid": `interpolate-${key.replace(" ", "-")}`, title, onclick: () => take(stop) }, canvas, make("small", {}, text));
    };
    const classes = atlas ? model.classes.map((text, k) => [text, typicalOf(model, atlas, k)]).filter(([, one]) => one) : [];
    const usable = pins.filter((pin) => isAlike(modelNamed(pin.model), model));
    refill(chooser, [
      make("h3", {}, `${nameOf(open, stops.length)}: a picture by ${shortTitle(model)}`),
      make("div", { class: "lp-choices" },
        make("div", {}, make("h4", {}, "Any"), make("div", { class: "lp-strip" },
          make("button", { class: "lp-button", "data-key": "random", title: hasPrior(model) ? "" : model.abilities.random, onclick: () => withRandom(take) }, hasPrior(model) ? "Random" : "Any picture"),
          tile("map", "map", "The place where the map of Explore stands", { model: name, ...settled(model, atlas, here), label }))),
        classes.length > 1 && make("div", {}, make("h4", {}, hasPrior(model) ? "A class" : "A picture"), make("div", { class: "lp-strip" }, ...classes.map(([text, one], k) => tile(`class ${k}`, text, hasPrior(model) ? `A typical ${text}` : text, { model: name, point: one, label: "" })))),
        make("div", {}, make("h4", {}, "A pin"), usable.length
          ? make("div", { class: "lp-strip" }, ...usable.map((pin) => tile(`pin ${pin.letter}`, pin.letter, `Pin ${pin.letter}, ${shortTitle(modelNamed(pin.model))}`, { model: pin.model, point: pin.point, label: pin.label })))
          : make("p", { class: "lp-empty" }, "Keep places with “Pin this” in Explore; they appear here."))),
    ]);
  }

  return { element, show };
}

/** A random stop, drawn as random points of the map are; one of the known pictures where random points are none. */
async function anyOf(model) {
  if (!hasPrior(model)) {
    const atlas = await loadAtlas(model);
    if (!atlas) throw new Error(model.abilities.random);
    return { model: model.name, point: `atlas:${Math.floor(Math.random() * atlas.count)}`, label: "" };
  }
  const label = model.conditions.length ? String(Math.floor(Math.random() * model.conditions.length)) : "";
  return { model: model.name, point: await randomPoint(model), label };
}

/** A point that stays when pins go. */
function settled(model, atlas, point) {
  try {
    return { point: namesPins(point) ? textFor(place(model, atlas, point)) : point };
  } catch {
    return { point: startOf(model, atlas) }; // its pin is gone; Explore says so
  }
}
