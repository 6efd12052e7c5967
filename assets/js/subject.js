// The picture that a part of the Denoise page works on: one that a model made, the code of a test picture, a drawing, or one's own.

import { classifierNamed, hasPrior, isAlike, isSlow, loadAtlas, modelNamed, shortTitle, usable } from "./catalogue.js";
import { bytesOf } from "./considered.js";
import { make, refill, say } from "./dom.js";
import { createPad } from "./draw.js";
import { paintBytes } from "./errormap.js";
import { ownPicture, remember, remembered, setOwnPicture } from "./ownstate.js";
import { oneHot, place } from "./place.js";
import { decodeBehind, keptPicture } from "./roads.js";
import { plainly } from "./samples.js";
import { ofDrawing } from "./shaping.js";
import { amend, choose, chosen, onChange } from "./store.js";

const FIRST = "seed:7", NONE = "There is no picture of these data to begin with: draw one, or bring one on the Your image tab.";
const PLACES = 10000; // seeds that "Another" draws from
const OWN = { drawing: "Your drawing, as the models get it.", picture: "Your picture, as the models get it.", sample: "The picture of the Your image tab.", link: "The picture of the Your image tab." };

const best = (models, measure) => models.sort((a, b) => (measure(a) ?? Infinity) - (measure(b) ?? Infinity))[0] ?? null;
const alike = (model) => usable().filter((one) => isAlike(one, model));

/** The model whose random pictures come nearest to real ones, of those quick enough; a slow one only where there is no other. @param {import("./catalogue.js").Model} model */
function dreamer(model) {
  const all = alike(model).filter(hasPrior), quick = all.filter((one) => !isSlow(one));
  return best(quick.length ? quick : all, ({ metrics }) => metrics.fd_ratio);
}

/** The model with codes of test pictures that reads them best, with its atlas; null where no atlas holds such codes. */
async function reader(model) {
  const coded = alike(model).filter((one) => one.atlas && one.abilities.encode === true).sort((a, b) => (a.metrics.mse ?? Infinity) - (b.metrics.mse ?? Infinity));
  for (const one of coded) {
    const atlas = await loadAtlas(one);
    if (atlas && !atlas.seeded && (!isSlow(one) || atlas.pictures)) return { model: one, atlas };
  }
  return null;
}

/** A point as a picture, and what it is in a sentence. @returns {Promise<{pixels: Uint8Array, clean: string}|null>} null where no model of these data can make one */
async function picturedAt(point, model) {
  const [, kind, number] = /^(seed|atlas):(\d+)$/.exec(point), coded = kind === "atlas" || !dreamer(model) ? await reader(model) : null;
  const maker = coded?.model ?? dreamer(model);
  if (!maker) return null;
  const K = maker.conditions.length, row = coded ? +number % coded.atlas.count : +number, at = `${coded ? "atlas" : "seed"}:${row}`;
  const kept = coded && keptPicture(maker, coded.atlas, at), told = !K || classifierNamed(maker.classifier)?.kind === "attributes" ? "none" : String(coded ? coded.atlas.labels[row] : row % K);
  const pixels = kept ?? await decodeBehind(maker, place(maker, coded?.atlas ?? null, at), oneHot(maker, [told]), 1, plainly(maker));
  const clean = coded ? `A test picture, as ${shortTitle(maker)} makes it again from its code.` : `Made by ${shortTitle(maker)}, seed ${row}: no picture of the data.`;
  return { pixels: bytesOf(pixels, maker.image_shape, 1), clean };
}

/**
 * A small card with the clean picture and the ways to another one; the address names it as `subject` where it is a point. Several cards show the same one.
 * @param {{onPicture: (pixels: Uint8Array|null) => void}} told of every new picture, and of null where there is none
 * @returns {{element: HTMLElement, show: (model: import("./catalogue.js").Model) => void, pixels: () => Uint8Array|null, readonly clean: string}}
 *   pixels are [H, W, C] of the model's data; clean says in a sentence where they come from
 */
export function createSubject({ onPicture }) {
  const canvas = make("canvas", { class: "lp-subjectpicture", role: "img", "data-testid": "subject-picture" }), words = make("p", { class: "lp-fact lp-subjectsays", "data-testid": "subject-says", role: "status" });
  const ways = make("div", { class: "lp-row", role: "group", "aria-label": "Which picture" }), drawing = make("div", { class: "lp-subjectpad", hidden: true });
  const element = make("section", { class: "lp-card lp-subject", "data-testid": "subject" }, make("h2", {}, "The picture"), make("div", { class: "lp-subjectrow" }, canvas, make("div", {}, ways, words)), drawing);
  let model = null, pixels = null, clean = "", turn = 0, pad = null, shown = "", coded = false, sketching = false;

  /** What the present picture depends on. */
  const key = () => `${model.dataset} ${chosen().subject} ${model.image_shape}`;

  function show(next) {
    const other = !model || !isAlike(next, model);
    model = next;
    if (other) {
      open(false);
      reader(next).then((found) => { if (!isAlike(next, model)) return; coded = !!found; buttons(); });
      if (pixels) onPicture(pixels = null); // it is of other data, and goes to none of the new models
    }
    buttons();
    if (key() !== shown) load();
  }

  function buttons() {
    const own = ownPicture(), at = chosen().subject, point = () => Math.floor(Math.random() * PLACES);
    const way = (name, text, title, pressed, onclick) => make("button", { class: pressed === undefined ? "lp-button" : "lp-toggle", title, "data-key": name, "data-way": name, "aria-pressed": pressed === undefined ? null : String(pressed), onclick }, text);
    refill(ways, [
      dreamer(model) && way("another", "Another", "Another picture that a model makes from a random latent", undefined, () => choose({ subject: `seed:${point()}` }, false)),
      coded && way("test", "Test picture", "A test picture, as a model makes it again from its code", undefined, () => choose({ subject: `atlas:${point() % 500}` }, false)),
      model.own?.drawn && way("draw", "Draw", "Draw it yourself", sketching, () => open(!sketching)),
      own ? way("own", "Yours", "The picture of the Your image tab", at === "own", () => choose({ subject: "own" }, false))
        : way("bring", "Yours …", "Bring a picture of your own, on the Your image tab", undefined, () => choose({ tab: "yourimage" }, false)),
    ].filter(Boolean));
  }

  /** The pad, which is made at its first opening. */
  function open(on) {
    sketching = on;
    if (on && !pad) drawing.append((pad = createPad({ onDraw: drew })).element);
    drawing.hidden = !on;
    if (on) pad.show(remembered(strokes()) ?? []);
    buttons();
  }
  const strokes = () => `strokes:${model.dataset}`;

  /** A frame later, for what is drawn between two frames is seen at once. */
  let waits = false;
  function drew(done) {
    if (done) remember(strokes(), pad.strokes());
    if (waits) return;
    waits = true;
    requestAnimationFrame(() => {
      waits = false;
      const shaped = ofDrawing(pad.ink(), model);
      setOwnPicture(shaped && { ...shaped, shape: model.image_shape, what: "drawing" });
      if (chosen().subject !== "own") choose({ subject: "own" }, false);
    });
  }

  /** The newest choice wins; what was on its way for an older one is dropped. */
  async function load() {
    const mine = ++turn, at = chosen().subject || FIRST, own = at === "own" && ownPicture();
    shown = key();
    if (own) return present(own.pixels, OWN[own.what] ?? "");
    if (at === "own" && sketching) return present(null, "Draw something: it is the picture here.");
    if (at === "own") {
      say("The picture of your own is not here: it stays in the browser and tab where it was made. This is another one.", "problem");
      return amend({ subject: "" });
    }
    try {
      const found = await picturedAt(at, model);
      if (mine === turn) present(found?.pixels ?? null, found?.clean ?? NONE);
    } catch (error) {
      if (mine !== turn) return undefined;
      shown = "";
      present(null, error.message);
    }
    return undefined;
  }

  function present(next, sentence) {
    [pixels, clean] = [next, sentence];
    const [, height, width] = model.image_shape;
    if (pixels) paintBytes(canvas, pixels, model.image_shape);
    else Object.assign(canvas, { width, height }); // which empties it
    canvas.classList.toggle("empty", !pixels);
    canvas.setAttribute("aria-label", pixels ? `The picture. ${clean}` : "No picture yet");
    words.textContent = clean;
    buttons();
    onPicture(pixels);
  }

  const inSight = () => model && chosen().tab === "denoise" && !element.closest("[hidden]");
  onChange((_, changed) => { if (inSight() && (changed.has("subject") || changed.has("tab") || changed.has("part"))) { buttons(); if (key() !== shown) load(); } });
  window.addEventListener("latent-own", () => {
    if (!model) return;
    if (chosen().subject === "own") shown = ""; // another one from now on
    if (inSight() && modelNamed(chosen().model)?.dataset === model.dataset) { buttons(); if (!shown) load(); }
  });
  return { element, show, pixels: () => pixels, get clean() { return clean; } };
}
