// One's own picture as the models get it, for each kind of data: kept in this browser's tab alone, and in no address.

import { modelNamed } from "./catalogue.js";
import { chosen, onChange } from "./store.js";

/**
 * @typedef {{pixels: Uint8Array, shape: number[], what: "drawing"|"picture"|"sample"|"link", sentences: string[]}} Own pixels [H, W, C], shape [C, H, W]; sentences say what was done to it
 */
const KEY = "latent-playground-own";
/** What is remembered, by its name; pictures by "picture:" and the name of their data. @type {Object<string, any>} */
let kept = read();

function read() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) ?? {};
  } catch {
    return {}; // nothing there, or storage is forbidden: the page begins without a picture
  }
}

/** Remember something of this page over a refresh, or with null forget it. @param {string} name @param {any} value what JSON can say */
export function remember(name, value) {
  kept = { ...kept, [name]: value };
  if (value === null) delete kept[name];
  try {
    if (Object.keys(kept).length) sessionStorage.setItem(KEY, JSON.stringify(kept));
    else sessionStorage.removeItem(KEY);
  } catch { /* storage is full or forbidden: the picture then lives until the page is left */ }
}
/** @param {string} name */
export const remembered = (name) => kept[name] ?? null;

const dataOf = () => modelNamed(chosen().model)?.dataset ?? "";
const written = (bytes) => btoa(Array.from(bytes, (value) => String.fromCharCode(value)).join(""));
const readBytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/** The picture for models of the present one's data; null where there is none. @returns {Own|null} */
export function ownPicture() {
  const found = remembered(`picture:${dataOf()}`);
  return found && { ...found, pixels: readBytes(found.pixels) };
}

/** The window hears of it as "latent-own", with the picture, or with null. @param {Own|null} own */
export function setOwnPicture(own) {
  remember(`picture:${dataOf()}`, own && { ...own, pixels: written(own.pixels) });
  tell();
}

/** All of it, of all data. */
export function forgetAll() {
  for (const name of Object.keys(kept)) remember(name, null);
  tell();
}

const tell = () => window.dispatchEvent(new CustomEvent("latent-own", { detail: ownPicture() }));

let data = "";
onChange(() => {
  if (dataOf() === data) return;
  data = dataOf();
  tell();
});
