// The eyes of a face in a picture: found by the server, picked where there are several faces, or said by two clicks; always to be moved.

import { squareOfEyes } from "./cut.js";
import { make } from "./dom.js";

const NAMES = ["left", "right"], LEAST = 4; // pixels between two eyes
const BOX = 2.6, CLOSE = 6; // the side of a face's frame, and of what is seen from close by, in distances between its eyes
const FAR = 0.7; // of the picture's longer side: a larger part of it is seen whole

/** @typedef {[number, number][]} Eyes the one on the left of the picture first */
/** @param {ReturnType<import("./sheet.js").createSheet>} sheet @param {(square: import("./cut.js").Square|null, done: boolean) => void} onMove null while an eye is missing */
export function createEyes(sheet, onMove) {
  /** @type {Eyes} */
  let eyes = [], faces = [], wanted = null, side = 1, longest = 1, close = true;
  const help = make("p", { class: "lp-help lp-sheethelp", role: "status", "data-testid": "eyes-help" });
  const handles = NAMES.map((name, k) => {
    const handle = make("button", { class: "lp-eye", "aria-label": `The eye on the ${name}; arrow keys move it`, "data-testid": `eye-${name}` }, make("i", {}));
    sheet.follow(handle, () => eyes[k], (place, done) => move(k, place, done));
    return handle;
  });
  const whole = make("button", { class: "lp-button", "data-testid": "whole", onclick: () => { close = !close; look(); draw(false); } });
  const again = make("button", { class: "lp-button", title: "Click on both eyes anew", "data-testid": "eyes-again", onclick: () => { [eyes, close] = [[], false]; look(); draw(true); } }, "Mark the eyes myself");
  sheet.layer.addEventListener("click", (event) => {
    if (!wanted || eyes.length > 1 || event.target !== sheet.layer) return;
    eyes = [...eyes, sheet.at(event)].sort(([a], [b]) => a - b);
    look();
    draw(true);
  });

  /** The face fills the sheet, if a person wants that and it is small. */
  function look() {
    const [[x0, y0], [x1, y1]] = eyes.length > 1 ? eyes : [[0, 0], [longest, 0]], apart = Math.hypot(x1 - x0, y1 - y0), small = CLOSE * apart < FAR * longest;
    sheet.look(small && close ? { x: (x0 + x1) / 2, y: (y0 + y1) / 2 + 0.4 * apart, side: CLOSE * apart } : null);
    whole.hidden = !small;
    whole.textContent = close ? "The whole picture" : "The face from close by";
  }

  function move(k, place, done) {
    const other = eyes[1 - k];
    if (Math.hypot(place[0] - other[0], place[1] - other[1]) >= LEAST) eyes[k] = place;
    if (done && eyes[0][0] > eyes[1][0]) eyes = [eyes[1], eyes[0]]; // they were dragged past each other
    draw(done);
  }

  function pick(face) {
    [eyes, close] = [face.eyes.map((place) => [...place]), true];
    look();
    draw(true);
    handles[0].focus();
  }

  const is = ({ eyes: found }) => eyes.length > 1 && Math.hypot((found[0][0] + found[1][0] - eyes[0][0] - eyes[1][0]) / 2, (found[0][1] + found[1][1] - eyes[0][1] - eyes[1][1]) / 2) < Math.hypot(found[1][0] - found[0][0], found[1][1] - found[0][1]) / 2;

  function draw(done) {
    const frames = faces.filter((face) => !is(face)).map((face, k) => {
      const [[x0, y0], [x1, y1]] = face.eyes, apart = Math.hypot(x1 - x0, y1 - y0);
      const frame = make("button", { class: "lp-faceframe", "aria-label": `Take this face, number ${k + 1} of the others`, "data-testid": "other-face", onclick: () => pick(face) });
      sheet.put(frame, (x0 + x1) / 2, (y0 + y1) / 2 + 0.4 * apart, BOX * apart);
      return frame;
    });
    for (const old of sheet.layer.querySelectorAll(".lp-faceframe")) old.remove();
    sheet.layer.prepend(...frames); // the handles stay where they are, since one of them may be held
    if (!handles[0].isConnected) sheet.layer.append(...handles);
    handles.forEach((handle, k) => { handle.hidden = !eyes[k]; if (eyes[k]) sheet.put(handle, ...eyes[k]); });
    help.textContent = eyes.length > 1 ? (frames.length ? "Drag the rings onto the eyes, or press another face." : "Drag the rings onto the eyes if they are not there yet.")
      : `${faces.length ? "" : "No face was found. "}Click on ${eyes.length ? "the other eye" : "one of the eyes"}.`;
    sheet.layer.classList.toggle("asks", eyes.length < 2);
    onMove(eyes.length > 1 ? squareOfEyes(eyes, wanted, side) : null, done);
  }

  return {
    elements: [whole, again], help,
    /** @param {{faces: {eyes: Eyes}[], width: number, height: number}} source @param {Eyes|null} kept @param {Eyes} target where the eyes of the data are @param {number} n pixels of its pictures */
    show: (source, kept, target, n) => {
      [faces, wanted, side, longest, close] = [source.faces, target, n, Math.max(source.width, source.height), true];
      eyes = (kept ?? source.faces[0]?.eyes ?? []).map((place) => [...place]);
      sheet.layer.replaceChildren();
      look();
      draw(false);
    },
    leave: () => { wanted = null; },
    eyes: () => (eyes.length > 1 ? eyes : null),
  };
}
