// How a way from noise to picture is taken: sampler, steps, share of fresh noise and guidance, chosen, written into an address and read again.

import { make, setOptions } from "./dom.js";
import { row, slider } from "./making.js";
import { chosen } from "./store.js";
import { samplerName } from "./trackrows.js";

const NO_CHANCE = "Only DDIM leaves a choice here: DDPM draws all of its fresh noise, and the others none.";
const NOTHING_TOLD = "This model is told nothing, so there is nothing that guidance could make more of.";
const TAKES_ETA = "ddim", ALL_FRESH = "ddpm";

/** @typedef {import("./trajectory.js").Manner} Manner */

/** The address says what the person has chosen; the model's own fills the rest. @param {import("./catalogue.js").Model} model @returns {Manner} */
export const chosenManner = (model) => fitted(model, chosen());

/** @returns {Manner} */
function fitted({ steps: own }, { sampler, steps, eta, guidance }) {
  const taken = own.samplers.includes(sampler) ? sampler : own.samplers[0];
  return { sampler: taken, steps: +steps || own.default, eta: taken === TAKES_ETA ? +eta : 0, guidance: own.guidance === null ? null : guidance === "" ? own.guidance : +guidance };
}

/** A manner as the address keeps it under `versus`. @param {Manner} manner */
export const mannerText = ({ sampler, steps, eta, guidance }) => [sampler, steps, eta, guidance ?? ""].join(",");

/** @param {string} text of mannerText @returns {Manner} */
export function mannerOf(text, model) {
  const [sampler, steps, eta, guidance] = text.split(",");
  return fitted(model, { sampler, steps, eta, guidance });
}

/** Another way that is worth a look beside one: much chance where there was none, and none where there was. @param {Manner} manner @returns {Manner} */
export function contrary(model, manner) {
  const other = [ALL_FRESH, TAKES_ETA, ...model.steps.samplers].find((name) => name !== manner.sampler && model.steps.samplers.includes(name)) ?? manner.sampler;
  return other === manner.sampler ? { ...manner, steps: Math.max(1, Math.round(manner.steps / 2)) } : { ...manner, sampler: other, eta: 0 };
}

/** Four lines that choose a manner. @param {{name: string, onChange: (changes: Partial<Manner>) => void}} hooks name: before the test ids of a second set, "" for the first */
export function createManner({ name, onChange }) {
  const id = (key) => (name ? `${name}-${key}` : key);
  const steps = slider(id("steps"), { min: 1, max: 100, step: 1 }, null, (value) => onChange({ steps: value }));
  const eta = slider(id("eta"), { min: 0, max: 1, step: 0.05 }, null, (value) => onChange({ eta: value }));
  const guidance = slider(id("guidance"), { min: 0, max: 8, step: 0.1 }, null, (value) => onChange({ guidance: value }));
  const select = make("select", { "data-testid": id("sampler"), onchange: () => onChange({ sampler: select.value }) }), sampler = row(id("sampler"), select, make("output"));
  const element = make("div", { class: "lp-making lp-manner" }, ...[sampler, steps, eta, guidance].map((one) => one.element));

  /** @param {import("./catalogue.js").Model} model @param {Manner} manner */
  function show(model, manner) {
    setOptions(select, model.steps.samplers.map((one) => [one, samplerName(one)]), manner.sampler);
    sampler.say("Sampler", "", "The rule that leads from one step to the next");
    steps.show("Steps", manner.steps, 0, "", "From noise to picture: more are finer, and slower");
    eta.show("Fresh noise η", manner.eta, 2, manner.sampler === TAKES_ETA ? "" : NO_CHANCE, "How much new noise each step of DDIM adds: 0 none, 1 as much as DDPM");
    guidance.show("Guidance", manner.guidance ?? 1, 1, manner.guidance === null ? NOTHING_TOLD : "", "How far beyond its own answer the model follows what it is told; 1 is the plain answer");
  }
  return { element, show };
}
