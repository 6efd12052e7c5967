// The mosaic behind the codes: the plane's latents decoded on a grid; row by row, or from coarse to fine where a picture takes many steps.

import { make } from "./dom.js";
import { fill, fillInk, shapeOf } from "./paint.js";
import { moved } from "./plane.js";
import { decodeBehind } from "./roads.js";

const INK = { light: 30, dark: 235 }; // grey level of a stroke
const SLOW = { count: 12, strides: [4, 2, 1], together: 12 }; // tiles to a side, passes, and how many tiles are asked for at a time

/** Tiles to a side. @param {number} size of the map, in CSS pixels */
const countFor = (model, size) => (model.steps ? SLOW.count : size < 450 ? 14 : 20);

/**
 * Decode and draw. Returns the tiles that are filled as it goes: of each place on the grid, row by row from the top, the nearest picture there is so far.
 * @param {HTMLCanvasElement} canvas square
 * @param {{model: Object, plane: Object, z: Float32Array, y: Float32Array|null, how: import("./how.js").How, strong: boolean, size: number}} view
 * size in CSS pixels; strong where no codes lie on top @param {AbortSignal} signal ends it
 * @returns {{tiles: (Float32Array|undefined)[], count: number, done: Promise<void>}}
 */
export function drawMosaic(canvas, view, signal) {
  const count = countFor(view.model, view.size), tiles = new Array(count * count);
  return { tiles, count, done: drawAll(canvas, view, tiles, count, signal) };
}

async function drawAll(canvas, { model, plane, z, y, how, strong, size }, tiles, count, signal) {
  const shape = shapeOf(model.image_shape), colour = shape.channels === 3, numbers = shape.channels * shape.height * shape.width;
  const side = Math.round(size * Math.min(2, devicePixelRatio || 1)), edge = side / count, context = canvas.getContext("2d");
  if (canvas.width !== side) canvas.width = canvas.height = side;
  const one = make("canvas", { width: shape.width, height: shape.height }), small = one.getContext("2d");
  const image = small.createImageData(shape.width, shape.height), ink = document.body.classList.contains("dark") ? INK.dark : INK.light;
  context.globalAlpha = colour && !strong ? 0.7 : 1;
  const exact = new Set();

  function draw({ column, row, span }) {
    const pixels = tiles[row * count + column], [left, top] = span > 1 ? [column - 1, row - 1] : [column, row];
    for (let k = 0; k < span * span; k++) {
      const cell = (top + Math.floor(k / span)) * count + left + (k % span);
      if (!exact.has(cell)) tiles[cell] = pixels;
    }
    if (colour) fill(image, pixels, shape);
    else fillInk(image, pixels, shape, 0, ink, strong ? 0.85 : 0.38);
    small.putImageData(image, 0, 0);
    context.clearRect(left * edge, top * edge, span * edge, span * edge);
    context.drawImage(one, left * edge, top * edge, span * edge, span * edge);
  }

  for (const chunk of model.steps ? coarseToFine(count) : rows(count)) {
    const fresh = chunk.filter(({ column, row }) => !exact.has(row * count + column));
    if (fresh.length) {
      const pixels = await decodeBehind(model, ...latentsAt(plane, z, y, fresh, count), fresh.length, how, signal);
      if (signal.aborted) return;
      fresh.forEach(({ column, row }, k) => {
        tiles[row * count + column] = pixels.subarray(k * numbers, (k + 1) * numbers);
        exact.add(row * count + column);
      });
    }
    chunk.forEach(draw);
    canvas.classList.remove("stale");
  }
}

/** The grid in the order in which it is decoded: {column, row, span}, span being how many places one picture stands for. */
const rows = (count) => Array.from({ length: count }, (_, row) => Array.from({ length: count }, (_, column) => ({ column, row, span: 1 })));

function coarseToFine(count) {
  const chunks = [];
  for (const span of SLOW.strides) {
    const places = Array.from({ length: count / span }, (_, k) => k * span + (span > 1 ? 1 : 0)); // those of a pass are also in the next one
    const pass = places.flatMap((row) => places.map((column) => ({ column, row, span })));
    for (let at = 0; at < pass.length; at += SLOW.together) chunks.push(pass.slice(at, at + SLOW.together));
  }
  return chunks;
}

/** The latents and conditions of some places of the grid. */
function latentsAt(plane, z, y, places, count) {
  const codes = new Float32Array(places.length * z.length), told = y && new Float32Array(places.length * y.length);
  const share = (k) => (k + 0.5) / count * 2 - 1;
  places.forEach(({ column, row }, k) => {
    codes.set(moved(plane, z, share(column) * plane.reach, -share(row) * plane.reach), k * z.length);
    told?.set(y, k * y.length);
  });
  return [codes, told];
}
