// The page of a lesson: what its link hides is not there, what it locks says why it cannot be moved, and a projector gets larger things.

import { make, say } from "./dom.js";
import { LOCKS, PARTS, whyLocked } from "./parts.js";
import { choose, chosen, onChange } from "./store.js";

/** What goes when all of some parts are gone, so that no empty card and no hole is left; a third entry says who takes the room. */
const TOGETHER = [
  [["sliders", "random", "undo", "pins"], ".lp-latents"], [["pins", "save"], ".lp-pinscard"], [["plane", "layers", "second"], ".lp-explore .lp-bar"],
  [["way", "undo", "save"], ".lp-interpolate > .lp-bar"], [["rows", "curves"], ".lp-walkfoot"],
  [["pushes", "presets", "undo"], ".lp-pushcard"], [["random", "second", "start", "pins"], ".lp-looks"],
  [["making", "sliders", "random", "undo", "classes", "pins", "save", "near"], ".lp-grid.two .lp-side"],
  ...[[["subject", "noises"], ".lp-cleanside", ".lp-clean"], [["subject", "law"], ".lp-forward .lp-noiseside", ".lp-forwardtop"], [["random", "seeds", "told", "manner", "versus"], ".lp-reversecard", ".lp-reversetop"],
    [["subject", "told"], "#lp-place-noise .lp-noiseside", "#lp-place-noise .lp-noisegrid"], [["subject", "damage"], "#lp-place-repair .lp-noiseside", "#lp-place-repair .lp-noisegrid"],
    [["subject"], "#lp-place-learned .lp-noiseside", "#lp-place-learned .lp-noisegrid"]].map(([parts, side, grid]) => [parts, side, `${grid} { grid-template-columns: minmax(0, 1fr) !important; }`]),
];
/** How what stays takes the room. */
const INSTEAD = {
  verdict: ".lp-explore .lp-picture:not(.small) { grid-template-columns: minmax(0, 320px) !important; }",
  help: ".lp-under { display: none !important; }",
  picker: ".gradio-container .block.lp-sticky { position: static !important; }",
};
const WIDE = matchMedia("(min-width: 861px)"); // no telephone is a projector
const PRESSES = ["pointerdown", "mousedown", "click", "dblclick"];
const MOVES = new Set(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown", "Enter", " "]);

/** Whether the lesson hides a part, and with it the key that does the same. @param {keyof PARTS} name */
export const isHidden = (name) => chosen().hide.includes(name);

/** Whether a choice may be moved by a key of the page; where the lesson fixes it, it is said why not. @param {keyof LOCKS} name */
export function isFree(name) {
  if (chosen().lock.includes(name)) say(whyLocked(name));
  return !chosen().lock.includes(name);
}

/** From now on the page is as the address wants it. */
export function beginLesson() {
  const style = make("style");
  document.head.append(style);
  const draw = () => {
    for (const place of [document.body, document.querySelector(".contain > .column")]) place?.classList.toggle("lp-big", chosen().big === 1 && WIDE.matches);
    style.textContent = [...hiding(chosen().hide), ...locking(chosen().lock)].join("\n");
  };
  onChange((_, changed) => { if (["hide", "lock", "big"].some((name) => changed.has(name))) draw(); });
  WIDE.addEventListener("change", draw);
  draw();
  for (const kind of PRESSES) document.addEventListener(kind, pressed, true);
  document.addEventListener("keydown", keyed, true);
  document.addEventListener("pointerover", ({ target }) => explain(target), true);
  document.addEventListener("focusin", ({ target }) => { if (explain(target)) target.setAttribute("aria-disabled", "true"); }, true);
}

/** A button that makes everything large for the other end of a room, and small again. */
export function bigButton() {
  const button = make("button", { class: "lp-icon lp-bigbutton", title: "Projector size", "aria-label": "Projector size", "data-testid": "big", onclick: () => choose({ big: 1 - chosen().big }, false) });
  const draw = () => button.setAttribute("aria-pressed", String(chosen().big === 1));
  onChange(draw);
  window.addEventListener("latent-ready", draw, { once: true }); // then the address has been read
  return button;
}

const hiding = (names) => [
  ...names.map((name) => `${PARTS[name][1]} { display: none !important; }`), ...names.map((name) => INSTEAD[name] ?? ""),
  ...TOGETHER.filter(([parts]) => parts.every((name) => names.includes(name))).map(([, place, also = ""]) => `${place} { display: none !important; } ${also}`),
];

const locking = (names) => names.map((name) => `:is(${LOCKS[name][1]}) { cursor: not-allowed !important; } :is(${LOCKS[name][1]}):not(.lp-card) { opacity: .55; }
  :is(${LOCKS[name][1]}) * { pointer-events: none !important; }`);

/** The lock that holds an element: its name and the place that is locked; null where there is none. */
function holder(target) {
  for (const name of chosen().lock) {
    const place = target.closest?.(LOCKS[name][1]);
    if (place) return { name, place };
  }
  return null;
}

/** Give what is locked its reason. @returns {boolean} whether it is */
function explain(target) {
  const held = holder(target);
  if (held) held.place.title = whyLocked(held.name);
  return !!held;
}

function pressed(event) {
  const held = event.isTrusted && holder(event.target);
  if (!held) return; // what the page presses itself follows a teacher or a link
  event.preventDefault();
  event.stopImmediatePropagation();
  if (event.type === "pointerdown") say(whyLocked(held.name));
}

/** Keys that would move what is locked; Tab goes on, and so do the page's own keys. */
function keyed(event) {
  const writes = event.target.matches?.("input:not([type=range]), select, textarea"), key = event.key;
  if (event.ctrlKey || event.metaKey || !(MOVES.has(key) || writes && (key.length === 1 || key === "Backspace" || key === "Delete"))) return;
  const held = holder(event.target);
  if (!held) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  say(whyLocked(held.name));
}
