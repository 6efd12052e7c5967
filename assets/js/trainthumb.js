// The thumbnail of a run: four pictures that its model makes now, from fixed latents.

import { make } from "./dom.js";
import { onceInSight } from "./samples.js";
import { chosen } from "./store.js";

const NEVER = 1e9, PAUSE = 1500; // no event has this number; milliseconds between two looks at a run that goes on
let turn = Promise.resolve(); // one after the other, so that a long list does not stand in the way of a hand

/** @param {ReturnType<import("./trainroad.js").createRoad>} road @param {string} name @returns {{element: HTMLCanvasElement, show: (row: import("./trainroad.js").Row) => void}} */
export function createThumb(road, name) {
  const element = make("canvas", { class: "lp-trainthumb", width: 2, height: 2, "aria-hidden": "true" });
  let shown = -1, seen = 0, inSight = false, looking = false, row = null;

  /** @param {import("./trainroad.js").Row} next */
  function show(next) {
    row = next;
    if (!inSight || looking || row.frames === seen || !element.isConnected || chosen().tab !== "train") return; // a run that was deleted is in no list
    looking = true;
    turn = turn.then(look).finally(() => setTimeout(() => { looking = false; show(row); }, PAUSE));
  }

  async function look() {
    const { frames } = row;
    try {
      const { frames: steps } = await road.news(name, NEVER, shown), newest = steps.at(-1);
      seen = frames;
      if (newest === undefined) return;
      const { samples, shapes } = await road.frame(name, newest);
      shown = newest;
      if (samples) draw(samples, shapes.samples);
    } catch { /* a run that was deleted meanwhile, or a server that is away: the old picture stays */ }
  }

  /** @param {Uint8Array} samples [N, H, W, C] */
  function draw(samples, [n, height, width, channels]) {
    const context = element.getContext("2d");
    [element.width, element.height] = [2 * width, 2 * height];
    const image = context.createImageData(2 * width, 2 * height);
    for (let k = 0; k < Math.min(4, n); k++) {
      for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) {
        const from = ((k * height + y) * width + x) * channels, to = 4 * ((Math.floor(k / 2) * height + y) * 2 * width + (k % 2) * width + x);
        for (let c = 0; c < 3; c++) image.data[to + c] = samples[from + (channels === 3 ? c : 0)];
        image.data[to + 3] = 255;
      }
    }
    context.putImageData(image, 0, 0);
  }

  onceInSight(element, () => { inSight = true; if (row) show(row); });
  return { element, show };
}
