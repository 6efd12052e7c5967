// The server's workshop, asked: the direction between marked codes, and how far pushes move every attribute, line by line.

import { liveUrl } from "./catalogue.js";
import { flat } from "./frames.js";
import { fetched } from "./roads.js";

/** Numbers of a base64 text, little-endian float32. @param {string} text @returns {Float32Array} */
const numbersOf = (text) => new Float32Array(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);

/**
 * The direction from some codes to others.
 * @param {import("./catalogue.js").Model} model @param {Float32Array[]} plus @param {Float32Array[]} minus @param {AbortSignal} [signal]
 * @returns {Promise<Omit<import("./owndirections.js").OwnDirection, "name"> & {doubt: string}>} doubt: why not to believe it, or ""
 */
export async function fitted(model, plus, minus, signal) {
  const query = new URLSearchParams({ plus: plus.length, minus: minus.length });
  const answer = await fetched(liveUrl(`directions/fit/${encodeURIComponent(model.name)}?${query}`), { method: "POST", body: flat([...plus, ...minus]), signal });
  const { step, accuracy, about, doubt } = await answer.json();
  return { step: numbersOf(step), source: "by hand", accuracy, plus: plus.length, minus: minus.length, about, doubt };
}

/** What was measured when the model was evaluated: {names, before, after, samples} with a matrix each, or nothing. @param {import("./catalogue.js").Model} model */
export const measuredLeakage = async (model) => (await fetched(liveUrl(`directions/leakage/${encodeURIComponent(model.name)}`))).json();

/**
 * How far pushes of one sigma move every attribute: first {attributes, pushes, samples}, then {push, moved, left} for each push.
 * @param {import("./catalogue.js").Model} model @param {{push: string[], keep: string[], own: {name: string, step: Float32Array}[]}} asked names as in points; own: those that the server does not know
 * @param {AbortSignal} signal ends the work for it, too @returns {AsyncGenerator<Object>}
 */
export async function* leaked(model, { push, keep, own }, signal) {
  const query = new URLSearchParams({ push: push.join(","), keep: keep.join(","), own: own.map(({ name }) => name).join(",") });
  const body = own.length ? flat(own.map(({ step }) => step)) : new Float32Array(0);
  const answer = await fetched(liveUrl(`directions/leakage/${encodeURIComponent(model.name)}?${query}`), { method: "POST", body, signal });
  const reader = answer.body.getReader(), decoder = new TextDecoder(), leave = () => reader.cancel().catch(() => {});
  signal.addEventListener("abort", leave, { once: true });
  let text = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done || signal.aborted) break;
      text += decoder.decode(value, { stream: true });
      const lines = text.split("\n");
      text = lines.pop();
      for (const line of lines.map((one) => JSON.parse(one))) {
        if (line.problem) throw new Error(line.problem);
        yield line;
      }
    }
  } finally {
    signal.removeEventListener("abort", leave);
    leave();
  }
}
