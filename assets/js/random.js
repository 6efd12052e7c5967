// Random points: from N(0, I), named by a seed alone, or from what was fitted to a model's codes.

import { hasPrior } from "./catalogue.js";
import { prior } from "./considered.js";
import { make } from "./dom.js";
import { textFor } from "./place.js";
import { choose, chosen } from "./store.js";

const KINDS = { normal: "N(0, I)", gaussian: "Gaussian", mixture: "Mixture of 10" };
const WHY = "This model's latents are N(0, I) by the way it is trained, or nothing was fitted to its codes.";

/** What random points of a model are drawn from: as chosen, where the model has it. @param {import("./catalogue.js").Model} model */
const kindFor = (model) => (model.samplers.includes(chosen().random) ? chosen().random : "normal");

/** A random point of a model, as a text. @param {import("./catalogue.js").Model} model @returns {Promise<string>} */
export async function randomPoint(model) {
  const seed = Math.floor(Math.random() * 1e6), kind = kindFor(model);
  return kind === "normal" ? `seed:${seed}` : textFor(await prior(model, 1, seed, kind));
}

/** The choice of what random points are drawn from. @returns {{element: HTMLSelectElement, show: (model: import("./catalogue.js").Model) => void}} */
export function createKinds() {
  const options = Object.entries(KINDS).map(([value, text]) => make("option", { value }, text));
  const element = make("select", { "aria-label": "What random points are drawn from", "data-testid": "random", onchange: () => choose({ random: element.value }, false) }, ...options);
  function show(model) {
    for (const option of options) option.disabled = !model.samplers.includes(option.value);
    element.disabled = model.samplers.length < 2 || !hasPrior(model);
    element.title = !hasPrior(model) ? model.abilities.random : element.disabled ? WHY : "N(0, I), or a cloud that was fitted to the codes of training pictures";
    element.value = kindFor(model);
  }
  return { element, show };
}
