// Places worth seeing: a model's gallery of interesting points, each with a sentence.

import { make, refill } from "./dom.js";
import { howFor } from "./how.js";
import { thumbnail } from "./pins.js";
import { choose, chosen } from "./store.js";

/** @param {HTMLElement} card hidden for a model without a gallery */
export function createGallery(card) {
  const strip = make("div", { class: "lp-strip" }), story = make("p", { class: "lp-empty" });
  let places = [], drawn = "";

  /** @param {import("./catalogue.js").Model} model */
  function of(model) {
    const key = JSON.stringify([model.name, model.hash, howFor(model).scale]);
    if (key === drawn) return;
    drawn = key;
    places = model.metrics.gallery ?? [];
    card.hidden = !places.length;
    refill(strip, places.map(({ point, why }, k) => {
      const canvas = make("canvas", { width: 28, height: 28 });
      thumbnail(canvas, { model: model.name, point, label: "" });
      return make("button", { class: "lp-tile", "data-key": String(k), title: why, "aria-label": why, onclick: () => choose({ point, label: "" }) }, canvas);
    }));
  }

  /** Say what is special about the present point, if anything is. */
  function show(point) {
    story.textContent = places.find((one) => one.point === point)?.why ?? "Each of these is special in some way; press one to go there.";
    [...strip.children].forEach((tile, k) => tile.setAttribute("aria-pressed", String(places[k].point === point && chosen().point === point)));
  }

  return { of, show, elements: [strip, story] };
}
