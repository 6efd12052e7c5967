// How a model makes its pictures, as chosen and as it can: truncation of one, steps, sampler and guidance of another.

import { chosen } from "./store.js";

/**
 * @typedef {Object} How
 * @property {number} scale what latents are multiplied with first @property {string} query for the server @property {number} steps 1 for a model of one step
 */
const QUICK = 8, SECOND_ORDER = ["dpm++", "heun", "midpoint"]; // a few steps of these resemble many

/** What the person has chosen, as far as the model can. @param {import("./catalogue.js").Model} model @returns {How} */
export function howFor(model) {
  const { truncation, steps, sampler } = chosen(), scale = model.scaled ? truncation : 1;
  if (!model.steps) return { scale, query: "", steps: 1 };
  const known = model.steps.samplers.includes(sampler) ? sampler : "";
  return { scale, steps: steps || model.steps.default, query: written({ steps, sampler: known, ...guided(model) }) };
}

/** A stand-in of few steps, quick to have; the same as howFor where one step is all. @returns {How} */
export function quickly(model) {
  const how = howFor(model);
  if (!model.steps) return how;
  const sampler = SECOND_ORDER.find((name) => model.steps.samplers.includes(name)) ?? "", steps = Math.min(QUICK, how.steps);
  return { ...how, steps, query: written({ steps, sampler, ...guided(model) }) };
}

const guided = (model) => (model.steps.guidance === null ? {} : { guidance: chosen().guidance });

const written = (values) => String(new URLSearchParams(Object.entries(values).filter(([, value]) => value !== "")));
