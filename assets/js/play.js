// Play: the place on the walk goes by itself, there and back or round again; calmly for those who asked for less motion.

import { make } from "./dom.js";

const SECONDS = 4, CALM = 0.7; // for one way; and between two calm steps
const CALM_STEPS = 10;
const SPEEDS = { 0.5: "½×", 1: "1×", 2: "2×" };

/** @param {{onMove: (t: number) => void, onRest: () => void, name?: string, title?: string}} hooks onRest when it stops; name: of the page in its test id; title: of the button */
export function createPlayer({ onMove, onRest, name = "interpolate", title = "▶ Play" }) {
  const button = make("button", { class: "lp-button main lp-play", "data-testid": `${name}-play`, title: "Play (space)", onclick: toggle }, title);
  const loop = make("button", { class: "lp-toggle", "aria-pressed": "true", title: "There and back again; else from the start again", onclick: () => loop.setAttribute("aria-pressed", String(!back())) }, "There and back");
  const speed = make("select", { "aria-label": "Speed", title: "Speed", onchange: () => { rate = +speed.value; } }, ...Object.entries(SPEEDS).map(([value, text]) => make("option", { value }, text)));
  speed.value = "1";
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let at = 0, direction = 1, rate = 1, last = 0, running = 0;
  const back = () => loop.getAttribute("aria-pressed") === "true";

  /** Where the walk stands when a person moves it. */
  function from(t) { at = t; }

  function toggle() { (running ? stop : start)(); }

  function start() {
    last = performance.now();
    button.textContent = "❚❚ Pause";
    if (at >= 1) direction = back() ? -1 : 1;
    running = requestAnimationFrame(tick);
  }

  function stop() {
    if (!running) return;
    cancelAnimationFrame(running);
    running = 0;
    button.textContent = title;
    onRest();
  }

  function tick(time) {
    running = requestAnimationFrame(tick);
    const passed = Math.max(0, (time - last) / 1000);
    if (calm.matches && passed < CALM / rate) return;
    last = time;
    step(calm.matches ? 1 / CALM_STEPS : passed * rate / SECONDS);
    onMove(at);
  }

  function step(by) {
    at += direction * by;
    if (back()) {
      if (at >= 1 || at <= 0) direction = at >= 1 ? -1 : 1;
      at = Math.min(1, Math.max(0, at));
    } else {
      direction = 1;
      at = at > 1 ? 0 : Math.max(0, at);
    }
  }

  return { elements: [button, loop, speed], from, toggle, stop, goesBack: back, seconds: () => SECONDS / rate, get running() { return running > 0; } };
}
