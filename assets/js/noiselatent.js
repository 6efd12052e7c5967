// Noise as a latent: the noise of a picture found and its way back, part of the way (SDEdit), and a walk between two noises.

import { isAlike, modelNamed, usable } from "./catalogue.js";
import { make } from "./dom.js";
import { createNoPath } from "./nopath.js";
import { createPartway } from "./noisepartway.js";
import { createTold } from "./noisetold.js";
import { createTrip } from "./noisetrip.js";
import { createNoiseWalk } from "./noisewalk.js";
import { chosen, onChange } from "./store.js";
import { createSubject } from "./subject.js";
import { take as takeModel } from "./taking.js";

const MINE = ["tab", "part", "model", "models", "label", "steps", "sampler", "guidance", "trip", "strength", "noise", "from", "to"];

/** @param {HTMLElement} root */
export function mount(root) {
  const none = createNoPath(), told = createTold(), subject = createSubject({ onPicture: (pixels) => take(pixels) });
  const walk = createNoiseWalk(), trip = createTrip({ onNoise: (found) => walk.take(found) }), partway = createPartway(), cards = [trip, partway, walk];
  const toAttributes = make("button", { class: "lp-link", "data-testid": "to-attributes", onclick: () => takeModel(pushable(), { tab: "attributes" }) });
  const grid = make("div", { class: "lp-noisegrid" }, make("div", { class: "lp-noiseside" }, subject.element, make("section", { class: "lp-card lp-toldcard" }, make("h2", {}, "What it is told"), told.element, make("p", { class: "lp-help" }, "Class or attributes go into every step. Another choice here, and the same noise becomes another picture: for this kind of model that is what a push along an attribute is. No straight direction in noise is an attribute; directions belong to short codes."), toAttributes)), make("div", { class: "lp-noisecards" }, ...cards.map(({ element }) => element)));
  root.replaceChildren(none.element, grid);
  const pushable = () => usable().find((one) => one.directions && isAlike(one, model)); // of short codes
  const toldCard = told.element.closest("section");
  let model = null;

  const here = () => chosen().tab === "denoise" && chosen().part === "noise";

  function take(pixels) {
    for (const card of cards) card.picture(pixels);
  }

  /** @param {Set<string>} changed */
  function update(changed) {
    if (!here()) return cards.forEach((card) => card.rest());
    const next = modelNamed(chosen().model);
    if (!next) return undefined;
    const able = none.show(next), other = next !== model, same = next.dataset === model?.dataset;
    grid.hidden = !able;
    if (!able) return cards.forEach((card) => card.rest());
    model = next;
    toldCard.hidden = !model.conditions.length;
    told.show(model);
    toAttributes.hidden = !pushable();
    toAttributes.textContent = pushable() ? `Push ${pushable().title} along attributes` : "";
    if (other) for (const card of cards) card.show(model);
    subject.show(model);
    if (!other) for (const card of cards) card.update(changed);
    else if (same) take(subject.pixels()); // it stays, and is not told again
    return undefined;
  }
  onChange((_, changed) => { if (MINE.some((name) => changed.has(name))) update(changed); });
  update(new Set());
}
