// From a picture back to its noise by DDIM run backwards, and forth again: both ways stream in and then scrub, with what was lost beside what is usually lost.

import { answerTile } from "./answertile.js";
import { paintBytes } from "./errormap.js";
import { make } from "./dom.js";
import { likeness } from "./likeness.js";
import { createCurves } from "./noisecurves.js";
import { createRun, ended, nothingYet } from "./noiserun.js";
import { toldOf } from "./noisetold.js";
import { noiseOf } from "./path.js";
import { choose, chosen } from "./store.js";
import { createTakeaway } from "./takeaway.js";
import { oneWay, rowOf } from "./tracksaves.js";

const STEPS = [5, 10, 20, 50, 100, 200], WEAK = 0.8; // a spread below which noise is said to be weak

/** The sampler that leads back over the way that was come: of first order, and without chance. @param {import("./catalogue.js").Model} model */
export const steady = (model) => (model.steps.samplers.includes("ddim") ? "ddim" : model.steps.samplers[0]);

/**
 * @param {{onNoise: (found: {z: Float32Array, y: Float32Array|null}|null) => void}} told of the noise of every picture, and of null while there is none
 */
export function createTrip({ onNoise }) {
  const run = createRun({ text: "Find its noise", name: "trip", work: go });
  const steps = make("select", { "aria-label": "Steps back, and as many forth", "data-testid": "trip-steps", onchange: () => choose({ trip: +steps.value }, false) });
  const canvas = make("canvas", { role: "img", "aria-label": "On the way", "data-testid": "trip-way" }), place = make("small");
  const slider = make("input", { type: "range", min: 0, max: 0, value: 0, step: 1, "aria-label": "Place on the way to the noise and back", "data-testid": "trip-slider", oninput: () => scrub(+slider.value) });
  const tiles = make("div", { class: "lp-answers lp-trip" }), curves = createCurves({ name: "PSNR of what comes back, in dB: mean of test pictures, and a ring for this one", across: "steps back, and as many forth", logX: true, logY: false, text: (value) => String(Math.round(value)) });
  const takeaway = createTakeaway(() => (frames.length < 2 ? nothingYet() : oneWay([rowOf("To its noise, and back", frames.map(({ x }) => x), model.image_shape, `${chosen().trip} steps each way`)], `noise-${model.name}`)), "trip");
  const shown = make("figure", { class: "lp-answer" }, canvas, make("figcaption", {}, make("b", {}, "On the way"), place));
  const without = make("p", { class: "lp-empty", hidden: true }), body = make("div", { class: "lp-cardbody" },
    make("div", { class: "lp-row" }, run.button, make("label", { class: "lp-noisefield lp-tripsteps" }, "Steps", steps)), run.bar, run.words, tiles, make("div", { class: "lp-noiseslide" }, slider), takeaway.element, curves.element);
  const element = make("section", { class: "lp-card lp-tripcard", "data-testid": "trip" }, make("h2", {}, "To its noise, and back"), without, body);
  let model = null, pixels = null, frames = [], noise = null, again = null, made = ""; // made: what the way belongs to

  const wish = () => { const { label, trip } = chosen(); return JSON.stringify([label, trip]); };

  function show(next) {
    [model, pixels] = [next, null];
    const can = model.abilities.encode === true;
    without.hidden = can;
    body.hidden = !can;
    without.textContent = can ? "" : model.abilities.encode;
    forget();
    run.words.textContent = "";
  }

  function picture(next) {
    pixels = next;
    begin();
  }

  function update(changed) {
    if (wish() !== made || (!again && ["tab", "part"].some((name) => changed.has(name)))) begin();
  }

  /** What was found belongs to another picture, or to other steps. */
  function forget() {
    run.stop();
    [frames, noise, again] = [[], null, null];
    onNoise(null);
    draw();
  }

  function begin() {
    if (!model) return;
    forget();
    made = wish();
    run.button.disabled = !pixels;
    if (model.abilities.encode === true && pixels && !model.heavy) run.soon();
  }

  function draw() {
    if (!model) return;
    const shape = model.image_shape, [, height, width] = shape, all = [...new Set([...STEPS, chosen().trip])].sort((a, b) => a - b);
    steps.replaceChildren(...all.map((value) => make("option", { value }, String(value))));
    steps.value = chosen().trip;
    slider.max = Math.max(0, frames.length - 1);
    slider.disabled = !frames.length;
    if (!frames.length) { Object.assign(canvas, { width, height }); place.textContent = "–"; }
    const empty = (title) => make("figure", { class: "lp-answer empty" }, make("canvas", { width, height }), make("figcaption", {}, make("b", {}, title), make("small", {}, "–")));
    tiles.replaceChildren(pixels ? answerTile("The picture", pixels, shape, "where it begins") : empty("The picture"), shown,
      noise ? answerTile("Its noise", noise.picture, shape, `mean ${noise.mean.toFixed(2)}, spread ${noise.spread.toFixed(2)}`) : empty("Its noise"), again ? answerTile("And back", again.picture, shape, again) : empty("And back"));
    const measured = Object.entries(model.metrics.noise?.round_trip?.by_steps ?? {}).map(([count, row]) => [+count, row.psnr]);
    curves.show(measured.length ? [{ name: "PSNR in dB, mean of test pictures", points: measured }] : [], again && again.psnr !== null ? [{ x: chosen().trip, y: again.psnr, words: `This picture: ${again.psnr.toFixed(1)} dB` }] : []);
  }

  function scrub(k) {
    const frame = frames[k];
    if (!frame) return;
    slider.value = k;
    paintBytes(canvas, frame.x, model.image_shape);
    place.textContent = frame.says;
    slider.setAttribute("aria-valuetext", frame.says);
  }

  function add(x, says) {
    frames.push({ x, says });
    slider.max = frames.length - 1;
    slider.disabled = false;
    scrub(frames.length - 1);
  }

  async function go(signal, progress) {
    const count = chosen().trip, mine = pixels, { y, words } = await toldOf(model, mine, signal);
    [frames, noise, again] = [[], null, null];
    draw();
    add(mine, "t = 0, the picture");
    const z = await noiseOf(model, mine, y, count, (line) => {
      if (!line.x) return;
      add(line.x, `back, t = ${line.t}`);
      progress(line.step / line.of / 2, `Back, step ${line.step} of ${line.of}. ${words}`);
    }, signal);
    noise = { picture: asPicture(z, model.image_shape), ...momentsOf(z) };
    onNoise({ z, y });
    draw();
    const end = await ended(model, { z, y, n: 1, sampler: steady(model), steps: count, eta: 0, guidance: model.steps.guidance === null ? "" : 1 }, (line, of) => {
      if (line.step > 1) add(line.x, `forth, t = ${line.t}`);
      progress(0.5 + line.step / of / 2, `Forth, step ${line.step} of ${of}. ${words}`);
    }, signal);
    again = { picture: end, ...likeness(end, mine, model.image_shape) };
    add(end, "t = 0, and back");
    draw();
    scrub(frames.length - 1);
    return `${count} steps back and ${count} forth leave ${again.psnr === null ? "the very same picture" : `${again.psnr.toFixed(1)} dB`}; more steps lose less. ${noise.spread < WEAK ? "Its noise is weaker than N(0, I) and still shows the outline: where the data never vary, the way back finds no noise. " : ""}${words}`;
  }

  return { element, show, picture, update, rest: () => run.stop("Stopped.") };
}

/** Noise as a picture uint8 [H, W, C]: three standard deviations are black or white. @param {Float32Array} z [C, H, W] */
export function asPicture(z, [channels, height, width]) {
  const size = height * width;
  return Uint8Array.from({ length: z.length }, (_, k) => Math.min(255, Math.max(0, 127.5 * (z[(k % channels) * size + Math.floor(k / channels)] / 3 + 1))));
}

function momentsOf(z) {
  const mean = z.reduce((sum, value) => sum + value, 0) / z.length;
  return { mean, spread: Math.sqrt(z.reduce((sum, value) => sum + (value - mean) ** 2, 0) / z.length) };
}
