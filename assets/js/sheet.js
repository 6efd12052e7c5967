// A picture with handles on it, which are dragged by a pointer or moved by the arrow keys.

import { make } from "./dom.js";

const NUDGE = 1 / 200; // of the picture's longer side: one press of an arrow key; ten times that with Shift

/** @returns the sheet; places are in pixels of the picture, from its corner */
export function createSheet() {
  const image = make("img", { class: "lp-sheetimage", alt: "Your picture", draggable: false });
  const layer = make("div", { class: "lp-sheetlayer" }), element = make("div", { class: "lp-sheet", "data-testid": "sheet" }, image, layer);
  const size = { width: 1, height: 1 };
  let view = { x: 0, y: 0, width: 1, height: 1 }; // the part of the picture that is seen

  /** @param {{clientX: number, clientY: number}} event @returns {[number, number]} */
  function at({ clientX, clientY }) {
    const box = layer.getBoundingClientRect(), share = (value, from, length) => Math.min(1, Math.max(0, (value - from) / length));
    return [view.x + share(clientX, box.left, box.width) * view.width, view.y + share(clientY, box.top, box.height) * view.height];
  }

  /** See a square of the picture, or with null all of it; what lies on it has to be put anew. @param {{x: number, y: number, side: number}|null} square its middle and its side */
  function look(square) {
    const [width, height] = square ? [Math.min(square.side, size.width), Math.min(square.side, size.height)] : [size.width, size.height];
    const within = (middle, seen, whole) => Math.min(whole - seen, Math.max(0, middle - seen / 2));
    view = square ? { x: within(square.x, width, size.width), y: within(square.y, height, size.height), width, height } : { x: 0, y: 0, width, height };
    element.style.setProperty("--shape", `${width} / ${height}`);
    element.style.setProperty("--wide", width / height);
    const percent = (value) => `${100 * value}%`;
    Object.assign(image.style, { width: percent(size.width / width), height: percent(size.height / height), left: percent(-view.x / width), top: percent(-view.y / height) });
  }

  /** A part of the sheet follows a hand. @param {HTMLElement} handle @param {() => [number, number]} where @param {(place: [number, number], done: boolean) => void} move */
  function follow(handle, where, move) {
    let off = null, keys = 0;
    handle.addEventListener("pointerdown", (event) => {
      if (event.button > 0) return;
      handle.setPointerCapture(event.pointerId);
      const [x, y] = at(event), [x0, y0] = where();
      off = [x0 - x, y0 - y];
      event.stopPropagation();
    });
    const to = (event, done) => { const [x, y] = at(event); move([x + off[0], y + off[1]], done); };
    handle.addEventListener("pointermove", (event) => off && to(event, false));
    handle.addEventListener("pointerup", (event) => { if (off) to(event, true); off = null; });
    handle.addEventListener("pointercancel", () => { off = null; });
    handle.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!way) return;
      event.preventDefault();
      event.stopPropagation();
      const far = NUDGE * Math.max(size.width, size.height) * (event.shiftKey ? 10 : 1), [x, y] = where();
      move([x + way[0] * far, y + way[1] * far], false);
      clearTimeout(keys);
      keys = setTimeout(() => move(where(), true), 300); // one end for many keys
    });
  }

  return {
    element, image, layer, at, follow, look,
    /** @param {{picture: string, width: number, height: number}} source @returns {Promise<void>} once it is there */
    show: async (source) => {
      Object.assign(size, { width: source.width, height: source.height });
      look(null);
      image.src = source.picture;
      await image.decode();
    },
    /** Put something where it belongs: its middle, and its size if it has one. */
    put: (part, x, y, side = 0) => Object.assign(part.style, { left: `${(100 * (x - view.x)) / view.width}%`, top: `${(100 * (y - view.y)) / view.height}%`,
      ...(side && { width: `${(100 * side) / view.width}%`, height: `${(100 * side) / view.height}%` }) }),
  };
}
