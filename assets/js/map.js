// The map: a plane of latents with decoded pictures behind, codes on top, and a hand that is answered anywhere.

import { make, say } from "./dom.js";
import { fill, fillInk, shapeOf } from "./paint.js";
import { coordinates, moved, neighbourAccuracy, project, spreadOn } from "./plane.js";
import { decodeBehind, newestWins } from "./roads.js";

const COLOURS = 10, SPREADS = 150;

/**
 * @param {{onHand: (position: [number, number], placed: boolean, key?: boolean) => void, onLeave: () => void, testId?: string}} hooks
 * onHand is called while the hand moves (a preview) and with placed = true where it is put down.
 */
export function createMap({ onHand, onLeave, testId }) {
  const mosaic = make("canvas", { class: "lp-mosaic" }), points = make("canvas", { class: "lp-points" });
  const hand = make("div", { class: "lp-hand" }, make("i", { class: "lp-across" }), make("i", { class: "lp-up" }), make("b"));
  const ghost = make("div", { class: "lp-ghost", hidden: true });
  const legend = make("div", { class: "lp-legend" }), across = make("span", { class: "lp-axis x" }), up = make("span", { class: "lp-axis y" });
  const busy = make("div", { class: "lp-drawing", hidden: true }, "drawing the map …");
  const element = make("div", {
    class: "lp-map", tabIndex: 0, role: "application", "data-testid": testId ?? null,
    "aria-label": "Map of the latent space. Move with the pointer, by touch, or with the arrow keys; Enter keeps the point.",
  }, mosaic, points, ghost, hand, across, up, legend, busy);

  let plane = null, view = null, at = [0, 0], xy = null, dragging = false;
  const size = () => element.clientWidth || 320;
  const toScreen = ([x, y]) => [(x / plane.reach + 1) / 2 * size(), (1 - y / plane.reach) / 2 * size()];
  const toPlane = (event) => {
    const box = element.getBoundingClientRect();
    const clamp = (value) => Math.min(1, Math.max(-1, value));
    return [clamp((event.clientX - box.left) / box.width * 2 - 1) * plane.reach, clamp(1 - (event.clientY - box.top) / box.height * 2) * plane.reach];
  };

  element.addEventListener("pointermove", (event) => { if (plane) onHand(toPlane(event), false); });
  element.addEventListener("pointerdown", (event) => {
    if (!plane || event.button) return;
    dragging = true;
    element.setPointerCapture(event.pointerId);
    element.focus({ preventScroll: true });
    onHand(toPlane(event), false);
  });
  element.addEventListener("pointerup", (event) => { if (dragging) { dragging = false; onHand(toPlane(event), true); } });
  element.addEventListener("pointercancel", () => { dragging = false; onLeave(); });
  element.addEventListener("pointerleave", () => { if (!dragging) onLeave(); });
  element.addEventListener("keydown", (event) => {
    const step = (event.shiftKey ? 0.25 : 0.05) * plane.reach / 3;
    const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] }[event.key];
    if (!by || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    onHand([at[0] + by[0], at[1] + by[1]], true, true);
  });

  const drawMosaic = newestWins(async ({ model, plane, z, label, strong }) => {
    busy.hidden = false;
    try {
      await tile(mosaic, model, plane, z, label, size(), strong);
    } catch (error) {
      say(error.message, "problem");
    }
    busy.hidden = true;
  });

  let drawn = {};
  /** Whether a layer's ingredients have changed since it was drawn last. */
  function changed(layer, ...ingredients) {
    const key = JSON.stringify([size(), document.body.classList.contains("dark"), ...ingredients]);
    const differs = drawn[layer] !== key;
    drawn[layer] = key;
    return differs;
  }

  /** Show another model, plane or layer. `view` = {model, plane, atlas, z, y, layers, classes} */
  function show(next) {
    if (!view || view.plane !== next.plane || view.atlas !== next.atlas) {
      xy = next.atlas ? project(next.plane, next.atlas) : null;
      drawn = {};
    }
    view = next;
    plane = next.plane;
    const { model, atlas, z, y, layers } = next, codes = layers.includes("c");
    if (changed("words", codes)) {
      across.textContent = `${plane.across} →`;
      up.textContent = `${plane.up} →`;
      legend.replaceChildren(...(atlas && codes ? next.classes.map((name, k) => make("b", { style: `--k:var(--lp-c${k % COLOURS})` }, name)) : []));
    }
    if (changed("points", codes, layers.includes("s"))) drawPoints();
    mosaic.hidden = !layers.includes("m");
    const foot = Array.from(moved(plane, z, 0, 0), (value) => value.toFixed(3)); // the mosaic is the plane through the present point
    if (!mosaic.hidden && changed("mosaic", model.name, foot, y && [...y], codes)) drawMosaic({ model, plane, z, label: y, strong: !codes });
  }

  function drawPoints() {
    const side = Math.round(size() * Math.min(2, devicePixelRatio || 1)), context = points.getContext("2d");
    points.width = points.height = side;
    if (!xy) return;
    const style = getComputedStyle(element), colour = (k) => style.getPropertyValue(`--lp-c${k % COLOURS}`);
    const colours = Array.from({ length: COLOURS }, (_, k) => colour(k)), scale = side / 2 / plane.reach;
    const place = (k) => [side / 2 + xy[2 * k] * scale, side / 2 - xy[2 * k + 1] * scale];
    if (view.layers.includes("s") && view.atlas.std) {
      const D = plane.u.length, every = Math.max(1, Math.floor(view.atlas.count / SPREADS));
      for (let k = 0; k < view.atlas.count; k += every) {
        const [xx, cov, yy] = spreadOn(plane, view.atlas.std.subarray(k * D, (k + 1) * D));
        const middle = (xx + yy) / 2, half = Math.sqrt(((xx - yy) / 2) ** 2 + cov * cov), angle = Math.atan2(2 * cov, xx - yy) / 2;
        context.globalAlpha = 0.3;
        context.fillStyle = colours[view.atlas.labels[k] % COLOURS];
        context.beginPath();
        context.ellipse(...place(k), Math.max(1, 2 * scale * Math.sqrt(middle + half)), Math.max(1, 2 * scale * Math.sqrt(Math.max(0, middle - half))), -angle, 0, 7);
        context.fill();
      }
    }
    if (!view.layers.includes("c")) return;
    const radius = Math.max(2, side / 260);
    context.globalAlpha = 0.8;
    for (let k = 0; k < view.atlas.count; k++) {
      context.fillStyle = colours[view.atlas.labels[k] % COLOURS];
      context.beginPath();
      context.arc(...place(k), radius, 0, 7);
      context.fill();
    }
  }

  /** Put the hand at a latent. @param {Float32Array} z */
  function point(z) {
    at = coordinates(plane, z);
    const [x, y] = toScreen(at), inside = Math.max(Math.abs(at[0]), Math.abs(at[1])) <= plane.reach;
    const clamp = (value) => Math.min(size(), Math.max(0, value));
    hand.classList.toggle("outside", !inside);
    hand.style.setProperty("--x", `${clamp(x)}px`);
    hand.style.setProperty("--y", `${clamp(y)}px`);
  }

  /** Mark one code of the atlas, or none. @param {number|null} index */
  function mark(index) {
    ghost.hidden = index === null || !xy;
    if (ghost.hidden) return;
    const [x, y] = toScreen([xy[2 * index], xy[2 * index + 1]]);
    ghost.style.transform = `translate(${x}px, ${y}px)`;
    ghost.style.setProperty("--k", `var(--lp-c${view.atlas.labels[index] % COLOURS})`);
  }

  let width = 0;
  new ResizeObserver(() => { // a tab that opens, a phone that turns
    if (!view || element.clientWidth === width || !element.clientWidth) return;
    width = element.clientWidth;
    show(view);
    point(view.z);
  }).observe(element);
  new MutationObserver(() => { if (view) show(view); }).observe(document.body, { attributeFilter: ["class"] }); // light and dark

  return {
    element, show, point, mark,
    latentAt: (z, [x, y]) => moved(plane, z, x, y),
    /** Share of codes whose five nearest neighbours on this map agree on their class, or null. */
    accuracy: () => (xy ? neighbourAccuracy(xy, view.atlas.labels) : null),
  };
}

/** Decode a grid of latents on the plane and draw them row by row over what was there. */
async function tile(canvas, model, plane, z, y, size, strong) {
  const count = size < 450 ? 14 : 20, shape = shapeOf(model.image_shape), D = model.latent_dim;
  const side = Math.round(size * Math.min(2, devicePixelRatio || 1)), edge = side / count, context = canvas.getContext("2d");
  if (canvas.width !== side) canvas.width = canvas.height = side;
  const dark = document.body.classList.contains("dark"), one = make("canvas", { width: shape.width, height: shape.height });
  const image = one.getContext("2d").createImageData(shape.width, shape.height);
  context.globalAlpha = shape.channels === 3 && !strong ? 0.7 : 1;
  for (let row = 0; row < count; row++) {
    const codes = new Float32Array(count * D), labels = y && new Float32Array(count * y.length);
    for (let k = 0; k < count; k++) {
      const x = ((k + 0.5) / count * 2 - 1) * plane.reach, height = (1 - (row + 0.5) / count * 2) * plane.reach;
      codes.set(moved(plane, z, x, height), k * D);
      if (y) labels.set(y, k * y.length);
    }
    const pixels = await decodeBehind(model, codes, labels, count);
    context.clearRect(0, row * edge, side, edge);
    for (let k = 0; k < count; k++) {
      if (shape.channels === 3) fill(image, pixels, shape, k);
      else fillInk(image, pixels, shape, k, dark ? 235 : 30, strong ? 0.85 : 0.38);
      one.getContext("2d").putImageData(image, 0, 0);
      context.drawImage(one, k * edge, row * edge, edge, edge);
    }
  }
}
