// How odd a picture is to a model: error, distance of the code and anomaly score beside those of test pictures, with the threshold that 5 % of these exceed.

import { make } from "./dom.js";

const ROWS = [["score", "Anomaly score", "Distance of the code and error of the reconstruction together, each in what is usual; about 1 for a usual picture"],
  ["error", "Error", "Mean squared error of the reconstruction"], ["distance", "Distance of the code", "Mahalanobis distance from the middle of the test pictures' codes, in sigmas"]];

const RARE = 0.95; // of random latents are shorter than what is marked

/** "more than 83 % of test pictures have", without a false 0 or 100. @param {number} share */
export const shareText = (share) => (share >= 1 ? "all" : share <= 0 ? "none" : share > 0.99 ? "more than 99 %" : share < 0.01 ? "fewer than 1 %" : `${Math.round(100 * share)} %`);

/** How far out the code lies, in one sentence. @param {import("./inverting.js").Reading["typical"]} typical */
export function farText({ distance, score }) {
  const far = distance.exceeds >= 1 ? "Its code lies farther out than that of any test picture." : distance.exceeds < 0.01 ? "Its code lies in the middle of the test pictures’, nearer than nearly all of these."
    : `Its code lies farther out than ${shareText(distance.exceeds)} of test pictures’.`;
  return `${far} ${score.value > score.threshold ? "The model has seen nothing like it: it is odd by the score that only 5 % of test pictures exceed." : "By its anomaly score it could be a test picture."}`;
}

/** The same of a code that was searched for: an encoder's codes are drawn towards the middle, so it is compared with what the prior draws. @param {import("./inverting.js").Reading["length"]} length */
export function lengthText({ value, usual, exceeds }) {
  const [long, half] = [value.toFixed(1), usual.toFixed(1)];
  if (exceeds > 0.99) return `Its code is longer (${long}) than nearly all random latents (${half} is usual): it lies where the model has hardly been taught, and a walk from it may leave what it knows.`;
  return `Its code is ${long} long, and ${shareText(exceeds)} of random latents are shorter (${half} is usual): it lies where the model was taught.`;
}

/** @param {import("./inverting.js").Reading["typical"]} typical @returns {HTMLElement} */
export function createAnomaly(typical) {
  const odd = typical.score.value > typical.score.threshold;
  return make("div", { class: `lp-anomaly${odd ? " odd" : ""}`, "data-odd": String(odd) }, ...ROWS.map(([key, name, title]) => gaugeOf(name, title, typical[key], typical.among)),
    make("p", { class: "lp-gaugekey" }, "The bar is the share of test pictures with less; the mark stands at 95 %."));
}

/** The same of a code that was searched for: it has no score, for that compares with the codes of an encoder; its length is compared with that of random latents. @param {import("./inverting.js").Reading} reading @returns {HTMLElement} */
export function createSearched({ typical, length }) {
  const [, [, name, title]] = ROWS, bar = make("i", { class: length.exceeds > RARE ? "over" : "" });
  bar.style.setProperty("--share", length.exceeds);
  return make("div", { class: "lp-anomaly", "data-odd": "false" }, typical && gaugeOf(name, title, typical.error, typical.among),
    gauge("Length of the code", `Its distance from the middle of the prior; ${length.usual.toPrecision(3)} is usual for a random latent.`, length.value, `longer than ${shareText(length.exceeds)} of random latents`, bar),
    make("p", { class: "lp-gaugekey" }, "The bars are the share of test pictures with less error, and of random latents that are shorter; the mark stands at 95 %."));
}

function gaugeOf(name, title, { value, exceeds, threshold }, among) {
  const bar = make("i", { class: value > threshold ? "over" : "" });
  bar.style.setProperty("--share", exceeds);
  return gauge(name, `${title}. 5 % of ${among.toLocaleString("en")} test pictures exceed ${threshold.toPrecision(3)}.`, value, `more than ${shareText(exceeds)} of test pictures`, bar);
}

const gauge = (name, title, value, said, bar) => make("div", { class: "lp-gauge", title }, make("span", {}, name), make("b", {}, value.toPrecision(3)),
  make("span", { class: "lp-gaugebar", role: "img", "aria-label": `${name} ${value.toPrecision(3)}, ${said}` }, bar));
