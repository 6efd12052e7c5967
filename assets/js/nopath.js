// What a part says for a model that has no path from noise to picture: one sentence, and a way to a model that has one.

import { isAlike, usable } from "./catalogue.js";
import { make } from "./dom.js";
import { chosen } from "./store.js";
import { take } from "./taking.js";

/** @returns {{element: HTMLElement, show: (model: import("./catalogue.js").Model) => boolean}} show says whether the model has a path, and hides itself then */
export function createNoPath() {
  const element = make("div", { class: "lp-card lp-nopath", "data-testid": "no-path", hidden: true });

  function show(model) {
    element.hidden = !!model.steps;
    if (model.steps) return true;
    const able = usable().filter(({ steps, heavy }) => steps && !heavy), other = able.find((one) => isAlike(one, model)) ?? able[0];
    element.replaceChildren(make("p", { class: "lp-empty" }, `${model.title} makes a picture in one step, so there is no noise to go back to. `, other ? "" : "No model here takes many steps; the Models tab fetches one."),
      ...(other ? [make("button", { class: "lp-button main", "data-testid": "to-path", onclick: () => take(other, { tab: "denoise", part: chosen().part }) }, `Take ${other.title}`)] : []));
    return false;
  }
  return { element, show };
}
