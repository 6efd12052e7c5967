// What a conditional model is told of the picture that it works on: what the classifier sees in it, nothing, or what a person says.

import { className, classifierNamed, liveUrl } from "./catalogue.js";
import { make, setOptions } from "./dom.js";
import { fetched } from "./roads.js";
import { choose, chosen } from "./store.js";

const kinds = (model) => classifierNamed(model.classifier)?.kind ?? "classes";
let last = { key: null, seen: null };

/** The classifier's probabilities for one picture; the last ones are kept. Several wait for them, so none ends the request. @returns {Promise<Float32Array|null>} */
async function seenIn(model, pixels) {
  if (!model.classifier) return null;
  if (last.key !== pixels) last = { key: pixels, seen: fetched(liveUrl(`classify/${encodeURIComponent(model.classifier)}?n=1`), { method: "POST", body: pixels }).then(async (answer) => new Float32Array(await answer.arrayBuffer())) };
  const mine = last;
  try {
    return await mine.seen;
  } catch (error) {
    if (last === mine) last = { key: null, seen: null };
    throw error;
  }
}

/**
 * Conditions for a picture, by the `label` of the address: "" what the classifier sees, "none" nothing, else a class, or an attribute that it shall have with all others as they are seen.
 * @param {import("./catalogue.js").Model} model @param {Uint8Array|null} pixels [H, W, C]; null where the picture is not to be looked at: "" is then nothing @param {AbortSignal} [signal]
 * @returns {Promise<{y: Float32Array|null, words: string}>} y [K]
 */
export async function toldOf(model, pixels, signal) {
  const K = model.conditions.length, { label } = chosen(), y = K ? new Float32Array(K) : null, named = label !== "" && label !== "none" && +label < K;
  if (!K) return { y, words: "" };
  if (label === "none" || (!pixels && !named)) return { y, words: "The model is told nothing about it." };
  if (named && (!pixels || kinds(model) === "classes")) {
    y[+label] = 1;
    return { y, words: `The model is told: ${model.conditions[+label]}.` };
  }
  const seen = await seenIn(model, pixels);
  signal?.throwIfAborted();
  if (!seen) return { y, words: "There is no classifier for these data, so the model is told nothing." };
  if (kinds(model) === "classes") {
    const best = seen.indexOf(Math.max(...seen));
    y[best] = 1;
    return { y, words: `The model is told what the classifier sees: ${className(model, best)}.` };
  }
  const names = classifierNamed(model.classifier).classes;
  model.conditions.forEach((name, k) => { const at = names.indexOf(name); y[k] = at < 0 ? 0 : seen[at] > 0.5 ? 1 : -1; });
  if (named) y[+label] = 1;
  const has = model.conditions.filter((_, k) => y[k] > 0);
  return { y, words: `The model is told ${named ? `${model.conditions[+label]}, and beside it ` : ""}what the classifier sees: ${has.filter((name) => !named || name !== model.conditions[+label]).join(", ") || "none of its attributes"}.` };
}

/** The same conditions for n rows. @param {Float32Array|null} y @param {number} n @returns {Float32Array|null} [n, K] */
export function repeated(y, n) {
  if (!y) return null;
  const out = new Float32Array(n * y.length);
  for (let k = 0; k < n; k++) out.set(y, k * y.length);
  return out;
}

/** A menu of what the model is told; unseen: nobody looks at the picture, so that nothing is told unless a person says it. @returns {{element: HTMLElement, show: (model: import("./catalogue.js").Model) => void}} hidden for a model that is told nothing */
export function createTold({ unseen = false } = {}) {
  const select = make("select", { "aria-label": "What the model is told", "data-testid": "noise-told", onchange: () => choose({ label: select.value }, false) });
  const element = make("label", { class: "lp-noisefield lp-toldmenu" }, "Told", select);

  function show(model) {
    element.hidden = !model.conditions.length;
    const more = kinds(model) === "classes" ? "" : "+ ";
    setOptions(select, [["", unseen ? "nothing" : "what is seen in it"], ...(unseen ? [] : [["none", "nothing"]]), ...model.conditions.map((name, k) => [String(k), more + name])], +chosen().label >= model.conditions.length || (unseen && chosen().label === "none") ? "" : chosen().label);
  }
  return { element, show };
}
