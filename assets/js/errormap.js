// The error map: where a picture and what a model makes of it differ, on a scale that the colour-blind read as well.

import { make } from "./dom.js";

const CIVIDIS = [[0, 34, 78], [18, 53, 112], [59, 73, 108], [87, 93, 109], [112, 113, 115], [138, 134, 120], [165, 156, 116], [195, 179, 105], [225, 204, 85], [254, 232, 56]]; // Nunez et al. 2018

/** The colour of a share of the scale, 0..1, as [red, green, blue]. @param {number} share */
export function colourOf(share) {
  const at = Math.min(1, Math.max(0, share)) * (CIVIDIS.length - 1), k = Math.min(CIVIDIS.length - 2, Math.floor(at));
  return CIVIDIS[k].map((value, c) => Math.round(value + (at - k) * (CIVIDIS[k + 1][c] - value)));
}

/** A picture of bytes at its own size. @param {HTMLCanvasElement} canvas @param {Uint8Array} bytes [H, W, C] @param {number[]} imageShape [C, H, W] */
export function paintBytes(canvas, bytes, [channels, height, width]) {
  draw(canvas, height, width, (i) => [0, 1, 2].map((c) => bytes[i * channels + (channels === 3 ? c : 0)]));
}

/** Mean absolute difference of the channels at every pixel; the scale ends at half of the way from black to white. @param {HTMLCanvasElement} canvas @param {Uint8Array} a @param {Uint8Array} b */
export function paintError(canvas, a, b, [channels, height, width]) {
  draw(canvas, height, width, (i) => {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += Math.abs(a[i * channels + c] - b[i * channels + c]);
    return colourOf(sum / channels / 127.5);
  });
}

function draw(canvas, height, width, at) {
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d"), image = context.createImageData(width, height);
  for (let i = 0; i < height * width; i++) image.data.set([...at(i), 255], 4 * i);
  context.putImageData(image, 0, 0);
}

/** What the colours of an error map mean. @returns {HTMLElement} */
export const errorScale = () => make("span", { class: "lp-errorscale" }, "the same", make("i", { "aria-hidden": "true", style: `background: linear-gradient(90deg, ${CIVIDIS.map((colour) => `rgb(${colour})`).join(", ")})` }), "half of black to white or more");
