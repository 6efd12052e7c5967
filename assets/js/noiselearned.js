// What the network learned: how large its error is at every moment, what it sees in one picture at each of them, and how many steps its pictures need.

import { modelNamed } from "./catalogue.js";
import { paintBytes } from "./errormap.js";
import { make } from "./dom.js";
import { psnr } from "./likeness.js";
import { latent } from "./normal.js";
import { createNoPath } from "./nopath.js";
import { createCurves } from "./noisecurves.js";
import { createRun, ended, nothingYet } from "./noiserun.js";
import { createTold, toldOf } from "./noisetold.js";
import { choose, chosen, onChange } from "./store.js";
import { createSubject } from "./subject.js";
import { createTakeaway } from "./takeaway.js";
import { oneWay, rowOf } from "./tracksaves.js";

const MINE = ["tab", "part", "model", "models", "label", "noise", "t"], MOMENTS = [970, 900, 800, 700, 600, 500, 400, 300, 200, 100, 50, 20], T = 1000;

/** @param {HTMLElement} root */
export function mount(root) {
  const none = createNoPath(), told = createTold(), subject = createSubject({ onPicture: (next) => picture(next) }), run = createRun({ text: "Look again", name: "learned", work: go });
  const row = make("div", { class: "lp-learnedrow", role: "group", "aria-label": "What the net sees at each moment", "data-testid": "learned-row" });
  const slider = make("input", { type: "range", min: 0, max: T, step: 1, class: "lp-backwards", "aria-label": "Moment t", "data-testid": "learned-t", oninput: () => stand(+slider.value), onchange: () => choose({ t: +slider.value }, false) });
  const shown = make("canvas", { role: "img", "data-testid": "learned-x" }), seen = make("canvas", { role: "img", "data-testid": "learned-x0" }), says = make("p", { class: "lp-noisewords", "data-testid": "learned-says" });
  const noise = createCurves({ name: "Error of the predicted noise", across: "t, from noise to picture", range: [0, T], back: true, logY: true, onPick: (t) => pick(t) }), error = createCurves({ name: "Error of the predicted picture", across: "t, from noise to picture", range: [0, T], back: true, onPick: (t) => pick(t) });
  const steps = createCurves({ name: "Frechet distance to test pictures, by the number of steps", across: "steps", logX: true, logY: true }), byT = make("section", { class: "lp-card lp-hardcard", "data-testid": "learned-loss" }, make("h2", {}, "How hard each moment is"), make("div", { class: "lp-curvespair" }, noise.element, error.element), make("p", { class: "lp-help" }));
  const byTSays = byT.querySelector("p"), distance = make("section", { class: "lp-card lp-distancecard", "data-testid": "learned-steps" }, make("h2", {}, "How many steps a picture needs"), steps.element, make("p", { class: "lp-help" }));
  const distanceSays = distance.querySelector("p");
  const takeaway = createTakeaway(() => (found.length < 2 ? nothingYet() : scene()), "learned");
  const grid = make("div", { class: "lp-noisegrid" }, make("div", { class: "lp-noiseside" }, subject.element), make("div", { class: "lp-noisecards" },
    make("section", { class: "lp-card lp-coarsecard", "data-testid": "learned" }, make("h2", {}, "From coarse to fine"),
      make("p", { class: "lp-help" }, "Above the picture under ever less noise, below what the net takes for the clean picture in it: first where something is, then its form, at last its edges."),
      make("div", { class: "lp-learnedtop" }, make("figure", { class: "lp-answer" }, shown, make("figcaption", {}, make("b", {}, "What it is shown"))), make("figure", { class: "lp-answer" }, seen, make("figcaption", {}, make("b", {}, "What it sees in it"))), make("div", {}, says, make("div", { class: "lp-noiseslide" }, slider), make("div", { class: "lp-row" }, run.button, told.element), run.bar, run.words)), row, takeaway.element),
    byT, distance));
  root.replaceChildren(none.element, grid);
  let model = null, pixels = null, found = [], chart = "", made = ""; // made: what is found belongs to

  const wish = () => { const { label, noise: seed } = chosen(); return JSON.stringify([label, seed]); };

  const here = () => chosen().tab === "denoise" && chosen().part === "learned";

  function update(changed) {
    if (!here()) return run.stop("Stopped.");
    const next = modelNamed(chosen().model);
    if (!next) return undefined;
    const able = none.show(next), same = next.dataset === model?.dataset, other = next !== model;
    grid.hidden = !able;
    if (!able) return run.stop();
    model = next;
    told.show(model);
    if (other) {
      if (!same) pixels = null;
      measured();
    }
    subject.show(model);
    if (other ? same : wish() !== made || (changed.has("part") && !found.length)) begin();
    stand(chosen().t);
    return undefined;
  }

  /** The numbers of metrics.json. */
  function measured() {
    const { noise: all, fd_by_steps: distances } = model.metrics, moments = all?.by_t, line = (key) => [{ name: key === "noise" ? "noise" : "picture", points: moments.t.map((t, k) => [t, moments[key][k]]) }];
    byT.hidden = !moments;
    if (moments) {
      chart = model.name;
      const mark = [{ x: chosen().t, y: null, words: "" }];
      noise.show(line("noise"), mark);
      error.show(line("x0"), mark);
      byTSays.textContent = `Mean of ${moments.pictures} test pictures. With much noise it is easy to say what is noise, and hard to say what the picture is; with little it is the other way round.`;
    }
    const lines = Object.entries(distances ?? {}).filter(([name]) => name !== "samples").map(([name, by]) => ({ name, points: Object.entries(by).map(([count, { fd }]) => [+count, fd]) }));
    distance.hidden = !lines.length;
    steps.show(lines);
    distanceSays.textContent = lines.length ? `${distances.samples.toLocaleString("en")} pictures for each dot; less is better. More steps cost time and soon bring nothing.` : "";
  }

  function picture(next) {
    pixels = next;
    begin();
  }

  function begin() {
    if (!model) return;
    run.stop();
    [found, made] = [[], wish()];
    const [, height, width] = model.image_shape;
    row.replaceChildren(...MOMENTS.map((t, k) => make("button", { class: "lp-learnedpair", "data-t": t, "aria-label": `Moment ${t}`, onclick: () => choose({ t }, false) }, make("canvas", { width, height }), make("canvas", { width, height }), make("small", {}, `${k ? "" : "t = "}${t}`))));
    for (const canvas of [shown, seen]) Object.assign(canvas, { width, height });
    run.button.disabled = !pixels;
    if (pixels && here() && !model.heavy) run.soon();
    stand(chosen().t);
  }

  /** One step from each moment: what it is shown, and the picture that it expects. */
  async function go(signal, progress) {
    const mine = pixels, { y, words } = await toldOf(model, mine, signal), z = latent(chosen().noise, model.latent_dim);
    found = [];
    for (const [k, t] of MOMENTS.entries()) {
      let first = null;
      await ended(model, { z, y, n: 1, sampler: "", steps: 1, guidance: model.steps.guidance === null ? "" : 1, start: t / T, picture: mine }, (line) => { first ??= line; }, signal);
      found.push({ t: first.t, x: first.x, x0: first.x0, psnr: psnr(first.x0, mine) });
      const [above, below] = row.children[k].querySelectorAll("canvas");
      paintBytes(above, first.x, model.image_shape);
      paintBytes(below, first.x0, model.image_shape);
      progress((k + 1) / MOMENTS.length, `Moment ${first.t} of ${T}. ${words}`);
      stand(chosen().t);
    }
    return words || "The net is told nothing but the moment.";
  }

  /** From noise to picture: what the net is shown, and what it sees in it. */
  function scene() {
    const row = (title, key) => rowOf(title, found.map((one) => one[key]), model.image_shape, `t = ${found[0].t} to ${found.at(-1).t}`);
    return oneWay([row("What it is shown", "x"), row("What it sees in it", "x0"), rowOf("The picture", [pixels], model.image_shape)], `learned-${model.name}`);
  }

  /** The moment nearest to t, large; the line in the plots moves with the hand. */
  function stand(t) {
    slider.value = t;
    if (chart === model.name) for (const plot of [noise, error]) plot.moveTo(t);
    const best = found.reduce((near, one) => (!near || Math.abs(one.t - t) < Math.abs(near.t - t) ? one : near), null);
    [...row.children].forEach((pair, k) => pair.classList.toggle("at", !!best && found[k] === best));
    if (!best) { says.textContent = `t = ${t}`; return; }
    paintBytes(shown, best.x, model.image_shape);
    paintBytes(seen, best.x0, model.image_shape);
    says.textContent = `t = ${best.t} of ${T}: what it sees comes ${best.psnr === null ? "to the very same picture" : `within ${best.psnr.toFixed(1)} dB of the picture`}.`;
    for (const [canvas, what] of [[shown, "The picture under noise"], [seen, "What the net sees in it"]]) canvas.setAttribute("aria-label", `${what} at t = ${best.t}`);
  }

  function pick(t) {
    stand(Math.round(Math.min(T, Math.max(0, t))));
    choose({ t: Math.round(Math.min(T, Math.max(0, t))) }, false);
  }

  onChange((_, changed) => { if (MINE.some((name) => changed.has(name))) update(changed); });
  update(new Set());
}
