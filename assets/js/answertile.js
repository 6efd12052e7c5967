// A picture with its title, and how near it comes to another one.

import { make } from "./dom.js";
import { paintBytes } from "./errormap.js";
import { qualityText } from "./inverting.js";

/** @param {string} title @param {Uint8Array} picture [H, W, C] @param {number[]} shape [C, H, W] @param {import("./inverting.js").Quality|string} [says] its quality, or other words below the title */
export function answerTile(title, picture, shape, says = "") {
  const shown = make("canvas", { role: "img", "aria-label": title });
  paintBytes(shown, picture, shape);
  return make("figure", { class: "lp-answer" }, shown, make("figcaption", {}, make("b", {}, title), make("small", {}, typeof says === "string" ? says : qualityText(says))));
}
