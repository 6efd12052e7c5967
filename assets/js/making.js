// The card that says how a model makes its pictures: truncation of a GAN or a flow; steps, sampler and guidance of a model of many steps.

import { make, say, setOptions } from "./dom.js";
import { choose, chosen } from "./store.js";

const NO_SCALE = "A model that grows a picture out of noise expects noise of full strength: scaled noise is not what it has learned from.";
const NOTHING_TOLD = "This model is told no class, so there is nothing that guidance could make more of.";

/** @param {HTMLElement} card hidden for a model that leaves no choice @param {{onScale: (factor: number) => void}} hooks called while the first slider moves */
export function createMaking(card, { onScale }) {
  const truncation = slider("truncation", { min: 0.1, max: 1.5, step: 0.01 }, onScale, (value) => choose({ truncation: value }));
  const steps = slider("steps", { min: 1, max: 100, step: 1 }, null, (value) => choose({ steps: value === model.steps.default ? "" : value }, false));
  const guidance = slider("guidance", { min: 0, max: 8, step: 0.1 }, null, (value) => choose({ guidance: value === model.steps.guidance ? "" : value }, false));
  const select = make("select", { "data-testid": "sampler", onchange: () => choose({ sampler: select.value === model.steps.samplers[0] ? "" : select.value }, false) });
  const sampler = row("sampler", select, make("output"));
  const element = make("div", { class: "lp-making" }, ...[steps, sampler, guidance, truncation].map((one) => one.element));
  let model = null;

  /** @param {import("./catalogue.js").Model} next */
  function show(next) {
    model = next;
    const choice = chosen(), many = model.steps;
    card.hidden = !many && !model.scaled;
    if (card.hidden) return;
    truncation.show(model.scaled ?? "Truncation", model.scaled ? choice.truncation : 1, 2, model.scaled ? "" : NO_SCALE,
      "Every latent is multiplied with it: below 1 the pictures are more usual, above 1 more unusual");
    steps.show("Steps", choice.steps || many?.default || 1, 0, many ? "" : model.abilities.path, "From noise to picture: more are finer, and slower");
    sampler.element.hidden = guidance.element.hidden = !many;
    if (!many) return;
    setOptions(select, many.samplers.map((name) => [name, name]), choice.sampler || many.samplers[0]);
    sampler.say("Sampler", "", "The rule that leads from one step to the next");
    guidance.show("Guidance", choice.guidance === "" ? many.guidance ?? 1 : choice.guidance, 1, many.guidance === null ? NOTHING_TOLD : "",
      "How far beyond its own answer the model follows the class it is told; 1 is the plain answer");
  }

  return { element, show };
}

/** A line of the card: a name, a control, what it says. Greyed out it says why when it is pressed. */
export function row(key, control, output) {
  const name = make("span");
  let reason = "";
  const element = make("label", { class: `lp-${key}`, onclick: () => reason && say(reason) }, name, control, output);
  return { element, say(title, why, help) {
    reason = why;
    name.textContent = title;
    control.setAttribute("aria-label", title);
    element.title = why || help;
    element.classList.toggle("off", !!why);
  } };
}

/** A line with a slider. @param {string} testId */
export function slider(testId, range, onMove, onRelease) {
  const output = make("output", { "aria-live": "off" });
  let digits = 0;
  const input = make("input", { type: "range", ...range, "data-testid": testId,
    oninput: () => { output.textContent = (+input.value).toFixed(digits); onMove?.(+input.value); }, onchange: () => onRelease(+input.value) });
  const line = row(testId, input, output);
  return { element: line.element, show(title, value, places, why, help) {
    digits = places;
    input.value = value;
    output.textContent = why ? "–" : (+value).toFixed(places);
    input.disabled = !!why;
    line.say(title, why, help);
  } };
}
