// Repair by a diffusion model: a part of a picture is hidden, or it is made small, and three answers grow out of noise that keep to what is known (RePaint, DDNM).

import { answerTile } from "./answertile.js";
import { isAlike, isRound, modelNamed, shortTitle, usable } from "./catalogue.js";
import { createDamage, packedBits, unpackedBits } from "./damage.js";
import { make, say } from "./dom.js";
import { paintBytes } from "./errormap.js";
import { canSearch, qualityText, search } from "./inverting.js";
import { likeness } from "./likeness.js";
import { latents } from "./normal.js";
import { createNoPath } from "./nopath.js";
import { createRun, ended, nothingYet } from "./noiserun.js";
import { createTold, repeated, toldOf } from "./noisetold.js";
import { amend, choose, chosen, onChange } from "./store.js";
import { createSubject } from "./subject.js";
import { createTakeaway } from "./takeaway.js";
import { oneWay, picturesOf, rowOf } from "./tracksaves.js";

const MINE = ["tab", "part", "model", "models", "label", "steps", "guidance", "noise", "damage", "mask", "repeats"];
const ANSWERS = 3, PLACES = 999999, STEPS = 25; // answers need more steps than pictures out of nothing: what is known comes in a little at each
const REPEATS = { brush: 5, block: 5, 2: 3, 4: 3 }; // of each step, RePaint's resampling: measured by python -m bench.repair, more brings little
const repeatsNow = () => chosen().repeats || REPEATS[chosen().damage];

/** With fresh noise in every step answers fit together better. @param {import("./catalogue.js").Model} model */
const chance = (model) => (model.steps.samplers.includes("ddim") ? { sampler: "ddim", eta: 1 } : {});

const textOf = (bits) => btoa(String.fromCharCode(...bits)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
/** @returns {Uint8Array|null} null where the text is none */
function bitsOf(text) {
  try {
    return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
  } catch {
    return null;
  }
}

/** Of models of these data that find codes by descent, the one that reads pictures best, no linear one if there is another: the autoencoder whose answer stands beside. @param {import("./catalogue.js").Model} model */
function autoencoder(model) {
  const able = usable().filter((one) => isAlike(one, model) && canSearch(one) === true && !isRound(one) && one.abilities.encode === true);
  return able.sort((a, b) => a.linear - b.linear || (a.metrics.mse ?? Infinity) - (b.metrics.mse ?? Infinity))[0] ?? null;
}

/** @param {HTMLElement} root */
export function mount(root) {
  const none = createNoPath(), told = createTold({ unseen: true }), subject = createSubject({ onPicture: (next) => picture(next) });
  const damage = createDamage({ name: "noiserepair", onChange: () => damaged() });
  const run = createRun({ text: "Repair", name: "noiserepair", work: go });
  const repeats = make("input", { type: "range", min: 1, max: 10, step: 1, "aria-label": "How often each step is repeated", "data-testid": "repeats", oninput: () => { often.textContent = repeats.value; }, onchange: () => choose({ repeats: +repeats.value }, false) }), often = make("output", { "aria-live": "off" });
  const other = make("button", { class: "lp-button lp-newnoise", "data-testid": "noiserepair-other", title: "Three answers from other noise", onclick: () => choose({ noise: (chosen().noise + ANSWERS) % PLACES }, false) }, "Other noise");
  const answersRow = make("div", { class: "lp-answers lp-noiseanswers", "data-testid": "noiserepair-answers" }), besideRow = make("div", { class: "lp-answers lp-noiseanswers", "data-testid": "noiserepair-beside" }), besideSays = make("p", { class: "lp-noisewords", role: "status" });
  const patience = make("label", { class: "lp-noiserange lp-repeats" }, "Repeats", repeats, often), known = make("p", { class: "lp-help" });
  const takeaway = createTakeaway(() => (way.length < 2 ? nothingYet() : scene()), "noiserepair");
  const grid = make("div", { class: "lp-noisegrid" },
    make("div", { class: "lp-noiseside" }, subject.element, make("section", { class: "lp-card lp-damage" }, make("h2", {}, "The damage"), damage.canvas, ...damage.controls, known)),
    make("div", { class: "lp-noisecards" },
      make("section", { class: "lp-card lp-threeanswers" }, make("h2", {}, "Three answers"), make("div", { class: "lp-row" }, run.button, other, told.element), patience, run.bar, run.words, answersRow, takeaway.element),
      make("section", { class: "lp-card lp-simpleanswers" }, make("h2", {}, "Beside it"), besideSays, besideRow)));
  root.replaceChildren(none.element, grid);
  let model = null, pixels = null, beside = null, way = [], simple = [], made = ""; // way: three answers at every step; simple: rows of what stands beside them; made: what the answers belong to

  const wish = () => { const { label, steps, guidance, noise, damage: kind, mask } = chosen(); return JSON.stringify([label, steps, guidance, noise, kind, mask, repeatsNow()]); };
  const here = () => chosen().tab === "denoise" && chosen().part === "repair";

  function update(changed) {
    if (!here()) return rest();
    const next = modelNamed(chosen().model);
    if (!next) return undefined;
    const able = none.show(next), same = next.dataset === model?.dataset, another = next !== model;
    grid.hidden = !able;
    if (!able) return rest();
    model = next;
    told.show(model);
    repeats.value = often.textContent = repeatsNow();
    if (another && !same) [pixels, beside] = [null, null];
    if (damage.way() !== chosen().damage) damage.turn(chosen().damage);
    if (changed.has("mask") || !changed.size) takeMask();
    subject.show(model);
    if (pixels && (another || changed.has("part") || wish() !== made)) begin(another || ["damage", "mask"].some((name) => changed.has(name)));
    else if (!way.length) draw();
    else if (!beside) setBeside(pixels, damage.factor()); // whoever left ended the search
    return undefined;
  }

  /** What the address hides: it belongs to pictures of the size for which it was painted. */
  function takeMask() {
    const { mask } = chosen(), [, height, width] = model.image_shape, bits = mask && bitsOf(mask);
    if (!mask) return damage.hide(null);
    if (bits?.length === Math.ceil(height * width / 8)) return damage.hide(unpackedBits(bits));
    if (here()) say("What the link hides was painted on pictures of another size; it was left out.");
    return amend({ mask: "" });
  }

  function picture(next) {
    pixels = next;
    beside = null;
    if (pixels && here()) {
      damage.show(pixels, model.image_shape, true);
      takeMask();
    }
    begin(true);
  }

  /** The hand has let go of the picture, or taken another way. */
  function damaged() {
    const mask = damage.factor() ? chosen().mask : textOf(packedBits(damage.mask()));
    choose({ damage: damage.way(), mask }, false);
  }

  function begin(anew) {
    run.stop();
    [way, made] = [[], wish()];
    if (anew) { compare?.abort(); beside = null; simple = []; }
    draw();
    run.button.disabled = !pixels || !damage.some();
    known.textContent = damage.factor() ? `Known are the means of blocks ${damage.factor()} pixels wide.` : damage.mask().some(Boolean) ? "What is pink is hidden." : "Hide something: drag over the picture.";
    if (pixels && damage.some() && !model.heavy) run.soon();
    else if (!damage.some()) run.words.textContent = "Hide something first, and leave something: drag over the picture.";
  }

  const empty = (title) => { const [, height, width] = model.image_shape; return make("figure", { class: "lp-answer empty" }, make("canvas", { width, height }), make("figcaption", {}, make("b", {}, title), make("small", {}, "–"))); };

  function draw() {
    if (!model) return;
    const shape = model.image_shape;
    answersRow.replaceChildren(pixels ? answerTile("The picture", pixels, shape, "not seen by the model") : empty("The picture"), ...Array.from({ length: ANSWERS }, (_, k) => empty(`Seed ${chosen().noise + k}`)));
    if (!beside) besideRow.replaceChildren(...(damage.factor() ? ["Nearest", "Bicubic"] : ["What is known", "Biharmonic"]).map(empty), empty(autoencoder(model) ? shortTitle(autoencoder(model)) : "No autoencoder"));
  }

  async function go(signal, progress) {
    const { noise, steps, guidance } = chosen(), mine = pixels, factor = damage.factor(), { y, words } = await toldOf(model, null, signal);
    const z = latents(noise, ANSWERS, model.latent_dim), size = mine.length;
    if (!beside) setBeside(mine, factor);
    way = [];
    const heard = (pictures, says) => {
      way.push(pictures);
      for (let k = 0; k < ANSWERS; k++) {
        const one = pictures.subarray(k * size, (k + 1) * size), tile = answersRow.children[k + 1];
        tile.classList.remove("empty");
        paintBytes(tile.querySelector("canvas"), one, model.image_shape);
        tile.querySelector("small").textContent = says(one);
      }
    };
    const end = await ended(model, { z, y: repeated(y, ANSWERS), n: ANSWERS, ...chance(model), steps: steps || STEPS, guidance, noise, picture: mine, repeats: repeatsNow(), ...(factor ? { shrunk: factor } : { mask: damage.mask().map((hidden) => 1 - hidden) }) }, (line, of) => {
      heard(line.x0, () => `expected at t = ${line.t}`);
      progress(line.step / of, `Step ${line.step} of ${of}. ${words}`);
    }, signal);
    heard(end, (one) => qualityText(likeness(one, mine, model.image_shape)));
    return `Three answers that fit what is known; the numbers compare with the whole picture, which the model did not see. ${words}`;
  }

  /** What the model did not see, what it saw, how three answers grow, and what simpler methods answer. */
  function scene() {
    const { noise } = chosen(), shape = model.image_shape, still = ([title, picture]) => rowOf(title, [picture], shape);
    return oneWay([still(["The picture", pixels]), rowOf("What is seen", [damage.seen()], shape, damage.factor() ? `means of blocks ${damage.factor()} wide` : "the rest is hidden"),
      ...Array.from({ length: ANSWERS }, (_, k) => rowOf(`Seed ${noise + k}`, picturesOf(way, k, pixels.length), shape, "the expected picture, step by step")), ...simple.map(still)], `repair-${model.name}`);
  }

  let compare = null;
  /** What simpler methods and an autoencoder make of the same damage, by the road of the Your image tab. */
  async function setBeside(mine, factor) {
    compare?.abort();
    const signal = (compare = new AbortController()).signal, another = autoencoder(model);
    if (!another) { besideSays.textContent = "There is no autoencoder of these data here, and it brings the simple methods with it."; return; }
    beside = [];
    besideSays.textContent = `${another.title} searches its code …`;
    try {
      await search("repair", another, factor ? [mine] : [mine, damage.known()], (news) => {
        if (signal.aborted) return;
        if (news.beside) beside = news.beside;
        const [best] = news.answers ?? [];
        simple = [...beside.map((one) => [one.title, one.picture]), ...(best ? [[shortTitle(another), best.picture]] : [])];
        besideRow.replaceChildren(...beside.map((one) => answerTile(one.title, one.picture, another.image_shape, one)), best ? answerTile(shortTitle(another), best.picture, another.image_shape, best) : empty(shortTitle(another)));
        if (news.step) besideSays.textContent = `${another.title} searches its code: step ${news.step} of ${news.steps}.`;
      }, signal, factor ? `?factor=${factor}` : "");
      if (!signal.aborted) besideSays.textContent = `Simple methods, and the code of ${another.title} that fits best what is known.`;
    } catch (error) {
      if (compare.signal !== signal) return; // another search has begun
      beside = null;
      besideSays.textContent = signal.aborted ? "Stopped." : error.message;
    }
  }

  function rest() {
    run.stop("Stopped.");
    compare?.abort();
  }

  onChange((_, changed) => { if (MINE.some((name) => changed.has(name))) update(changed); });
  update(new Set());
}
