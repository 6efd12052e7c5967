// The bar above the map: which plane, which layers, and a second model beside the first.

import { hasPrior, isAlike, isRound, shortTitle, usable } from "./catalogue.js";
import { make, say, setOptions } from "./dom.js";
import { LAYERS, choose, chosen } from "./store.js";

const HELP = { m: "Decoded pictures all over the map", c: "Codes of test pictures, coloured by class", s: "The posterior of some test pictures: an ellipse of two sigmas" };
const SAMPLES = "Samples of the model, coloured by what the classifier sees in them or by what the model was told";

export function createBar() {
  const picker = (label, testId, onPick) => {
    const select = make("select", { "aria-label": label, "data-testid": testId, onchange: () => onPick(select.value) });
    return select;
  };
  const planes = picker("Plane of the map", "plane", (value) => choose({ plane: value === "dims" ? "dims:0,1" : value === "pins" ? `pins:${ownLetters().slice(0, 3).join("")}` : value }));
  const parts = Array.from({ length: 3 }, (_, place) => picker(["Across", "Upwards", "Third pin"][place], `plane-${place}`, (value) => choose({ plane: withPart(chosen().plane, place, value) })));
  const compare = picker("Second model", "second-model", (value) => choose({ second: value }));
  const share = picker("What both hands share", "hand", (value) => choose({ hand: value }, false));
  share.title = "Both hands at the same place, in sigmas of each map; or the second at its own code of the test picture nearest to the first";
  let reasons = {};
  const toggles = Object.entries(LAYERS).map(([letter, text]) => make("button", { class: "lp-toggle", "data-layer": letter, onclick: () => {
    if (reasons[letter]) return say(reasons[letter]);
    choose({ layers: Object.keys(LAYERS).filter((one) => chosen().layers.includes(one) !== (one === letter)).join("") }, false);
  } }, text));
  const element = make("div", { class: "lp-bar" }, make("label", { class: "lp-planes" }, "Map ", planes), make("span", { class: "lp-parts" }, ...parts),
    make("div", { class: "lp-layers", role: "group", "aria-label": "What the map shows" }, ...toggles), make("span", { class: "lp-end lp-beside" }, make("label", { class: "lp-compare" }, "Beside it ", compare), make("span", { class: "lp-share" }, share)));
  const ownLetters = () => chosen().pins.filter((kept) => kept.model === chosen().model).map((kept) => kept.letter);

  /** @param {import("./catalogue.js").Model} model @param {import("./catalogue.js").Model|undefined} other */
  function show(model, other, atlas, beside) {
    const { plane, layers, hand } = chosen(), [kind, rest = ""] = plane.split(":"), letters = ownLetters(), D = model.latent_dim, round = isRound(model);
    const options = [["axes", D <= 2 ? "The latent plane" : round ? "Half of the sphere" : "Two strongest axes"]];
    if (D > 2 && !round) options.push(["dims", "Two dimensions"]);
    if (D > 2 && (letters.length >= 3 || kind === "pins")) options.push(["pins", "Through three pins"]);
    setOptions(planes, options, kind);
    planes.disabled = options.length < 2;
    planes.title = D <= 2 ? "A model with two latents has one plane." : !round ? "Three pins of this model span a map, too."
      : `Noise of ${D} numbers lies on a thin sphere; this map is the half of it around the present point. Three pins span another.`;
    const values = kind === "dims" ? rest.split(",") : kind === "pins" ? [...rest] : [];
    const known = kind === "dims" ? Array.from({ length: D }, (_, k) => [String(k), `z${k}`]) : letters.map((letter) => [letter, letter]);
    parts.forEach((select, place) => {
      select.hidden = place >= values.length;
      if (!select.hidden) setOptions(select, known, values[place]);
    });
    reasons = { c: !atlas ? "This model has no atlas of codes." : round ? `Seen from any point of the sphere, the others lie at right angles: in ${D} dimensions all codes would sit in the middle of the map.` : "",
      s: atlas?.std ? "" : model.abilities.posterior === true ? "The atlas of this model says nothing of its posteriors." : model.abilities.posterior };
    for (const toggle of toggles) {
      const { layer } = toggle.dataset;
      toggle.setAttribute("aria-pressed", String(layers.includes(layer) && !reasons[layer]));
      toggle.setAttribute("aria-disabled", String(!!reasons[layer]));
      toggle.title = reasons[layer] || (layer === "c" && atlas.seeded ? SAMPLES : HELP[layer]);
    }
    setOptions(compare, [["", "no other model"], ...usable().filter((one) => one !== model && isAlike(one, model) && hasPrior(one)).map((one) => [one.name, shortTitle(one)])], other?.name ?? "");
    setOptions(share, [["place", "same place"], ["picture", "same picture"]], hand);
    share.hidden = !other;
    share.disabled = !!other && !(canShare(atlas) && canShare(beside));
    if (share.disabled) share.value = "place";
  }

  return { element, show };
}

/** Whether the codes of an atlas are those of test pictures, which another model's atlas has, too. */
export const canShare = (atlas) => !!atlas && !atlas.seeded;

/** A plane's text with one part changed; where another part had that value the two change places. */
function withPart(plane, place, value) {
  const [kind, rest] = plane.split(":"), parts = kind === "dims" ? rest.split(",") : [...rest], twin = parts.indexOf(value);
  if (twin >= 0) parts[twin] = parts[place];
  parts[place] = value;
  return `${kind}:${parts.join(kind === "dims" ? "," : "")}`;
}
