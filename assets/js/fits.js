// What of a view does not fit its model: it is said, and the default takes its place.

import { hasPrior, isAlike, isRound } from "./catalogue.js";
import { say } from "./dom.js";
import { NOWHERE } from "./stops.js";

/**
 * @param {import("./store.js").Choice} choice @param {import("./catalogue.js").Model} model @param {import("./catalogue.js").Model|undefined} other
 * @returns {Partial<import("./store.js").Choice>} the defaults of what does not fit; empty where all does
 */
export function unfit({ label, plane, sampler, point }, model, other) {
  const instead = {}, refuse = (sentence, defaults) => {
    say(sentence, "problem");
    Object.assign(instead, defaults);
  };
  if (other && (other === model || !isAlike(other, model) || !hasPrior(other) || !hasPrior(model))) instead.second = "";
  if (!hasPrior(model)) {
    if (/seed:/.test(point) && point !== NOWHERE) refuse(`${model.abilities.random} The link's random point was left out.`, { point: "" });
    if (plane !== "axes") refuse("This model has no map to choose: its places are pictures.", { plane: "axes" });
    return instead;
  }
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
