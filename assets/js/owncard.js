// One model's card of an own picture: what it makes of it, where that differs, how far out the code lies, files of as many bytes, and the ways on.

import { shortTitle } from "./catalogue.js";
import { createAnomaly, createSearched, farText, lengthText } from "./anomaly.js";
import { make, say } from "./dom.js";
import { errorScale, paintBytes, paintError } from "./errormap.js";
import { canSearch, qualityText, readPicture, search } from "./inverting.js";
import { pinsWith } from "./pins.js";
import { textFor } from "./place.js";
import { createRetrieval } from "./retrieval.js";
import { choose, isLocal } from "./store.js";
import { take } from "./taking.js";

const NEVER = "It has no encoder: which code comes nearest to your picture has to be searched for, which takes some seconds.";
const LONG = "has so many numbers that it fits into no link: it lives on this page only.";

/**
 * @param {import("./catalogue.js").Model} model
 * @returns {{element: HTMLElement, show: (pixels: Uint8Array) => void, stop: () => void}}
 */
export function createOwnCard(model) {
  const picture = (name) => { const canvas = make("canvas", { role: "img", "aria-label": name, "data-picture": name }); return [canvas, make("figure", { class: "lp-ownfigure" }, canvas, make("figcaption", {}, make("b", {}, name), make("small", {})))]; };
  const [[own, ownFigure], [made, madeFigure], [map, mapFigure]] = ["Yours", "Its version", "Difference"].map(picture);
  const files = make("div", { class: "lp-ownfiles" }), words = make("p", { class: "lp-ownwords", "data-testid": "own-words", role: "status" }), rest = make("div", { class: "lp-ownrest" });
  const bar = make("progress", { class: "lp-errandbar", max: 1, value: 0, hidden: true, "aria-label": "How far the search is" });
  const press = (text, title, onclick, main = "") => make("button", { class: `lp-button ${main}`, title, disabled: true, "data-do": text, onclick }, text);
  const refine = press("Refine", "Come nearer by descent from here", () => (running ? running.abort() : seek()));
  const pin = press("Pin", "Keep this code as a pin", () => keep()), explore = press("Explore", "Open the map at this code", () => go("explore"), "main");
  const walk = press("Interpolate", "Walk from this code to another picture", () => between()), push = press("Attributes", "Push this code along directions", () => go("attributes"));
  const element = make("article", { class: "lp-card lp-owncard", "data-model": model.name, "data-state": "empty", "aria-label": model.title },
    make("header", {}, make("h3", {}, shortTitle(model)), make("small", {}, `${model.family_title} · ${model.latent_dim.toLocaleString("en")} numbers`)),
    make("div", { class: "lp-ownpictures" }, ownFigure, madeFigure, mapFigure), errorScale(), words, bar,
    make("div", { class: "lp-row" }, explore, pin, walk, push, refine), files, rest);
  let pixels = null, code = null, told = "", running = null, reading = null;

  const state = (next) => { element.dataset.state = next; element.setAttribute("aria-busy", String(next === "reading" || next === "searching")); };
  const ready = (any) => { for (const button of [pin, explore, walk, push]) button.disabled = !any; };
  const caption = (figure, text) => { figure.querySelector("small").textContent = text; };

  function show(next) {
    stop();
    [pixels, code] = [next, null];
    paintBytes(own, pixels, model.image_shape);
    caption(ownFigure, `${pixels.length.toLocaleString("en")} bytes`);
    for (const canvas of [made, map]) canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
    for (const figure of [madeFigure, mapFigure]) caption(figure, "");
    files.replaceChildren();
    rest.replaceChildren();
    ready(false);
    read(null);
  }

  function stop() {
    running?.abort();
    reading?.abort();
  }

  /** All numbers of a code; null asks the encoder for one. */
  async function read(from) {
    const mine = reading = new AbortController(), after = element.dataset.state;
    if (!from) state("reading");
    try {
      const found = await readPicture(model, pixels, from, mine.signal);
      if (mine.signal.aborted) return;
      told = found.told ?? "";
      if (found.code) shown(found, from);
      else [words.textContent, refine.textContent] = [NEVER, "Search its code"];
      refine.classList.toggle("main", !found.code);
      explore.classList.toggle("main", !!found.code);
      refine.disabled = canSearch(model) !== true;
      if (refine.disabled) refine.title = canSearch(model);
      state(from ? after : found.code ? "read" : "unknown");
    } catch (error) {
      if (mine.signal.aborted) return;
      words.textContent = error.message;
      state("failed");
    }
  }

  function shown(found, from) {
    code = found.code;
    picturesOf(found.picture, found);
    const seen = told === "" ? "" : ` It was told that this is ${model.classes[+told] ?? told}, as the classifier sees it.`;
    const far = from ? lengthText(found.length) : found.typical ? farText(found.typical) : "Nobody has measured what is usual for its test pictures, so how far out this lies is not known.";
    words.textContent = `${from && element.dataset.state === "stopped" ? "Stopped; this is the best so far. " : ""}${far}${seen}`;
    filesOf(found);
    const open = rest.querySelector("details")?.open;
    rest.replaceChildren(...[from ? createSearched(found) : found.typical && createAnomaly(found.typical), found.near && createRetrieval(model, found.near)].filter(Boolean));
    if (open && rest.querySelector("details")) rest.querySelector("details").open = true;
    ready(true);
  }

  function picturesOf(bytes, quality) {
    paintBytes(made, bytes, model.image_shape);
    paintError(map, pixels, bytes, model.image_shape);
    caption(madeFigure, qualityText(quality));
    caption(mapFigure, `MSE ${quality.error.toPrecision(2)}`);
  }

  /** Files of as many bytes as the code has as float16, beside it. */
  function filesOf({ bytes, files: found }) {
    files.replaceChildren(make("span", { class: "lp-filesays" }, make("b", {}, `${bytes.toLocaleString("en")} bytes`), "of code, and a file of as many:"), ...found.map((file) => {
      const canvas = make("canvas", { role: "img", "aria-label": `${file.format} of ${file.bytes} bytes` });
      paintBytes(canvas, file.picture, model.image_shape);
      return make("figure", { class: `lp-ownfile${file.bytes > bytes ? " over" : ""}`, title: file.bytes > bytes ? `No ${file.format} is smaller: its header alone takes most of this` : `${file.shrunk > 1 ? `Shrunk ${file.shrunk} times, and enlarged again` : "At its full size"}` },
        canvas, make("figcaption", {}, make("b", {}, file.format === "WEBP" ? "WebP" : "JPEG"), make("b", {}, `${file.bytes.toLocaleString("en")} bytes`), make("small", {}, qualityText(file))));
    }));
  }

  /** Descent from the encoder's guess, or from random latents where there is no encoder. */
  async function seek() {
    const mine = running = new AbortController();
    let best = null;
    const over = async (next) => {
      if (running === mine) [running, refine.textContent, bar.hidden] = [null, "Refine", true];
      state(next);
      if (best) await read(best.code);
    };
    mine.signal.addEventListener("abort", () => over(best ? "stopped" : code ? "read" : "unknown"));
    state("searching");
    [refine.textContent, bar.hidden, bar.value] = ["Stop", false, 0];
    try {
      await search("refine", model, [pixels], ({ step, steps, answers }) => {
        if (mine.signal.aborted || !answers) return;
        [best] = answers;
        picturesOf(best.picture, best);
        [bar.value, words.textContent] = [step / steps, `Searching: step ${step} of ${steps}, ${qualityText(best)}`];
      }, mine.signal);
      await over("found");
    } catch (error) {
      if (mine.signal.aborted) return;
      await over(code ? "read" : "unknown");
      say(error.message, "problem");
    }
  }

  // The ways on

  function point() {
    const text = textFor(code);
    if (isLocal(text)) say(`A code of ${model.latent_dim.toLocaleString("en")} numbers ${LONG}`);
    return text;
  }
  const label = () => (model.conditions.length ? told || "none" : "");
  const go = (tab) => take(model, { tab, point: point(), label: label() });
  function keep() {
    const text = point(), pins = !isLocal(text) && pinsWith(model.name, text, label());
    if (!pins) return;
    choose({ pins });
    say(`Pinned as ${pins.find((one) => one.point === text).letter}; it waits in Explore, Interpolate and Attributes.`);
  }
  function between() {
    const text = point(), other = model.atlas ? "atlas:0" : "seed:1";
    if (!isLocal(text)) take(model, { tab: "interpolate", ends: [{ model: model.name, point: text, label: label() }, { model: model.name, point: other, label: "" }] });
  }
  return { element, show, stop };
}
