// Random points: from N(0, I), named by a seed alone, or from what was fitted to a model's codes; and their controls.

import { hasPrior } from "./catalogue.js";
import { prior } from "./considered.js";
import { make, say } from "./dom.js";
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

/**
 * A button, what it draws from, and a seed.
 * @param {() => Partial<import("./store.js").Choice>} [more] what is chosen with a point
 * @returns {{element: HTMLElement, draw: () => Promise<void>, show: (model: import("./catalogue.js").Model, text: string, word?: string) => void}}
 */
export function createRandom(more = () => ({})) {
  const button = make("button", { class: "lp-button", onclick: draw }, "Random");
  const options = Object.entries(KINDS).map(([value, text]) => make("option", { value }, text));
  const kinds = make("select", { "aria-label": "What random points are drawn from", "data-testid": "random",
    onchange: () => choose({ random: kinds.value }, false) }, ...options);
  const seed = make("input", { type: "number", min: 0, max: 2 ** 32 - 1, step: 1, class: "lp-seed", placeholder: "seed",
    "aria-label": "Seed", title: "The same seed gives the same point", onchange: () => toSeed(seed.value) });
  let model = null;

  /** Go to a random point; where those mean nothing, say why. */
  async function draw() {
    const asked = model;
    if (asked && !hasPrior(asked)) return say(asked.abilities.random);
    try {
      const point = asked && await randomPoint(asked);
      if (point && asked.name === chosen().model) choose({ point, ...more() });
    } catch (error) {
      say(error.message, "problem");
    }
  }

  function toSeed(text) {
    if (/^\d{1,10}$/.test(text) && +text < 2 ** 32) choose({ point: `seed:${+text}`, ...more() });
    else say("A seed is a whole number from 0 to 4294967295.", "problem");
  }

  /** @param {import("./catalogue.js").Model} shown @param {string} text of the present point @param {string} [word] on the button */
  function show(shown, text, word = "Random") {
    model = shown;
    const can = hasPrior(model);
    button.textContent = word;
    for (const option of options) option.disabled = !model.samplers.includes(option.value);
    button.setAttribute("aria-disabled", String(!can));
    button.title = can ? "A new random point (R)" : model.abilities.random;
    seed.disabled = !can;
    seed.value = /^seed:(\d+)$/.exec(text)?.[1] ?? "";
    kinds.disabled = model.samplers.length < 2 || !can;
    kinds.title = !can ? model.abilities.random : kinds.disabled ? WHY
      : "N(0, I), or a cloud that was fitted to the codes of training pictures";
    kinds.value = kindFor(model);
  }

  const element = make("div", { class: "lp-row lp-randomrow" }, button, make("span", { class: "lp-kinds" }, kinds), seed);
  return { element, draw, show };
}
