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
  const [context, image] = sized(canvas, height, width), words = new Uint32Array(image.data.buffer), green = channels === 3 ? 1 : 0, blue = 2 * green;
  for (let i = 0, at = 0; i < words.length; i++, at += channels) words[i] = 0xff000000 | bytes[at + blue] << 16 | bytes[at + green] << 8 | bytes[at]; // many are painted in one frame
  context.putImageData(image, 0, 0);
}

/** Mean absolute difference of the channels at every pixel; the scale ends at half of the way from black to white. @param {HTMLCanvasElement} canvas @param {Uint8Array} a @param {Uint8Array} b */
export function paintError(canvas, a, b, [channels, height, width]) {
  draw(canvas, height, width, (i) => {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += Math.abs(a[i * channels + c] - b[i * channels + c]);
    return colourOf(sum / channels / 127.5);
  });
}

/** A canvas of this size, and an empty picture for it. @returns {[CanvasRenderingContext2D, ImageData]} */
function sized(canvas, height, width) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height }); // which also empties it
  const context = canvas.getContext("2d");
  return [context, context.createImageData(width, height)];
}

function draw(canvas, height, width, at) {
  const [context, image] = sized(canvas, height, width);
  for (let i = 0; i < height * width; i++) image.data.set([...at(i), 255], 4 * i);
  context.putImageData(image, 0, 0);
}

/** What the colours of an error map mean. @returns {HTMLElement} */
export const errorScale = () => make("span", { class: "lp-errorscale" }, "the same", make("i", { "aria-hidden": "true", style: `background: linear-gradient(90deg, ${CIVIDIS.map((colour) => `rgb(${colour})`).join(", ")})` }), "half of black to white or more");
