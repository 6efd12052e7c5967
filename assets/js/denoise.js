// The Denoise page: six parts, from one noisy picture that an autoencoder cleans to what a diffusion model has learned; one of them is open at a time.

import { whenReady } from "./begin.js";
import { make, reveal } from "./dom.js";
import { chosen, choose, onChange } from "./store.js";

/**
 * A part of the page: what it is called, one sentence on what there is to do, and the module that makes it. Its `mount(place)` is called at its first
 * opening; it follows the store by itself, and rests while `chosen().tab` or `chosen().part` is another.
 */
const PARTS = {
  clean: ["Clean", "Put noise on a picture, and see what takes it away.", () => import("./clean.js")],
  forward: ["Forward", "A picture drowns in noise, in closed form and step by step.", () => import("./forward.js")],
  reverse: ["Reverse", "From noise to a picture: watch every step, then move back and forth through them.", () => import("./reverse.js")],
  noise: ["Noise as a latent", "The noise is the code: find it for a picture, walk in it, or go only part of the way.", () => import("./noiselatent.js")],
  repair: ["Repair", "Paint over a part, or shrink a picture, and let the model fill in what is missing.", () => import("./noiserepair.js")],
  learned: ["What it learned", "How hard each moment is, and what the net sees in it.", () => import("./noiselearned.js")],
};

/** @param {HTMLElement} root */
export const mount = (root) => whenReady(root, () => {
  const names = Object.keys(PARTS), places = new Map();
  const buttons = names.map((name) => make("button", { class: "lp-toggle", id: `lp-part-${name}`, role: "tab", "data-part": name, "aria-controls": `lp-place-${name}`, onclick: () => choose({ part: name }, false) }, PARTS[name][0]));
  const says = make("p", { class: "lp-help lp-partsays" }), body = make("div", { class: "lp-partbody" });
  const bar = make("div", { class: "lp-noiseparts", role: "tablist", "aria-label": "Parts of Denoise", onkeydown: (event) => turn(event) }, ...buttons);
  root.replaceChildren(make("div", { class: "lp lp-denoise", "data-testid": "denoise" }, bar, says, body));

  /** Arrow keys go from part to part. */
  function turn(event) {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const next = names[(names.indexOf(chosen().part) + by + names.length) % names.length];
    choose({ part: next }, false);
    buttons[names.indexOf(next)].focus();
  }

  async function update() {
    const { tab, part } = chosen();
    if (tab !== "denoise") return;
    for (const button of buttons) {
      button.setAttribute("aria-selected", String(button.dataset.part === part));
      button.tabIndex = button.dataset.part === part ? 0 : -1;
      if (button.dataset.part === part) reveal(bar, button); // on a telephone the bar is wider than the page
    }
    says.textContent = PARTS[part][1];
    if (!places.has(part)) {
      const place = make("div", { id: `lp-place-${part}`, role: "tabpanel", "aria-labelledby": `lp-part-${part}` }, make("p", { class: "lp-wait" }, "Loading …"));
      places.set(part, place);
      body.append(place);
      PARTS[part][2]().then((module) => module.mount(place), (error) => {
        console.error(error);
        places.delete(part);
        place.textContent = "This part of the page could not be loaded. Reload the page; if that does not help, the server may have been updated or stopped.";
      });
    }
    for (const [name, place] of places) place.hidden = name !== part;
  }
  onChange((_, changed) => { if (changed.has("tab") || changed.has("part")) update(); });
  update();
});
