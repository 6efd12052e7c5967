// A way from noise to picture as something to take away: its rows as frames that a strip, a GIF or a WebP is made of.

import { shapeOf } from "./paint.js";
import { inWords } from "./trackrows.js";

const TITLES = { x: "The picture so far", x0: "Predicted picture", noise: "Predicted noise" };

/** Bytes [H, W, C] of all frames as pixels [n, C, H, W] in [0, 1]. */
function framesOf(track, what, row, how) {
  const n = track.frames.length, { channels, height, width } = shapeOf(track.model.image_shape), pixels = new Float32Array(n * track.size), area = height * width;
  for (let k = 0; k < n; k++) {
    const bytes = track.picture(k, what, row);
    for (let i = 0; i < bytes.length; i++) pixels[k * track.size + i % channels * area + Math.floor(i / channels)] = bytes[i] / 255;
  }
  return { n, pixels, done: new Uint8Array(n).fill(1), count: n, how };
}

/** @param {import("./trajectory.js").Trajectory[]} tracks @param {number} row which of their pictures @returns {{rows: Object[], name: string}} as takeaway.js takes it */
export function sceneOf(tracks, row) {
  const rows = tracks.flatMap((track) => Object.entries(TITLES).map(([what, title]) => ({ title, shape: shapeOf(track.model.image_shape), frames: framesOf(track, what, row, inWords(track.manner)) })));
  return { rows, name: `denoise-${tracks[0].model.name}` };
}
