// The moment of a training that is looked at: a slider over all steps so far, play, and "now", to which it sticks until it is moved.

import { make } from "./dom.js";
import { createPlayer } from "./play.js";
import { stepText } from "./trainscales.js";

const FAR = 10; // frames that PageUp and PageDown go

/**
 * @param {{onMove: (step: number) => void, onNow: () => void, frames: () => number[]}} hooks frames: the steps that have pictures
 * @returns {{element: HTMLElement, show: (step: number, end: number, follows: boolean, words: string) => void, stop: () => void, toggle: () => void}}
 */
export function createTime({ onMove, onNow, frames }) {
  const move = (to) => { player.from(end ? to / end : 0); onMove(to); };
  const slider = make("input", { type: "range", min: 0, max: 1, step: 1, "data-testid": "run-time", "aria-label": "Moment of the training", oninput: () => { player.stop(); move(+slider.value); }, onkeydown: (event) => key(event) });
  const now = make("button", { class: "lp-toggle", "data-testid": "run-now", "aria-pressed": "true", title: "The newest moment; while the training runs, it stays there", onclick: () => { player.stop(); onNow(); } }, "Now");
  const player = createPlayer({ onMove: (at) => onMove(at * end), onRest: () => {}, name: "run" });
  const words = make("output", { class: "lp-runmoment", "aria-live": "off", "data-testid": "run-moment" });
  const element = make("div", { class: "lp-runtime", role: "group", "aria-label": "Time of the training" }, make("div", { class: "lp-row" }, ...player.elements), slider, make("div", { class: "lp-runtimeend" }, words, now));
  let end = 0, at = 0;

  /** Arrow keys go from one moment with pictures to the next. */
  function key(event) {
    const by = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: FAR, PageDown: -FAR }[event.key], steps = frames();
    if (!by || !steps.length || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    player.stop();
    const place = by > 0 ? steps.filter((step) => step <= at).length - 1 : steps.findIndex((step) => step >= at), here = place < 0 ? (by > 0 ? -1 : steps.length) : place;
    move(steps[Math.min(steps.length - 1, Math.max(0, here + by))]);
  }

  function show(step, last, follows, text) {
    [at, end] = [step, last];
    slider.max = String(Math.max(1, last));
    if (+slider.value !== Math.round(step)) slider.value = String(Math.round(step));
    slider.disabled = !last;
    now.setAttribute("aria-pressed", String(follows));
    words.textContent = text;
    slider.setAttribute("aria-valuetext", `step ${stepText(step)} of ${stepText(last)}${follows ? ", now" : ""}`);
    if (!player.running) player.from(last ? step / last : 0);
  }
  return { element, show, stop: player.stop, toggle: player.toggle };
}
