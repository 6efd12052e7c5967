// The square of a picture that is taken: moved by hand, made smaller or larger by a slider.

import { middleSquare } from "./cut.js";
import { make } from "./dom.js";

const SMALLEST = 0.1; // of the picture's shorter side

/** @param {ReturnType<import("./sheet.js").createSheet>} sheet @param {(square: import("./cut.js").Square, done: boolean) => void} onMove */
export function createCrop(sheet, onMove) {
  let square = null, picture = null;
  const frame = make("button", { class: "lp-cropframe", "aria-label": "The part that is taken; arrow keys move it", "data-testid": "crop" });
  const slider = make("input", { type: "range", min: SMALLEST, max: 1, step: 0.01, "aria-label": "Size of the part that is taken", "data-testid": "crop-size",
    oninput: () => become({ ...square, side: +slider.value * Math.min(picture.width, picture.height) }, false), onchange: () => onMove(square, true) });
  sheet.follow(frame, () => [square.x, square.y], ([x, y], done) => become({ ...square, x, y }, done));

  /** Within the picture. */
  function become(next, done) {
    const within = (value, length) => Math.min(length - next.side / 2, Math.max(next.side / 2, value));
    square = { ...next, x: within(next.x, picture.width), y: within(next.y, picture.height) };
    sheet.put(frame, square.x, square.y, square.side);
    onMove(square, done);
  }

  return {
    element: make("label", { class: "lp-pensize" }, "Part", slider), help: "Move the square over what the models should see.",
    /** @param {{width: number, height: number}} source @param {import("./cut.js").Square|null} kept */
    show: (source, kept) => {
      picture = source;
      const start = kept ?? middleSquare(source);
      slider.value = start.side / Math.min(source.width, source.height);
      sheet.layer.replaceChildren(frame);
      become(start, false);
    },
    square: () => square,
  };
}
