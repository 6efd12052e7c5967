// What models make of one's own picture: a card for every model that the person chose, and the repair of the picture below.

import { modelNamed, shortTitle, usable } from "./catalogue.js";
import { make, refill } from "./dom.js";
import { createOwnCard } from "./owncard.js";
import { createNeighbours } from "./neighbours.js";
import { ownPicture } from "./ownstate.js";
import { createRepairing } from "./repairing.js";
import { MOST_THROUGH, choose, chosen, onChange } from "./store.js";

const AT_FIRST = 3;

/** The models that take pictures of this shape and make something of them. @param {number[]} shape [C, H, W] */
const fitting = (shape) => usable().filter((model) => model.image_shape.join() === shape.join() && (model.abilities.encode === true || !model.steps));

/** Which models are shown: those chosen, else the present one and others of its data, encoders with short codes first and of many families. */
function through(models) {
  const wanted = chosen().through.map((name) => models.find((model) => model.name === name)).filter(Boolean);
  if (wanted.length) return wanted;
  const data = modelNamed(chosen().model)?.dataset, quick = models.filter((model) => !model.steps && !model.heavy), present = quick.filter(({ name }) => name === chosen().model);
  const rank = ({ abilities, latent_dim, dataset }) => (dataset === data ? 0 : 2000) + (abilities.encode === true ? 0 : 500) + (latent_dim > 256 ? 1000 : -latent_dim);
  const order = [...present, ...quick.toSorted((a, b) => rank(a) - rank(b))];
  const families = new Set();
  const varied = order.filter((model) => { const fresh = !families.has(model.family + model.dataset); families.add(model.family + model.dataset); return fresh; });
  return [...new Set([...present, ...varied, ...order])].slice(0, AT_FIRST);
}

/** @param {HTMLElement} place where the results stand; they follow the picture that `ownstate.js` keeps
 * @returns {{show: (own: import("./ownstate.js").Own|null) => void}} */
export function mountOwnResults(place) {
  const chips = make("div", { class: "lp-ownmodels", role: "group", "aria-label": "Models that look at your picture" }), list = make("div", { class: "lp-owncards", "data-testid": "own-cards" });
  const repairing = createRepairing(), neighbours = createNeighbours(), head = make("div", { class: "lp-row lp-ownhead", hidden: true }, make("span", {}, "Look at it through"), chips);
  place.replaceChildren(head, list, neighbours.element, repairing.element);
  const cards = new Map();
  let picture = null, turn = 0, drawn = "";

  function update() {
    place.hidden = !picture;
    if (!picture) return;
    const models = fitting(picture.shape), now = through(models), key = JSON.stringify([now.map(({ hash }) => hash), picture.turn]);
    head.hidden = false;
    refill(chips, models.map((model) => make("button", { class: "lp-chip", role: "checkbox", "data-key": model.name, "aria-checked": String(now.includes(model)), title: model.title,
      onclick: () => toggle(model, now) }, models.every(({ dataset }) => dataset === models[0].dataset) ? shortTitle(model) : model.title)));
    if (key === drawn) return;
    drawn = key;
    for (const [name, { card }] of cards) if (!now.some((model) => model.name === name)) { card.stop(); cards.delete(name); }
    for (const model of now) {
      if (!cards.has(model.name)) cards.set(model.name, { card: createOwnCard(model), turn: -1 });
      const one = cards.get(model.name);
      if (one.turn !== picture.turn) [one.turn] = [picture.turn, one.card.show(picture.pixels)];
    }
    refill(list, now.map(({ name }) => cards.get(name).card.element));
    neighbours.show(modelNamed(chosen().model) ?? now[0], picture.pixels);
    repairing.show(picture.pixels, now.some(({ steps, heavy }) => !steps && !heavy) ? [...now, ...models.filter((model) => !now.includes(model))] : models);
  }

  const toggle = (model, now) => {
    const next = now.includes(model) ? now.filter((one) => one !== model) : [...now, model].slice(-MOST_THROUGH);
    if (next.length) choose({ through: next.map(({ name }) => name) }, false);
  };
  /** @param {import("./ownstate.js").Own|null} own the prepared picture */
  function show(own) {
    if (own && picture && own.shape.join() === picture.shape.join() && own.pixels.every((value, i) => value === picture.pixels[i])) return;
    for (const { card } of cards.values()) card.stop();
    picture = own && { ...own, turn: ++turn };
    update();
  }
  window.addEventListener("latent-own", ({ detail }) => show(detail));
  onChange((_, changed) => { if (changed.has("through") || changed.has("models")) update(); });
  show(ownPicture());
  return { show };
}
