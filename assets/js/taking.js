// Take another model: what of the view belonged to the old one goes with it.

import { modelNamed } from "./catalogue.js";
import { choose, chosen } from "./store.js";

/** @param {import("./catalogue.js").Model} model @param {Partial<import("./store.js").Choice>} [more] what is chosen with it: a tab, a point */
export function take(model, more = {}) {
  const { second } = chosen(), other = modelNamed(second);
  choose({ model: model.name, point: "", label: "", plane: "axes", steps: "", sampler: "", guidance: "", truncation: 1,
    second: other && other !== model && other.dataset === model.dataset ? second : "", ...more });
}
