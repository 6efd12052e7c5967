// A walk between two noises on the great arc: noise of a seed or that of the picture; the pictures of the walk stand in a row and under a slider.

import { make, refill, say } from "./dom.js";
import { paint, shapeOf } from "./paint.js";
import { latent } from "./normal.js";
import { howFor } from "./how.js";
import { textFor } from "./place.js";
import { createRun, nothingYet } from "./noiserun.js";
import { decodeBehind } from "./roads.js";
import { amend, choose, chosen } from "./store.js";
import { repeated } from "./noisetold.js";
import { createTakeaway } from "./takeaway.js";
import { oneWay } from "./tracksaves.js";
import { through } from "./walks.js";

const SMALL = 11, LARGE = 7, LARGE_SIDE = 48, TOGETHER = 4, PLACES = 100000; // pictures of a walk, of large ones fewer; how many are asked for at once

export function createNoiseWalk() {
  const run = createRun({ text: "Walk", name: "noisewalk", work: go });
  const from = make("select", { "aria-label": "From", "data-testid": "walk-from", onchange: () => choose({ from: from.value }, false) });
  const draw = (key) => make("button", { class: `lp-button lp-walk${key}`, title: "Noise of another seed", "data-testid": `walk-${key}-other`, onclick: () => choose({ [key]: `seed:${Math.floor(Math.random() * PLACES)}` }, false) }, "Another seed");
  const to = make("output", { "aria-live": "off" });
  const slider = make("input", { type: "range", min: 0, max: 1, step: 0.01, "aria-label": "Place on the walk", "data-testid": "noisewalk-slider", oninput: () => stand(+slider.value), onchange: () => choose({ at: +slider.value }, false) });
  const large = make("canvas", { class: "lp-noiselarge", role: "img", "aria-label": "The picture at this place of the walk", "data-testid": "noisewalk-picture" }), strip = make("div", { class: "lp-noisestrip", "data-testid": "noisewalk-strip" });
  const press = (text, title, name, onclick) => make("button", { class: "lp-button", title, "data-testid": name, onclick }, text);
  const takeaway = createTakeaway(() => (frames.length < 2 ? nothingYet() : scene()), "noisewalk");
  const element = make("section", { class: "lp-card lp-noisewalkcard", "data-testid": "noisewalk" }, make("h2", {}, "A walk between two noises"),
    make("p", { class: "lp-help" }, "On the great arc, where noise keeps its strength: between two seeds every place is as likely as its ends. In the middle of a straight line it would be too weak, and decode to a blur."),
    make("div", { class: "lp-row" }, make("label", { class: "lp-noisefield lp-walkfrom" }, "From", from), draw("from"), make("span", { class: "lp-noisefield" }, "to", to), draw("to")),
    make("div", { class: "lp-row" }, run.button, press("Open in Interpolate", "The same walk, with other models beside it", "walk-interpolate", () => interpolate()), press("Open in Explore", "The place under the slider on the map", "walk-explore", () => explore())), run.bar, run.words,
    make("div", { class: "lp-noisewalk" }, large, make("div", {}, make("div", { class: "lp-noiseslide" }, slider), strip)), takeaway.element);
  let model = null, found = null, frames = [], made = ""; // made: what the walk belongs to

  const count = () => (model.image_shape[2] >= LARGE_SIDE ? LARGE : SMALL), fromPicture = () => chosen().from === "picture" && model.abilities.encode === true;
  const wish = () => { const { from: start, to: goal, steps, sampler, guidance, label: told } = chosen(); return JSON.stringify([start, goal, steps, sampler, guidance, fromPicture() ? "" : told]); };
  const endsNow = () => [fromPicture() ? found?.z ?? null : latent(+(chosen().from.slice(5) || 1), model.latent_dim), latent(+chosen().to.slice(5), model.latent_dim)];

  function show(next) {
    [model, found] = [next, null];
    if (chosen().from === "picture" && model.abilities.encode !== true) amend({ from: "seed:1" });
    forget();
  }

  /** The noise of the picture has been found, or it is another picture now. */
  function take(next) {
    found = next;
    if (model && fromPicture()) begin();
  }
  function picture() {
    if (model && !fromPicture() && !frames.length) begin();
  }
  function update(changed) {
    if (wish() !== made || (!frames.length && ["tab", "part"].some((name) => changed.has(name)))) begin();
  }

  function forget() {
    run.stop();
    frames = [];
    const [, height, width] = model.image_shape, seed = chosen().from === "picture" ? "seed:1" : chosen().from;
    from.replaceChildren(...[model.abilities.encode === true && ["picture", "the noise of the picture"], [seed, `the noise of ${seed.replace(":", " ")}`]].filter(Boolean).map(([value, text]) => make("option", { value }, text)));
    from.value = chosen().from;
    to.textContent = chosen().to.replace(":", " ");
    slider.value = chosen().at;
    slider.disabled = true;
    Object.assign(large, { width, height });
    refill(strip, Array.from({ length: count() }, () => make("canvas", { width, height })));
  }

  function begin() {
    if (!model) return;
    forget();
    made = wish();
    run.button.disabled = !endsNow()[0];
    if (endsNow()[0] && !model.heavy) run.soon();
    else if (!endsNow()[0]) run.words.textContent = "It begins as soon as the noise of the picture is found.";
  }

  async function go(signal, progress) {
    const ends = endsNow(), codes = through(ends, count(), "circle"), shape = shapeOf(model.image_shape), y = conditions(), canvases = [...strip.children];
    frames = [];
    for (let k = 0; k < codes.length; k += TOGETHER) {
      const part = codes.slice(k, k + TOGETHER), z = new Float32Array(part.length * model.latent_dim);
      part.forEach((code, i) => z.set(code, i * model.latent_dim));
      progress(k / codes.length, `Picture ${k + 1} of ${codes.length} …`);
      const pixels = await decodeBehind(model, z, repeated(y, part.length), part.length, howFor(model), signal), size = pixels.length / part.length;
      part.forEach((_, i) => { frames.push(pixels.subarray(i * size, (i + 1) * size)); paint(canvases[k + i], pixels, shape, i); });
      slider.disabled = false;
      stand(+slider.value);
    }
    return `From ${nameOf(chosen().from)} to ${nameOf(chosen().to)}, ${lengths(codes)}.`;
  }

  /** The walk as an animation goes there and back. */
  function scene() {
    const n = frames.length, pixels = new Float32Array(n * frames[0].length);
    frames.forEach((frame, k) => pixels.set(frame, k * frame.length));
    const row = { title: `${nameOf(chosen().from)} to ${nameOf(chosen().to)}`, shape: shapeOf(model.image_shape), frames: { n, pixels, done: new Uint8Array(n).fill(1), count: n, how: "on the great arc" } };
    return { ...oneWay([row], `noisewalk-${model.name}`), goesBack: true };
  }

  /** The noises are told the same at both ends: with the picture what it is told, else the class of the address. */
  function conditions() {
    if (fromPicture()) return found.y;
    const K = model.conditions.length, y = K ? new Float32Array(K) : null, { label } = chosen();
    if (y && label !== "" && label !== "none" && +label < K) y[+label] = 1;
    return y;
  }

  function stand(t) {
    const k = Math.min(frames.length - 1, Math.round(t * (count() - 1)));
    if (k < 0) return;
    paint(large, frames[k], shapeOf(model.image_shape));
    [...strip.children].forEach((canvas, i) => canvas.classList.toggle("at", i === k));
    slider.setAttribute("aria-valuetext", `picture ${k + 1} of ${count()}`);
  }

  const pointOf = (end, z) => (end === "picture" ? textFor(z) : end), label = () => (model.conditions.length ? chosen().label : "");
  function interpolate() {
    const [a, b] = endsNow();
    if (!a) return say("The noise of the picture is not found yet.");
    return choose({ tab: "interpolate", ends: [[chosen().from, a], [chosen().to, b]].map(([end, z]) => ({ model: model.name, point: pointOf(end, z), label: label() })) });
  }
  function explore() {
    const [a, b] = endsNow(), { at } = chosen();
    if (!a) return say("The noise of the picture is not found yet.");
    return choose({ tab: "explore", point: at === 0 ? pointOf(chosen().from, a) : at === 1 ? chosen().to : textFor(through([a, b], 101, "circle")[Math.round(100 * at)]), label: label() });
  }

  return { element, show, take, picture, update, rest: () => run.stop("Stopped.") };
}

const nameOf = (end) => (end === "picture" ? "the noise of the picture" : end.replace(":", " "));

/** How long the noises of the walk are, in standard deviations. @param {Float32Array[]} codes */
function lengths(codes) {
  const all = codes.map((code) => Math.sqrt(code.reduce((sum, value) => sum + value * value, 0) / code.length));
  return `its noise has a spread of ${Math.min(...all).toFixed(2)} to ${Math.max(...all).toFixed(2)}`;
}
