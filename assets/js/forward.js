// Denoise, the part "Forward": a picture drowns in noise, at any moment at once in closed form, and step by step as a chain.

import { modelNamed } from "./catalogue.js";
import { createChainCard } from "./chaincard.js";
import { make } from "./dom.js";
import { paintBytes } from "./errormap.js";
import { formula, inMath } from "./formula.js";
import { isFree } from "./lesson.js";
import { createPlot } from "./noiseplots.js";
import { bytesFrom, closedForm, drawsOf, noiseOf, numbersOf } from "./noising.js";
import { createPlayer } from "./play.js";
import { copyLink } from "./saves.js";
import { KINDS, createSchedule, sharesAt, signalToNoise } from "./schedules.js";
import { choose, chosen, onChange } from "./store.js";
import { createSubject } from "./subject.js";

const TIMES = 1000, MOMENTS = 8, MOST_DRAWS = 1e6;
const DECADES = 4; // the plot of signal to noise goes from 10^-4 to 10^4
const SCHEDULES = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, createSchedule(kind, TIMES)]));
const STRIP = Array.from({ length: MOMENTS }, (_, k) => Math.round(k * TIMES / (MOMENTS - 1)));
const figures = (value) => (value === Infinity ? "∞" : String(+value.toPrecision(3)).replace(/e([+-])(\d+)/, (_, sign, power) => ` · 10^${sign === "-" ? "−" : ""}${power}`));
const share = (value) => Math.min(1, Math.max(0, value));

/** @param {HTMLElement} place */
export const mount = (place) => new Forward(place);

class Forward {
  constructor(place) {
    this.clean = this.noise = null; // numbers in [-1, 1], and the noise of all draws
    this.lay(place);
    onChange((_, changed) => { if (["tab", "part", "model", "models", "t", "noise", "grows"].some((name) => changed.has(name))) this.update(changed); });
    this.update(new Set());
  }

  lay(place) {
    this.subject = createSubject({ onPicture: (pixels) => this.take(pixels) });
    this.player = createPlayer({ onMove: (at) => this.show(Math.round(at * TIMES)), onRest: () => this.rest(), name: "forward" });
    this.slider = make("input", { type: "range", min: 0, max: TIMES, step: 1, "data-testid": "forward-t", "aria-label": "The moment t",
      oninput: () => { this.player.stop(); this.show(+this.slider.value); }, onchange: () => this.rest() });
    this.moment = make("output", { class: "lp-moment", "aria-live": "off" });
    this.rows = Object.keys(KINDS).map((kind) => this.row(kind));
    this.chain = createChainCard({ schedules: SCHEDULES, onKind: (grows) => choose({ grows }, false), onStep: (by) => { this.player.stop(); this.show(this.t + by); this.rest(); } });
    const again = make("button", { class: "lp-button lp-newnoise", title: "The same moment, with other noise", "data-testid": "forward-noise", onclick: () => choose({ noise: (chosen().noise + 1) % MOST_DRAWS }, false) }, "New noise");
    const link = make("button", { class: "lp-button lp-save", title: "This view as a link", onclick: () => copyLink() }, "Copy link");
    const equation = make("p", { class: "lp-lawline" }, formula("x_t = √(ᾱ_t) x_0 + √(1 − ᾱ_t) ε"), make("span", { class: "lp-fact" }, "with ", formula("ᾱ_t = (1 − β_1) (1 − β_2) ⋯ (1 − β_t)"), " and ε drawn from N(0, I)"));
    const side = make("div", { class: "lp-noiseside" }, this.subject.element, make("section", { class: "lp-card lp-lawcard" }, make("h2", {}, "What happens"),
      make("p", { class: "lp-fact" }, "At every moment a little of the picture is taken away and a little noise is added. Because sums of normal noise are normal, one can jump to any moment in a single line:"), equation,
      make("div", { class: "lp-row" }, again, link)));
    const main = make("section", { class: "lp-card lp-forwardcard" },
      make("div", { class: "lp-momentline" }, make("div", { class: "lp-row" }, ...this.player.elements), this.moment, this.slider), ...this.rows.map(({ element }) => element), this.strip());
    this.element = make("div", { class: "lp-forward", "data-testid": "forward", "data-t": "" }, make("div", { class: "lp-forwardtop" }, side, main), this.chain.element);
    place.replaceChildren(this.element);
    document.addEventListener("keydown", (event) => this.shortcut(event));
  }

  /** One schedule: its picture, its equation with the numbers of the moment, and its three plots. */
  row(kind) {
    const schedule = SCHEDULES[kind], other = SCHEDULES[kind === "cosine" ? "linear" : "cosine"], [title, source] = KINDS[kind];
    const picture = make("canvas", { class: "lp-noisepicture", role: "img", "data-testid": `forward-${kind}` }), numbers = make("div", { class: "lp-numbers", "data-testid": `forward-${kind}-numbers` });
    const curve = (height) => [schedule, other].map((one) => ({ times: TIMES, height: (t) => share(height(one, t)) }));
    const plot = (name, words, top, bottom, height, said) => {
      const [mine, others] = curve(height);
      return createPlot({ name: formula(name), words: `${title}: ${words}`, top, bottom, mine, other: others, said: (t) => said(schedule, t), onPick: (t) => { this.player.stop(); this.show(t); this.rest(); } });
    };
    const plots = [
      plot("β_t", "the noise that step t adds, its variance", "0.05", "0", ({ betas }, t) => betas[t] / 0.05, ({ betas }, t) => (t ? betas[t].toPrecision(3) : "–")),
      plot("ᾱ_t", "what is left of the picture, of its variance", "1", "0", ({ left }, t) => left[t], ({ left }, t) => left[t].toFixed(4)),
      plot("\"signal to noise\"", "signal to noise, on a logarithmic scale", "10⁴", "10⁻⁴", (one, t) => (Math.log10(signalToNoise(one, t)) + DECADES) / (2 * DECADES), (one, t) => figures(signalToNoise(one, t))),
    ];
    const element = make("section", { class: "lp-schedule", "aria-label": title }, picture,
      make("div", {}, make("h3", {}, title, make("small", {}, source)), numbers, make("div", { class: "lp-plots" }, ...plots.map((one) => one.element))));
    const show = (t) => {
      for (const one of plots) one.show(t);
      const [alpha, sigma] = sharesAt(schedule, t);
      numbers.replaceChildren(formula(`x_{${t}} = ${inMath(alpha)} · x_0 + ${inMath(sigma)} · ε`));
      if (this.clean) this.paint(picture, closedForm(this.clean, schedule, t, this.noise.subarray(0, this.clean.length)), `The picture at t = ${t}, ${title}`);
    };
    return { kind, element, show };
  }

  /** Eight moments of both schedules, to look at and to press. */
  strip() {
    this.tiles = Object.keys(KINDS).flatMap((kind) => STRIP.map((t) => ({ kind, t, canvas: make("canvas", { "aria-hidden": "true" }) })));
    const heads = STRIP.map((t) => make("button", { class: "lp-momentbutton", "data-t": String(t), "aria-label": `To t = ${t}`, onclick: () => { this.player.stop(); this.show(t); this.rest(); } },
      ...this.tiles.filter((tile) => tile.t === t).map(({ canvas }) => canvas), make("small", {}, `t = ${t}`)));
    this.heads = heads;
    return make("div", { class: "lp-moments", role: "group", "aria-label": "Eight moments" }, make("div", { class: "lp-momentnames", "aria-hidden": "true" }, ...Object.values(KINDS).map(([title]) => make("span", {}, title))), ...heads);
  }

  paint(canvas, numbers, words) {
    paintBytes(canvas, bytesFrom(numbers), this.model.image_shape);
    if (words) canvas.setAttribute("aria-label", words);
  }

  /** A new clean picture. @param {Uint8Array|null} pixels */
  take(pixels) {
    this.clean = pixels && numbersOf(pixels);
    this.drown();
  }

  /** New noise on it. */
  drown() {
    this.element.dataset.ready = String(!!this.clean);
    if (!this.clean) return this.chain.become(null);
    const size = this.clean.length, count = drawsOf(size);
    if (this.drawn !== `${chosen().noise} ${size}`) this.noise = noiseOf(chosen().noise, size * count);
    this.drawn = `${chosen().noise} ${size}`;
    for (const { kind, t, canvas } of this.tiles) this.paint(canvas, closedForm(this.clean, SCHEDULES[kind], t, this.noise.subarray(0, size)));
    this.chain.become({ clean: this.clean, noise: this.noise, seed: chosen().noise, shape: this.model.image_shape });
    this.show(this.t ?? chosen().t);
  }

  /** Another moment; everything follows at once but the chain, which has to walk. */
  show(t) {
    this.t = Math.min(TIMES, Math.max(0, t));
    this.player.from(this.t / TIMES);
    this.slider.value = this.t;
    this.moment.replaceChildren(formula(`t = ${this.t}`));
    for (const row of this.rows) row.show(this.t);
    for (const head of this.heads) head.setAttribute("aria-current", String(+head.dataset.t === this.t));
    this.element.dataset.t = this.t;
    this.chain.show(chosen().grows, this.t);
  }

  rest() { choose({ t: this.t }, false); }

  shortcut(event) {
    if (chosen().tab !== "denoise" || chosen().part !== "forward" || event.altKey || event.ctrlKey || event.metaKey || event.target !== document.body) return;
    const moves = { ArrowLeft: -1, ArrowRight: 1, Home: -TIMES, End: TIMES }, by = moves[event.key];
    if (event.key !== " " && !by) return;
    event.preventDefault();
    if (!isFree("t")) return undefined;
    if (event.key === " ") return this.player.toggle();
    this.player.stop();
    this.show(this.t + by * (event.shiftKey ? 10 : 1));
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.rest(), 300); // one address for many keys
  }

  update(changed) {
    const { tab, part, model, t } = chosen();
    if (tab !== "denoise" || part !== "forward") { this.player.stop(); return this.chain.pause(); }
    const other = modelNamed(model);
    if (!other) return undefined;
    this.model = other;
    if (changed.has("t") || this.t === undefined) this.t = t;
    this.subject.show(other);
    if (changed.has("noise")) this.drown();
    else this.show(this.t);
    return undefined;
  }
}
