// From a drawing or an opened picture to the small picture that models get, with a sentence for all that was done on the way.

import { cut } from "./cut.js";
import { PAD } from "./draw.js";
import { formed, onBlack } from "./inked.js";

const PALE = "Nothing can be told from the paper here: move the square, or take a picture with more contrast.";

/** @typedef {{pixels: Uint8Array, sentences: string[]}} Shaped pixels [H, W, C] */

/** Whether a model's pictures can be made of one's own: squares, grey or in colour. @param {import("./catalogue.js").Model} model @returns {true|string} */
export const takesPictures = ({ image_shape: [channels, height, width], title }) => (height === width && [1, 3].includes(channels)
  ? true : `${title} takes pictures of ${height} × ${width} with ${channels} channels; only squares, grey or in colour, can be made of yours.`);

/** What the form of a data set is, in words. */
function inItsForm({ box, centre }, n) {
  return centre === "mass" ? `It was scaled into ${box} × ${box} pixels and put into the middle of ${n} × ${n} by its centre of mass, as MNIST does.`
    : `It was scaled until its longer side has ${box} pixels, and put into the middle of ${n} × ${n}, as this data set does.`;
}

/** @param {Float32Array} ink of the pad @param {import("./catalogue.js").Model} model @returns {Shaped|null} null for an empty pad */
export function ofDrawing(ink, { own, image_shape: [channels, n] }) {
  const grey = formed(ink, PAD, own, n);
  return grey && { pixels: coloured(grey, channels), sentences: [inItsForm(own, n)] };
}

/**
 * @param {import("./owninput.js").Source} source @param {import("./cut.js").Pixels} pixels of it @param {import("./cut.js").Square} square @param {import("./catalogue.js").Model} model
 * @param {{inverted: boolean|null, fitted: boolean}} wishes for drawn things: null lets the border say whether they are dark on light @returns {Shaped|{problem: string}}
 */
export function ofPicture(source, pixels, square, { own, image_shape: [channels, n] }, { inverted, fitted }) {
  if (own?.eyes) {
    const turned = Math.round((square.turn * 180) / Math.PI), apart = own.eyes[1][0] - own.eyes[0][0];
    const face = `The face was ${turned ? `turned by ${Math.abs(turned)}°, ` : ""}scaled until its eyes are ${apart} pixels apart, and cut out at ${n} × ${n}.`;
    return { pixels: cut(pixels, square, n, channels), sentences: [...source.done, face, ...greyed(channels)] };
  }
  if (!own?.drawn) return { pixels: cut(pixels, square, n, channels), sentences: [...source.done, cropped(source, square, n), ...greyed(channels)].filter(Boolean) };
  const side = fitted ? PAD : n, seen = onBlack(cut(pixels, square, side, 1), side, fitted && own.drawn === "strokes", inverted);
  if (seen.pale) return { problem: PALE };
  const turned = seen.inverted ? "It was inverted: these models know light on black." : "", part = cropped(source, square, n);
  if (!fitted) {
    const plain = cut(pixels, square, n, 1).map((value) => (seen.inverted ? 255 - value : value));
    return { pixels: coloured(plain, channels), sentences: [...source.done, turned, part || `It is taken as it is, ${n} × ${n}.`].filter(Boolean) };
  }
  const grey = formed(seen.ink, side, own, n);
  return grey ? { pixels: coloured(grey, channels), sentences: [...source.done, part, turned, inItsForm(own, n)].filter(Boolean) } : { problem: PALE };
}

const greyed = (channels) => (channels === 1 ? ["Its colours became grey."] : []);
/** Nothing where the square is the whole picture. */
const cropped = ({ width, height }, { side }, n) => (Math.min(width, height) - side > 0.5 || width !== height ? `A square of ${Math.round(side)} pixels was cut out for ${n} × ${n}.` : "");

/** Grey as often as there are channels. @param {Uint8Array} grey @param {number} channels */
const coloured = (grey, channels) => (channels === 1 ? grey : Uint8Array.from({ length: channels * grey.length }, (_, k) => grey[Math.floor(k / channels)]));
