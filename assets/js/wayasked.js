// What is asked of a way from noise to picture, as the address says it: the noise of a point and of the seeds after it, and what the model is told.

import { say } from "./dom.js";
import { latent } from "./normal.js";
import { place, toldAt } from "./place.js";
import { amend, chosen } from "./store.js";
import { conditionsTold, unknownTold } from "./telling.js";

export const FIRST = "seed:7"; // where nobody has chosen a point

/** What of a link does not fit the model is said, and left out. @param {import("./catalogue.js").Model} model */
export function settle(model) {
  const { sampler, label, versus, tell } = chosen(), { samplers } = model.steps, unknown = unknownTold(model), beside = versus.split(",")[0];
  const left = (names, why) => { say(why, "problem"); amend(names); };
  if (sampler && !samplers.includes(sampler)) left({ sampler: "" }, `${model.title} has no sampler “${sampler}”; it has ${samplers.join(", ")}.`);
  if (beside && !samplers.includes(beside)) left({ versus: "" }, `${model.title} has no sampler “${beside}” to stand beside it; it has ${samplers.join(", ")}.`);
  if (/^\d+$/.test(label) && +label >= model.conditions.length) {
    left({ label: "" }, model.conditions.length ? `The model is told one of ${model.conditions.length} classes; there is no class ${label}.` : `${model.title} is told no class; the one in the link was left out.`);
  }
  if (unknown.length) {
    left({ tell: tell.split(",").filter((word) => !unknown.includes(word.replace(/^-/, ""))).join(",") },
      `${model.title} is not told “${unknown.join(", ").slice(0, 60)}”; it knows ${model.conditions.slice(0, 6).join(", ")}${model.conditions.length > 6 ? " and others" : ""}.`);
  }
}

/** The class that the pictures are told: what is chosen, else that of the point, else, where the page chose the seed, one that goes with it. */
export function labelAt(model, atlas) {
  const { point, label } = chosen();
  return point || label || !model.conditions.length ? toldAt(model, atlas, point || FIRST, label) : String(+FIRST.slice(5) % model.conditions.length);
}

/** Throws BadPoint where the point cannot be read. @returns {{model: import("./catalogue.js").Model, z: Float32Array, y: Float32Array|null, n: number}} z [n, D], y [n, K] */
export function askedOf(model, atlas) {
  const n = chosen().seeds, point = chosen().point || FIRST, D = model.latent_dim, z = new Float32Array(n * D), seed = +(/^seed:(\d+)$/.exec(point)?.[1] ?? 0);
  z.set(place(model, atlas, point));
  for (let k = 1; k < n; k++) z.set(latent((seed + k) % 2 ** 32, D), k * D);
  return { model, z, y: conditionsTold(model, labelAt(model, atlas), n), n };
}
