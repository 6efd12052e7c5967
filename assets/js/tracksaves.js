// What happens between noise and picture as something to take away: its rows as frames that a strip, a GIF or a WebP is made of.

import { shapeOf } from "./paint.js";
import { inWords } from "./trackrows.js";

const TITLES = { x: "The picture so far", x0: "Predicted picture", noise: "Predicted noise" };

/**
 * A row of pictures as takeaway.js takes it; of one picture it stands still.
 * @param {string} title @param {Uint8Array[]} pictures each [H, W, C] @param {number[]} imageShape [C, H, W] @param {string} how in words, under the title @returns {import("./walkrow.js").Row}
 */
export function rowOf(title, pictures, imageShape, how = "") {
  const n = pictures.length, shape = shapeOf(imageShape), { channels } = shape, area = shape.height * shape.width, size = channels * area, pixels = new Float32Array(n * size);
  pictures.forEach((bytes, k) => { for (let i = 0; i < size; i++) pixels[k * size + i % channels * area + Math.floor(i / channels)] = bytes[i] / 255; });
  return { title, shape, frames: { n, pixels, done: new Uint8Array(n).fill(1), count: n, how } };
}

/** Pictures number k of several steps, of which each brings n. @param {Uint8Array[]} steps each [n, H, W, C] @param {number} size of a picture */
export const picturesOf = (steps, k, size) => steps.map((all) => all.subarray(k * size, (k + 1) * size));

/** A scene that goes one way, in so many seconds. @param {import("./walkrow.js").Row[]} rows @param {string} name of the file @returns {import("./takeaway.js").Scene} */
export const oneWay = (rows, name) => ({ rows, name, seconds: SECONDS, goesBack: false });
const SECONDS = 4;

/** @param {import("./trajectory.js").Trajectory[]} tracks @param {number} row which of their pictures @returns {{rows: Object[], name: string}} as takeaway.js takes it */
export function sceneOf(tracks, row) {
  const moments = (track) => track.frames.map((_, k) => k);
  const rows = tracks.flatMap((track) => Object.entries(TITLES).map(([what, title]) => rowOf(title, moments(track).map((k) => track.picture(k, what, row)), track.model.image_shape, inWords(track.manner))));
  return { rows, name: `denoise-${tracks[0].model.name}` };
}
