// What of a view does not fit its model: it is said, and the default takes its place.

import { isRound } from "./catalogue.js";
import { say } from "./dom.js";

/**
 * @param {import("./store.js").Choice} choice @param {import("./catalogue.js").Model} model @param {import("./catalogue.js").Model|undefined} other
 * @returns {Partial<import("./store.js").Choice>} the defaults of what does not fit; empty where all does
 */
export function unfit({ label, plane, sampler }, model, other) {
  const instead = {}, refuse = (sentence, defaults) => {
    say(sentence, "problem");
    Object.assign(instead, defaults);
  };
  if (other && (other === model || other.dataset !== model.dataset)) instead.second = "";
  if (/^\d+$/.test(label) && model.conditions.length && +label >= model.conditions.length) {
    refuse(`The model is told one of ${model.conditions.length} classes; there is no class ${label}.`, { label: "" });
  }
  const [kind, rest] = plane.split(":"), D = model.latent_dim;
  if (kind === "dims" && isRound(model)) {
    refuse("The map of this model is half of a sphere; it has no two dimensions of its own.", { plane: "axes" });
  } else if (kind === "dims" && (D < 3 || rest.split(",").some((k, i, all) => +k >= D || all.indexOf(k) !== i))) {
    refuse(`This model has the dimensions 0 to ${D - 1}; a map needs two different ones of at least three.`, { plane: "axes" });
  }
  if (sampler && model.steps && !model.steps.samplers.includes(sampler)) {
    refuse(`This model has no sampler “${sampler}”; it has ${model.steps.samplers.join(", ")}.`, { sampler: "" });
  }
  return instead;
}
