// The training pictures that are nearest to one's own, where they lie on the computer that serves the page.

import { liveUrl } from "./catalogue.js";
import { make, refill } from "./dom.js";
import { paintBytes } from "./errormap.js";
import { fetched } from "./roads.js";

/** @returns {{element: HTMLElement, show: (model: import("./catalogue.js").Model, pixels: Uint8Array) => void}} pixels [H, W, C] as the model takes them */
export function createNeighbours() {
  const row = make("div", { class: "lp-near" }), says = make("p", { class: "lp-gaugekey", role: "status" });
  const element = make("section", { class: "lp-card lp-neighbours", "data-testid": "neighbours", hidden: true }, make("h2", {}, "Nearest training pictures"), row, says);
  let asking = null;

  async function show(model, pixels) {
    asking?.abort();
    const mine = asking = new AbortController();
    element.setAttribute("aria-busy", "true");
    if (!row.children.length) says.textContent = "Looking through the training pictures …";
    element.hidden = false;
    try {
      const { pictures = [], among, why } = await (await fetched(liveUrl(`neighbours/${encodeURIComponent(model.name)}`), { method: "POST", body: pixels, signal: mine.signal })).json();
      if (mine.signal.aborted) return;
      refill(row, pictures.map((one) => figureOf(model, one)));
      says.textContent = why ?? `By their pixels, of ${among.toLocaleString("en")} that the models were trained on. A person is not looked for: what is alike is light, pose and place.`;
    } catch (error) {
      if (!mine.signal.aborted) says.textContent = error.message;
    } finally {
      if (asking === mine) element.setAttribute("aria-busy", "false");
    }
  }
  return { element, show };
}

function figureOf(model, { row, apart, names, picture }) {
  const canvas = make("canvas", { role: "img", "aria-label": `Training picture ${row}: ${names.join(", ")}` });
  paintBytes(canvas, Uint8Array.from(atob(picture), (letter) => letter.charCodeAt(0)), model.image_shape);
  return make("figure", { class: "lp-neighbour", "data-key": row, title: `${names.join(", ")} · differs by ${apart.toFixed(3)} (root mean square)` }, canvas,
    make("figcaption", {}, names.length > 2 ? `${names.slice(0, 2).join(", ")} …` : names.join(", ")));
}
