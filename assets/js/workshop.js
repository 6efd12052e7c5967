// The workshop of directions below the rows: made by hand, found without labels, how far they leak, and arithmetic on pictures.

import { modelNamed } from "./catalogue.js";
import { loadDirections, wordOf } from "./directions.js";
import { make, refill, say } from "./dom.js";
import { createArithmetic } from "./arithmetic.js";
import { createHandmade } from "./handmade.js";
import { createLeakmap } from "./leakmap.js";
import { broughtBy, ownDirections } from "./owndirections.js";
import { createOwnList } from "./ownlist.js";
import { ground, oneHot, toldAt } from "./place.js";
import { onceInSight } from "./samples.js";
import { standAt } from "./stops.js";
import { amend, chosen, onChange } from "./store.js";

const MEANT = ["learned", "classes", "measured"]; // sources of directions that are called after what a picture shows
const UNLABELLED = {
  principal: ["Principal axes", "The directions in which the codes, or what the decoder makes of them, vary most, found by principal component analysis. Nobody says what they mean: push them and look."],
  sefa: ["SeFa", "The directions to which the decoder's first layer answers most strongly: the singular vectors of its weights (Shen & Zhou 2021). No picture and no label is needed."],
};
const MINE = ["tab", "model", "models", "point", "label", "keep", "pins", "sum", "dir", "truncation", "steps", "sampler", "guidance"];

/**
 * @param {HTMLElement} element @param {{toRow: (name: string) => void}} api toRow turns to the row of a direction, by its name with underscores
 */
export function mountWorkshop(element, { toRow }) {
  const go = (name) => {
    toRow(wordOf(name));
    document.querySelector(`[data-direction="${CSS.escape(wordOf(name))}"]`)?.scrollIntoView({ block: "center", behavior: "smooth" });
  };
  const handmade = createHandmade(here), own = createOwnList(go), leakmap = createLeakmap(), arithmetic = createArithmetic();
  const found = make("section", { class: "lp-card lp-foundcard" });
  element.replaceChildren(make("h2", { class: "lp-workshoptitle" }, "Workshop"), handmade.element, make("div", { class: "lp-workshopside" }, own.element, found), leakmap.element, arithmetic.element);
  let shown = null, seen = false, turn = 0;
  onceInSight(element, () => { seen = true; update(); });
  onChange((_, changed) => { if (MINE.some((name) => changed.has(name))) update(); });
  window.addEventListener("latent-directions", update);
  update();

  /** Where the page stands without pushes: what a new direction is tried on. */
  async function here() {
    const { model: name, point, label } = chosen(), model = modelNamed(name), atlas = await ground(model, point), { text, z } = standAt(model, atlas, point);
    return { z, y: oneHot(model, [toldAt(model, atlas, text, label)]) };
  }

  /** What is chosen becomes what is shown, once the workshop has come into sight; what is computed for it ends when the page is left. */
  async function update() {
    const mine = ++turn, { tab, model: name, dir } = chosen(), model = modelNamed(name);
    if (tab !== "attributes") {
      for (const one of [handmade, leakmap, arithmetic]) one.stop();
      return;
    }
    if (dir && !broughtBy(model, dir)) {
      say("The direction in the link was made with other weights than those of this model; it was left out.", "problem");
      return amend({ dir: "" });
    }
    if (!seen) return;
    const known = await loadDirections(model);
    if (mine !== turn) return;
    if (model !== shown) {
      handmade.of(model);
      own.of(model);
    }
    shown = model;
    own.show();
    tellFound(known);
    const meant = known ? known.list.map(({ name, source }, k) => ({ name, source, step: known.steps[k], own: false })).filter(({ source }) => MEANT.includes(source)) : [];
    leakmap.of(model, [...meant, ...ownDirections(model).map(({ name, step }) => ({ name, step, own: true }))]);
    arithmetic.of(model);
  }

  /** What was found without labels, each kind with its sentence and its rows. */
  function tellFound(known) {
    const kinds = Object.entries(UNLABELLED).map(([kind, words]) => [words, (known?.list ?? []).filter(({ source }) => source === kind)]).filter(([, list]) => list.length);
    found.hidden = !kinds.length;
    refill(found, [make("h2", {}, "Found without labels"), ...kinds.flatMap(([[title, sentence], list]) => [make("h3", {}, title), make("p", { class: "lp-empty" }, sentence),
      make("div", { class: "lp-row" }, ...list.map(({ name }) => make("button", { class: "lp-button", "data-key": name, title: "To its row", onclick: () => go(name) }, name)))])]);
  }
}
