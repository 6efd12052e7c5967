// Part of the way (SDEdit, Meng et al. 2022): a picture is drowned up to a moment, and comes back several times from there, each time with other noise.

import { answerTile } from "./answertile.js";
import { paintBytes } from "./errormap.js";
import { make } from "./dom.js";
import { latents } from "./normal.js";
import { createRun, ended, nothingYet } from "./noiserun.js";
import { repeated, toldOf } from "./noisetold.js";
import { psnr } from "./likeness.js";
import { choose, chosen } from "./store.js";
import { createTakeaway } from "./takeaway.js";
import { oneWay, picturesOf, rowOf } from "./tracksaves.js";

const ANSWERS = 4, PLACES = 999999;

export function createPartway() {
  const run = createRun({ text: "Drown it and come back", name: "partway", work: go });
  const strength = make("input", { type: "range", min: 0.05, max: 1, step: 0.05, "aria-label": "Strength: how far towards the noise", "data-testid": "strength",
    oninput: () => { value.textContent = percent(+strength.value); }, onchange: () => choose({ strength: +strength.value }, false) });
  const value = make("output", { "aria-live": "off" }), other = make("button", { class: "lp-button lp-newnoise", "data-testid": "partway-other", title: "Other seeds for the noise", onclick: () => choose({ noise: (chosen().noise + ANSWERS) % PLACES }, false) }, "Other noise");
  const tiles = make("div", { class: "lp-answers lp-partway" });
  const takeaway = createTakeaway(() => (way.length < 2 ? nothingYet() : scene()), "partway");
  const element = make("section", { class: "lp-card lp-partwaycard", "data-testid": "partway" }, make("h2", {}, "Only part of the way"),
    make("p", { class: "lp-help" }, "Little noise keeps the picture and cleans it; much keeps its coarse form alone; all of it keeps nothing."),
    make("label", { class: "lp-noiserange lp-howfar" }, "Strength", strength, value), make("div", { class: "lp-row" }, run.button, other), run.bar, run.words, tiles, takeaway.element);
  let model = null, pixels = null, first = null, answers = [], way = [], made = ""; // way: the four pictures at every step; made: what they belong to

  const wish = () => { const { label, strength: far, noise, steps, sampler, guidance } = chosen(); return JSON.stringify([label, far, noise, steps, sampler, guidance]); };

  function show(next) {
    [model, pixels] = [next, null];
    forget();
  }
  function picture(next) {
    pixels = next;
    begin();
  }
  function update(changed) {
    if (wish() !== made || (!answers.length && ["tab", "part"].some((name) => changed.has(name)))) begin();
  }

  function forget() {
    run.stop();
    [first, answers, way] = [null, [], []];
    [strength.value, value.textContent] = [chosen().strength, percent(chosen().strength)];
    draw();
  }

  function begin() {
    if (!model) return;
    forget();
    made = wish();
    run.button.disabled = !pixels;
    if (pixels && !model.heavy) run.soon();
  }

  function draw() {
    if (!model) return;
    const shape = model.image_shape, [, height, width] = shape;
    const empty = (title) => make("figure", { class: "lp-answer empty" }, make("canvas", { width, height }), make("figcaption", {}, make("b", {}, title), make("small", {}, "–")));
    tiles.replaceChildren(pixels ? answerTile("The picture", pixels, shape, "where it begins") : empty("The picture"), first ? answerTile("Drowned", first, shape, `strength ${percent(chosen().strength)}`) : empty("Drowned"),
      ...Array.from({ length: ANSWERS }, (_, k) => (answers[k] ? answerTile(`Seed ${chosen().noise + k}`, answers[k].picture, shape, answers[k].says) : empty(`Seed ${chosen().noise + k}`))));
  }

  async function go(signal, progress) {
    const { strength: start, noise, sampler, steps, guidance } = chosen(), mine = pixels, { y, words } = await toldOf(model, mine, signal), size = mine.length;
    const z = new Float32Array(ANSWERS * model.latent_dim);
    for (let k = 0; k < ANSWERS; k++) z.set(latents(noise + k, 1, model.latent_dim), k * model.latent_dim);
    const heard = (pictures, says) => {
      answers = Array.from({ length: ANSWERS }, (_, k) => { const one = pictures.subarray(k * size, (k + 1) * size); return { picture: one, says: says(one) }; });
      if (tiles.children.length !== ANSWERS + 2 || tiles.querySelector(".empty")) return draw();
      answers.forEach((one, k) => { const tile = tiles.children[k + 2]; paintBytes(tile.querySelector("canvas"), one.picture, model.image_shape); tile.querySelector("small").textContent = one.says; });
      return undefined;
    };
    const end = await ended(model, { z, y: repeated(y, ANSWERS), n: ANSWERS, sampler, steps, guidance, start, picture: mine }, (line, of) => {
      first ??= line.x.slice(0, size);
      way.push(line.x);
      heard(line.x0, () => `expected at t = ${line.t}`);
      progress(line.step / of, `Step ${line.step} of ${of}. ${words}`);
    }, signal);
    way.push(end);
    heard(end, (one) => { const near = psnr(one, mine); return near === null ? "the very same" : `${near.toFixed(1)} dB from it`; });
    return `Drowned up to ${percent(start)} of the way and back, four times. ${words}`;
  }

  /** The picture, and how it comes back out of the noise four times. */
  function scene() {
    const { strength, noise } = chosen(), shape = model.image_shape;
    return oneWay([rowOf("The picture", [pixels], shape, "where it begins"), ...answers.map((_, k) => rowOf(`Seed ${noise + k}`, picturesOf(way, k, pixels.length), shape, `drowned up to ${percent(strength)}, and back`))], `partway-${model.name}`);
  }

  return { element, show, picture, update, rest: () => run.stop("Stopped.") };
}

const percent = (share) => `${Math.round(100 * share)} %`;
