// A direction made by hand: pictures are marked, the server fits, the page shows what it does, and it gets a name and is kept.

import { shortTitle } from "./catalogue.js";
import { make, say } from "./dom.js";
import { fitted } from "./fitted.js";
import { flat } from "./frames.js";
import { quickly } from "./how.js";
import { createMarking } from "./marking.js";
import { keepOwn, whyNotCalled } from "./owndirections.js";
import { paint, shapeOf } from "./paint.js";
import { decodeBehind } from "./roads.js";

const FEWEST = 3, ENOUGH = 10, PAUSE = 250; // marked on a side before there is a direction; after which nothing is asked for; milliseconds after the last mark
const SIGMAS = [-2, -1, 0, 1, 2];

/**
 * @param {() => Promise<{z: Float32Array, y: Float32Array|null}>} here where the page stands, which the new direction is tried on
 */
export function createHandmade(here) {
  const marking = createMarking((plus, minus) => { marks = { plus, minus }; invite(); clearTimeout(pausing); pausing = setTimeout(fit, PAUSE); });
  const verdict = make("p", { class: "lp-fitted", role: "status", "data-testid": "fitted" }), doubt = make("p", { class: "lp-empty lp-doubt" });
  const canvases = SIGMAS.map(() => make("canvas")), strip = make("div", { class: "lp-trystrip", role: "img", "data-testid": "fitted-strip" },
    ...canvases.map((canvas, k) => make("figure", {}, canvas, make("figcaption", {}, String(SIGMAS[k]).replace("-", "−")))));
  const name = make("input", { type: "text", class: "lp-text", maxLength: 40, placeholder: "Name it, such as Big ears", "aria-label": "Name of the direction", "data-testid": "fitted-name", autocomplete: "off",
    oninput: () => { why.textContent = ""; }, onkeydown: (event) => { event.stopPropagation(); if (event.key === "Enter") keep(); } });
  const why = make("p", { class: "lp-empty lp-doubt", role: "alert" }), done = make("button", { class: "lp-button main", "data-testid": "fitted-keep", onclick: keep }, "Keep it");
  const naming = make("div", { class: "lp-row" }, name, done);
  const result = make("div", { class: "lp-result" }, verdict, doubt, strip, naming, why);
  const element = make("section", { class: "lp-card lp-handcard", "data-testid": "handmade" }, make("h2", {}, "Made by hand"),
    make("p", { class: "lp-empty" }, "Mark about ten pictures that have what you look for with + (click) and ten that do not with − (click again). The direction from the − to the + appears below while you mark."),
    marking.element, result);
  let model = null, marks = { plus: [], minus: [] }, found = null, pausing = 0, work = null;

  /** @param {import("./catalogue.js").Model} next */
  function of(next) {
    model = next;
    marking.of(next);
  }

  const lacking = () => Math.max(0, FEWEST - marks.plus.length) + Math.max(0, FEWEST - marks.minus.length);

  /** What to do next, or what was found. */
  function invite() {
    const [plus, minus] = [marks.plus.length, marks.minus.length], missing = [FEWEST - plus, FEWEST - minus];
    if (!lacking()) return;
    found = null;
    const wishes = [missing[0] > 0 && `${missing[0]} more +`, missing[1] > 0 && `${missing[1]} more −`].filter(Boolean).join(" and ");
    verdict.textContent = plus + minus ? `Mark ${wishes}, then there is a direction.` : "Nothing is marked yet.";
    doubt.textContent = why.textContent = "";
    show();
  }

  /** Ask for the direction of what is marked now; an older question is forgotten. */
  async function fit() {
    work?.abort();
    if (lacking()) return;
    const mine = work = new AbortController(), { plus, minus } = marks, of = model;
    result.setAttribute("aria-busy", "true");
    try {
      const next = await fitted(of, plus.map(({ z }) => z), minus.map(({ z }) => z), mine.signal);
      if (mine !== work || of !== model) return;
      found = next;
      verdict.textContent = `${Math.round(100 * found.accuracy)} % of pictures left out are told right, + and − counting alike (${plus.length} marked +, ${minus.length} −).`;
      doubt.textContent = found.doubt || (Math.min(plus.length, minus.length) < ENOUGH ? "A few more of each make it steadier." : "");
      show();
      await tryOut(mine);
    } catch (error) {
      if (mine !== work) return;
      found = null;
      verdict.textContent = error.message;
      show();
    }
    result.setAttribute("aria-busy", "false");
  }

  function show() {
    strip.classList.toggle("none", !found);
    for (const one of [name, done]) one.disabled = !found;
  }

  /** What the direction does to the present picture. */
  async function tryOut(mine) {
    const { z, y } = await here(), { step } = found, latents = SIGMAS.map((sigmas) => z.map((value, i) => value + sigmas * step[i]));
    const pixels = await decodeBehind(model, flat(latents), y && flat(latents.map(() => y)), latents.length, quickly(model), mine.signal);
    if (mine !== work) return;
    canvases.forEach((canvas, k) => paint(canvas, pixels, shapeOf(model.image_shape), k));
    strip.setAttribute("aria-label", "The present picture pushed from two sigmas back to two sigmas on along the new direction");
  }

  function keep() {
    const called = name.value.trim();
    why.textContent = whyNotCalled(model, called);
    if (why.textContent || !found) return name.focus();
    const { doubt: _, ...direction } = found;
    keepOwn(model, { ...direction, name: called });
    name.value = "";
    say(`${called} is kept in this browser, for ${shortTitle(model)}. It has a row above.`);
  }

  show();
  return { element, of, stop: () => { marking.stop(); work?.abort(); } };
}
