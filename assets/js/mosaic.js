// The mosaic behind the codes: the plane's latents decoded on a grid, drawn row by row.

import { make } from "./dom.js";
import { fill, fillInk, shapeOf } from "./paint.js";
import { moved } from "./plane.js";
import { decodeBehind } from "./roads.js";

const INK = { light: 30, dark: 235 }; // grey level of a stroke

/**
 * @param {HTMLCanvasElement} canvas square @param {{model: Object, plane: Object, z: Float32Array, y: Float32Array|null, strong: boolean, size: number}} view
 * size in CSS pixels; strong where no codes lie on top @param {() => boolean} overtaken asked after each row; true ends it
 */
export async function drawMosaic(canvas, { model, plane, z, y, strong, size }, overtaken) {
  const count = size < 450 ? 14 : 20, shape = shapeOf(model.image_shape), colour = shape.channels === 3;
  const side = Math.round(size * Math.min(2, devicePixelRatio || 1)), edge = side / count, context = canvas.getContext("2d");
  if (canvas.width !== side) canvas.width = canvas.height = side;
  const one = make("canvas", { width: shape.width, height: shape.height }), small = one.getContext("2d");
  const image = small.createImageData(shape.width, shape.height), ink = document.body.classList.contains("dark") ? INK.dark : INK.light;
  context.globalAlpha = colour && !strong ? 0.7 : 1;
  for (let row = 0; row < count; row++) {
    const pixels = await decodeBehind(model, ...gridRow(plane, z, y, row, count), count);
    if (overtaken()) return;
    context.clearRect(0, row * edge, side, edge);
    for (let k = 0; k < count; k++) {
      if (colour) fill(image, pixels, shape, k);
      else fillInk(image, pixels, shape, k, ink, strong ? 0.85 : 0.38);
      small.putImageData(image, 0, 0);
      context.drawImage(one, k * edge, row * edge, edge, edge);
    }
  }
}

/** The latents and conditions of one row of the grid. */
function gridRow(plane, z, y, row, count) {
  const codes = new Float32Array(count * z.length), told = y && new Float32Array(count * y.length);
  const up = (1 - (row + 0.5) / count * 2) * plane.reach;
  for (let k = 0; k < count; k++) {
    codes.set(moved(plane, z, ((k + 0.5) / count * 2 - 1) * plane.reach, up), k * z.length);
    told?.set(y, k * y.length);
  }
  return [codes, told];
}
