// The map: a plane of latents with decoded pictures behind, codes on top, and a hand that is answered anywhere.

import { isGone } from "./catalogue.js";
import { make, say } from "./dom.js";
import { drawMosaic } from "./mosaic.js";
import { coordinates, moved, neighbourAccuracy, project, spreadOn } from "./plane.js";

export const COLOURS = 10; // of classes, in look.css
const ELLIPSES = 150, SAME = 1e-3, ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/**
 * @param {{onHand: (position: [number, number], placed: boolean, key?: boolean) => void, onLeave: () => void, testId: string}} hooks
 * onHand is called while the hand moves (a preview) and with placed = true where it is put down.
 */
export function createMap({ onHand, onLeave, testId }) {
  const mosaic = make("canvas"), points = make("canvas");
  const hand = make("div", { class: "lp-hand" }, make("i", { class: "lp-across" }), make("i", { class: "lp-up" }), make("b"));
  const ghost = make("div", { class: "lp-ghost", hidden: true });
  const legend = make("div", { class: "lp-legend" }), across = make("span", { class: "lp-axis x" }), up = make("span", { class: "lp-axis y" });
  const busy = make("div", { class: "lp-drawing", hidden: true }, "drawing the map …");
  const element = make("div", {
    class: "lp-map", tabIndex: 0, role: "application", "data-testid": testId,
    "aria-label": "Map of the latent space. Move with the pointer, by touch, or with the arrow keys; a press or Enter keeps the point.",
  }, mosaic, points, ghost, hand, across, up, legend, busy);

  let view = null, at = [0, 0], xy = null, marked = null, drawn = {}, side = 320;
  let painting = new AbortController(), foot = null, grid = null; // of the mosaic: the latent in its middle, and its tiles
  const size = () => side; // asking the page for it would lay everything out again at every move
  const toScreen = ([x, y]) => [(x / view.plane.reach + 1) / 2 * size(), (1 - y / view.plane.reach) / 2 * size()];
  followHand(element, () => view && { reach: view.plane.reach, at }, onHand, () => view && onLeave());

  /** Whether a layer's ingredients have changed since it was drawn last. */
  function changed(layer, ...ingredients) {
    const key = JSON.stringify([size(), document.body.classList.contains("dark"), ...ingredients]), differs = drawn[layer] !== key;
    drawn[layer] = key;
    return differs;
  }

  /** Show another model, plane or layer. `view` = {model, plane, atlas, z, y, how, layers, classes, ready}; the mosaic waits for `ready`. */
  function show(next) {
    if (!view || view.plane !== next.plane || view.atlas !== next.atlas) {
      xy = next.atlas && !next.plane.round ? project(next.plane, next.atlas) : null; // on a round one all codes would lie in the middle
      drawn = {};
      marked = null;
    }
    view = next;
    side = element.clientWidth || side;
    const { model, plane, atlas, z, y, how, layers } = view, codes = layers.includes("c");
    if (changed("words", codes)) {
      across.textContent = `${plane.across} →`;
      up.textContent = `${plane.up} →`;
      const present = new Set(atlas?.labels); // of attributes a map shows those alone by which it is coloured
      legend.replaceChildren(...(codes ? view.classes.flatMap((name, k) => (present.has(k) ? make("b", { style: `--k:var(--lp-c${k % COLOURS})` }, name) : [])) : []));
    }
    if (changed("points", codes, layers.includes("s"))) drawCodes(points, view, xy, size());
    mosaic.hidden = !layers.includes("m");
    mark(marked);
    if (mosaic.hidden && !model.steps) return; // where a picture takes many steps its tiles are needed anyway
    const middle = moved(plane, z, 0, 0); // the mosaic is the plane through the present point
    const elsewhere = !foot || foot.some((value, i) => Math.abs(value - middle[i]) > SAME);
    if (changed("mosaic", model.name, model.hash, y && [...y], how, codes) || elsewhere) paintMosaic({ model, plane, z, y, how, strong: !codes, size: size() }, middle);
  }

  async function paintMosaic(request, middle) {
    painting.abort();
    const mine = painting = new AbortController();
    busy.hidden = false;
    [foot, grid] = [middle, null];
    mosaic.classList.toggle("stale", !!request.model.steps);
    try {
      if (view.ready) await view.ready;
      if (mine.signal.aborted) return;
      const { done, ...started } = drawMosaic(mosaic, request, mine.signal);
      grid = started;
      await done;
    } catch (error) {
      if (mine.signal.aborted) return;
      foot = null; // tried again at the next occasion
      if (!await isGone(request.model)) say(error.message, "problem");
    }
    if (!mine.signal.aborted) busy.hidden = true;
  }

  /** The picture of the mosaic that is nearest to a latent; undefined where none is drawn yet. */
  function tileAt(z) {
    if (!grid) return undefined;
    const [column, row] = coordinates(view.plane, z).map((value, i) => Math.floor((1 + (i ? -1 : 1) * value / view.plane.reach) / 2 * grid.count));
    const inside = (k) => Math.min(grid.count - 1, Math.max(0, k));
    return grid.tiles[inside(row) * grid.count + inside(column)];
  }

  /** Where the hand goes, for the next key; `point` draws it there. @param {Float32Array} z */
  const aim = (z) => { at = coordinates(view.plane, z); };

  /** Draw the hand at a latent. @param {Float32Array} z */
  function point(z) {
    const there = coordinates(view.plane, z);
    const clamp = (value) => Math.min(size(), Math.max(0, value)), [x, y] = toScreen(there).map(clamp);
    hand.classList.toggle("outside", Math.max(...there.map(Math.abs)) > view.plane.reach);
    hand.style.setProperty("--x", `${x}px`);
    hand.style.setProperty("--y", `${y}px`);
  }

  /** Mark one code of the atlas, or none. @param {number|null} index */
  function mark(index) {
    marked = index;
    ghost.hidden = index === null || !xy;
    if (ghost.hidden) return;
    const [x, y] = toScreen([xy[2 * index], xy[2 * index + 1]]);
    ghost.style.transform = `translate(${x}px, ${y}px)`;
    ghost.style.setProperty("--k", `var(--lp-c${view.atlas.labels[index] % COLOURS})`);
  }

  function again() {
    side = element.clientWidth || side;
    if (!view || !element.clientWidth) return;
    const kept = at;
    show(view);
    point(moved(view.plane, view.z, ...kept));
  }
  new ResizeObserver(again).observe(element); // a tab that opens, a phone that turns
  new MutationObserver(again).observe(document.body, { attributeFilter: ["class"] }); // light and dark

  return {
    element, show, aim, point, mark, tileAt,
    latentAt: (z, [x, y]) => moved(view.plane, z, x, y),
    /** Share of codes whose five nearest neighbours on this map have their class, or null. */
    accuracy: () => (xy ? neighbourAccuracy(xy, view.atlas.labels) : null),
  };
}

/** Pointer, touch and arrow keys to positions on the plane. `now` gives {reach, at, step of a key}, or null before there is a map. */
export function followHand(element, now, onHand, onLeave) {
  let dragging = false, stepping = false;
  const toPlane = (event) => {
    const box = element.getBoundingClientRect(), { reach } = now(), clamp = (value) => Math.min(1, Math.max(-1, value)) * reach;
    return [clamp((event.clientX - box.left) / box.width * 2 - 1), clamp(1 - (event.clientY - box.top) / box.height * 2)];
  };
  const rest = () => { if (stepping && now()) { stepping = false; onHand(now().at, true, true); } };

  element.addEventListener("pointermove", (event) => {
    if (now() && (dragging || !event.buttons)) onHand(toPlane(event), false); // not a drag that began elsewhere, on a slider
  });
  element.addEventListener("pointerdown", (event) => {
    if (!now() || event.button) return;
    dragging = true;
    try { element.setPointerCapture(event.pointerId); } catch { /* the pointer is gone already */ }
    element.focus({ preventScroll: true, focusVisible: false });
    onHand(toPlane(event), false);
  });
  element.addEventListener("pointerup", (event) => { if (dragging) { dragging = false; onHand(toPlane(event), true); } });
  element.addEventListener("pointercancel", () => { dragging = false; onLeave(); });
  element.addEventListener("pointerleave", () => { if (!dragging) onLeave(); });
  element.addEventListener("keydown", (event) => {
    if (!now() || event.ctrlKey || event.metaKey) return;
    if (event.key === "Enter") return onHand(now().at, true, true);
    const by = ARROWS[event.key];
    if (!by) return;
    event.preventDefault();
    stepping = true;
    const { at, reach, step: small = 0.016 * reach } = now(), step = (event.shiftKey ? 5 : 1) * small;
    onHand([at[0] + by[0] * step, at[1] + by[1] * step], false, true);
  });
  element.addEventListener("keyup", (event) => { if (event.key in ARROWS) rest(); });
  element.addEventListener("blur", rest);
}

/** Codes as points, and as ellipses of two sigmas of their posterior. */
function drawCodes(canvas, { plane, atlas, layers }, xy, size) {
  const side = Math.round(size * Math.min(2, devicePixelRatio || 1)), context = canvas.getContext("2d");
  canvas.width = canvas.height = side;
  if (!xy) return;
  const style = getComputedStyle(canvas), colours = Array.from({ length: COLOURS }, (_, k) => style.getPropertyValue(`--lp-c${k}`));
  const scale = side / 2 / plane.reach, radius = Math.max(2, side / 260), D = plane.u.length;
  const shape = (k, ...ellipse) => {
    context.fillStyle = colours[atlas.labels[k] % COLOURS];
    context.beginPath();
    context.ellipse(side / 2 + xy[2 * k] * scale, side / 2 - xy[2 * k + 1] * scale, ...ellipse, 0, 2 * Math.PI);
    context.fill();
  };
  if (layers.includes("s") && atlas.std) {
    context.globalAlpha = 0.3;
    for (let k = 0; k < atlas.count; k += Math.max(1, Math.floor(atlas.count / ELLIPSES))) {
      const [xx, cov, yy] = spreadOn(plane, atlas.std.subarray(k * D, (k + 1) * D)), middle = (xx + yy) / 2, half = Math.hypot((xx - yy) / 2, cov);
      const [long, short] = [middle + half, Math.max(0, middle - half)].map((variance) => Math.max(1, 2 * scale * Math.sqrt(variance)));
      shape(k, long, short, -Math.atan2(2 * cov, xx - yy) / 2);
    }
  }
  if (!layers.includes("c")) return;
  context.globalAlpha = 0.8;
  for (let k = 0; k < atlas.count; k++) shape(k, radius, radius, 0);
}
