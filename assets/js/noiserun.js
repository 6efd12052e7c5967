// Work that streams in while one looks: a button that starts and stops it, a bar, and a sentence.

import { make, say } from "./dom.js";
import { followPath } from "./path.js";

const CALM = 350; // milliseconds without another wish before work begins by itself

/**
 * @typedef {(share: number, words: string) => void} Progress
 * @param {{text: string, name: string, work: (signal: AbortSignal, progress: Progress) => Promise<string>}} options text: of the button; name: in the test ids;
 *   work ends with the sentence that is then said
 * @returns {{button: HTMLElement, bar: HTMLElement, words: HTMLElement, soon: () => void, start: () => void, stop: (words?: string) => void, readonly running: boolean}}
 */
export function createRun({ text, name, work }) {
  const button = make("button", { class: "lp-button main", "data-testid": `${name}-go`, onclick: () => (running ? stop("Stopped; this is how far it came.") : start()) }, text);
  const bar = make("progress", { class: "lp-errandbar", max: 1, value: 0, "aria-label": `How far it is: ${text}` }), words = make("p", { class: "lp-noisewords", role: "status", "data-testid": `${name}-words`, "data-state": "idle" });
  let running = null, waiting = 0;
  bar.style.visibility = "hidden"; // its place stays, so that nothing jumps

  const become = (state) => { words.dataset.state = state; button.textContent = state === "running" ? "Stop" : text; bar.style.visibility = state === "running" ? "visible" : "hidden"; };

  async function start() {
    stop();
    const mine = running = new AbortController();
    bar.value = 0;
    become("running");
    try {
      const sentence = await work(mine.signal, (share, said) => { if (running === mine) [bar.value, words.textContent] = [share, said]; });
      if (running !== mine) return;
      running = null;
      words.textContent = sentence;
      become("done");
    } catch (error) {
      if (running !== mine) return;
      running = null;
      become("idle");
      words.textContent = "";
      say(error.message, "problem");
    }
  }

  /** @param {string} [sentence] said where something was running */
  function stop(sentence = "") {
    clearTimeout(waiting);
    if (!running) return;
    const mine = running;
    running = null;
    mine.abort();
    words.textContent = sentence;
    become("stopped");
  }

  /** Begin by itself, once nobody has wished for anything else for a moment. */
  function soon() {
    stop();
    waiting = setTimeout(start, CALM);
  }
  return { button, bar, words, start, stop, soon, get running() { return !!running; } };
}

/** Said where somebody wants to take away what is not there yet. @returns {null} */
export function nothingYet() {
  say("There is nothing to save yet; wait a moment.");
  return null;
}

/**
 * Follow paths to their end. @param {import("./catalogue.js").Model} model @param {import("./path.js").Asked} asked
 * @param {(step: import("./path.js").PathStep, of: number) => void} onStep every step, and how many there will be @param {AbortSignal} signal
 * @returns {Promise<Uint8Array>} the pictures [n, H, W, C] at the end
 */
export async function ended(model, asked, onStep, signal) {
  let of = 0, last = null;
  await followPath(model, asked, (line) => {
    if (line.done) last = line.x;
    else if (line.x0) onStep(line, of);
    else of = line.steps;
  }, signal);
  return last;
}
