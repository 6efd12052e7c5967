// Retrieval: the codes of the atlas that are nearest to a picture's code, by their numbers and by the bits of a semantic hash.

import { make } from "./dom.js";
import { thumbnail } from "./pins.js";
import { take } from "./taking.js";

/**
 * The nearest of a model's atlas, as the model draws them: test pictures themselves are in no checkpoint.
 * @param {import("./catalogue.js").Model} model @param {NonNullable<import("./inverting.js").Reading["near"]>} near @returns {HTMLElement}
 */
export function createRetrieval(model, near) {
  const of = `${near.among.toLocaleString("en")} ${near.drawn ? "random codes" : "test pictures’ codes"}`;
  const rows = [row(model, `Nearest of ${of}`, near.codes, ({ apart }) => apart.toFixed(2), "distance of the codes")];
  if (near.hashed) rows.push(row(model, `By ${near.bits.length} bits of a semantic hash`, near.hashed, ({ apart }) => `${apart} bit${apart === 1 ? "" : "s"}`, "bits that differ"), bitsOf(near.bits));
  return make("details", { class: "lp-retrieval" }, make("summary", {}, "Find alike ones"), ...rows, make("p", { class: "lp-gaugekey" }, near.drawn
    ? "Random codes of the model, as it draws them; press one to open it in Explore." : "Codes of test pictures, as the model draws them; press one to open it in Explore."));
}

function row(model, name, found, text, title) {
  return make("div", { class: "lp-found" }, make("span", {}, name), make("div", { class: "lp-near" }, ...found.map((one) => {
    const canvas = make("canvas", { width: model.image_shape[2], height: model.image_shape[1] }), point = `atlas:${one.row}`;
    thumbnail(canvas, { model: model.name, point, label: "" });
    return make("button", { class: "lp-tile", title: `${title}: ${text(one)}`, "aria-label": `Open ${point} in Explore, ${text(one)} away`, "data-row": one.row,
      onclick: () => take(model, { tab: "explore", point }) }, canvas, make("small", {}, text(one)));
  })));
}

/** The bits as light and dark squares. */
const bitsOf = (bits) => make("div", { class: "lp-bits", role: "img", "aria-label": `The bits of this picture: ${bits}` }, ...[...bits].map((bit) => make("i", { class: bit === "1" ? "on" : "" })));
