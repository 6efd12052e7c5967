// What can be taken along from Explore: a link to the view, the picture, and the codes as numbers.

import { className } from "./catalogue.js";
import { copyText, make, say } from "./dom.js";
import { saveCodes, savePicture } from "./keep.js";
import { place, toldAt } from "./place.js";
import { coordinates, project } from "./plane.js";
import { chosen, link } from "./store.js";

const press = (text, title, onclick) => make("button", { class: "lp-button", title, onclick }, text);

/**
 * @param {HTMLCanvasElement} canvas the picture
 * @param {() => {model: Object, atlas: Object|null, plane: Object, z: Float32Array, text: string, told: string}} now what is shown
 * @returns {HTMLElement}
 */
export function createSaves(canvas, now) {
  return make("div", { class: "lp-row lp-save" }, press("Copy link", "This view as a link", () => copyLink()),
    press("Save picture", "A PNG with its link inside", () => savePicture(canvas, now().model, now().text)),
    press("Codes as CSV", "All codes of the map, the pins and this point", () => codes(now())));
}

/** The view, but for some changes, as a link on the clipboard; where there is none, in a sentence. @param {Partial<import("./store.js").Choice>} [changes] */
export async function copyLink(changes = {}) {
  const address = link(changes);
  if (await copyText(address)) say("The link is copied.");
  else say(`Copy it from here: ${address}`, "problem");
}

/** The codes of the atlas, of the pins and of the present point, with their places on the map. */
function codes({ model, atlas, plane, z, told }) {
  const rows = [];
  const called = (label) => (/^\d+$/.test(label) ? className(model, +label) : "");
  const add = (name, z, label) => rows.push({ name, label: called(label), position: coordinates(plane, z), z });
  add("here", z, told);
  for (const kept of chosen().pins.filter((one) => one.model === model.name)) {
    try {
      add(kept.letter, place(model, atlas, kept.point), toldAt(model, atlas, kept.point, kept.label));
    } catch (error) {
      say(`Pin ${kept.letter} was left out: ${error.message}`, "problem");
    }
  }
  saveCodes(model, atlas, atlas && project(plane, atlas), rows);
}
