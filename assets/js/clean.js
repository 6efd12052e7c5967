// Denoise, the part "Clean": noise on a picture, and side by side what takes it away: autoencoders that learned to and that did not, median, non-local means.

import { fetched } from "./away.js";
import { hasRoad, isAlike, isSlow, liveUrl, modelNamed, shortTitle, usable } from "./catalogue.js";
import { createCleanCurve } from "./cleancurve.js";
import { WORDS, corrupted } from "./corruption.js";
import { make, refill, say, setOptions } from "./dom.js";
import { paintBytes } from "./errormap.js";
import { qualityText } from "./inverting.js";
import { likeness } from "./likeness.js";
import { newestWins } from "./roads.js";
import { copyLink } from "./saves.js";
import { amend, choose, chosen, onChange } from "./store.js";
import { createSubject } from "./subject.js";

const WAYS = { clean: "Clean", noisy: "Noisy", denoiser: "Denoising autoencoder", plain: "Plain autoencoder", median: "Median", nlm: "Non-local means" };
const MODELS = ["denoiser", "plain"], FILTERS = ["median", "nlm"], MADE = [...MODELS, ...FILTERS];
const USUAL = { median: "3", nlm: "5-6-0.2" }; // settings where nobody has measured which are best
const NO_ROAD = "This server does not clean pictures: it was started without that road.";
const MOST_DRAWS = 1e6;
const UNDER_THE_HAND = ["level", "noise"], MINE = ["tab", "part", "model", "models", "plain", "corrupt", ...UNDER_THE_HAND];

/** @param {HTMLElement} place */
export const mount = (place) => new Clean(place);

class Clean {
  constructor(place) {
    /** The model whose data this is about; by the name of a way what it made, and how alike that is to the clean picture. */
    this.model = null;
    this.scores = new Map();
    this.lay(place);
    this.askModels = newestWins((asked) => this.cleaned(MODELS, asked));
    this.askFilters = newestWins((asked) => this.cleaned(FILTERS, asked)); // on a road of their own, for they may take longer
    onChange((_, changed) => { if (MINE.some((name) => changed.has(name))) this.update(changed); });
    this.update(new Set(MINE));
  }

  lay(place) {
    this.subject = createSubject({ onPicture: () => this.draw() });
    this.kinds = Object.entries(WORDS).map(([kind, [text]]) => make("button", { class: "lp-toggle", "data-kind": kind, onclick: () => choose({ corrupt: kind }, false) }, text));
    this.level = make("input", { type: "range", min: 0, max: 1, step: 0.01, "aria-label": "Level of the noise", "data-testid": "level", oninput: () => choose({ level: +this.level.value }, false) });
    this.value = make("output", { class: "lp-levelvalue" });
    this.means = make("p", { class: "lp-fact lp-levelsays", "data-testid": "level-says" });
    this.again = make("button", { class: "lp-button lp-newnoise", title: "The same level, drawn anew", "data-testid": "new-noise", onclick: () => choose({ noise: (chosen().noise + 1) % MOST_DRAWS }, false) }, "New noise");
    const link = make("button", { class: "lp-button lp-save", title: "This view as a link", onclick: () => this.share() }, "Copy link");
    const noise = make("section", { class: "lp-card lp-noisecard" }, make("h2", {}, "The noise"), make("div", { class: "lp-row lp-noisekinds", role: "group", "aria-label": "Kind of noise" }, ...this.kinds),
      make("label", { class: "lp-level" }, "Level", this.level, this.value), this.means, make("div", { class: "lp-row" }, this.again, link));
    this.select = make("select", { class: "lp-plainchoice", "aria-label": "Plain autoencoder", "data-testid": "plain", onchange: () => choose({ plain: this.select.value }, false) });
    this.tiles = Object.fromEntries(Object.keys(WAYS).map((way) => [way, this.tile(way)]));
    this.none = make("p", { class: "lp-empty lp-nodenoiser", "data-testid": "no-denoiser" });
    const results = make("section", { class: "lp-card lp-cleancard" }, make("h2", {}, "Side by side"), make("div", { class: "lp-cleantiles", "data-testid": "clean-tiles" }, ...Object.values(this.tiles).map(({ element }) => element)), this.none,
      make("p", { class: "lp-help" }, "Under each picture how near it is to the clean one: peak signal-to-noise ratio in decibels, and structural similarity, 1 for the same. The nearest is marked."));
    this.curve = createCleanCurve({ onLevel: (level) => choose({ level: Math.round(100 * level) / 100 }, false) });
    this.legend = make("div", { class: "lp-cleanlegend", "aria-hidden": "true" });
    this.curveSays = make("p", { class: "lp-fact", "data-testid": "curve-says" });
    const plot = make("section", { class: "lp-card lp-cleanplotcard" }, make("h2", {}, "All test pictures"), this.curve.element, this.legend, this.curveSays);
    place.replaceChildren(make("div", { class: "lp-clean", "data-testid": "clean" }, make("div", { class: "lp-cleanside" }, this.subject.element, noise), make("div", { class: "lp-cleanmain" }, results, plot)));
  }

  /** One picture of the row; its state says whether it belongs to the noise that is shown: empty, waiting, ready or none. */
  tile(way) {
    const canvas = make("canvas", { role: "img", "aria-label": WAYS[way] }), name = make("b", {}, WAYS[way]), about = make("small", { class: "lp-wayabout" }), numbers = make("small", { class: "lp-waynumbers" });
    const choice = way === "plain" && this.select;
    const element = make("figure", { class: "lp-cleantile", "data-way": way, "data-state": "empty" }, canvas, make("figcaption", {}, make("span", { class: "lp-wayname" }, make("i", { class: "lp-swatch", "aria-hidden": "true" }), name, choice), numbers, about));
    return { element, canvas, name, about, numbers };
  }

  // Who cleans

  /** Models of the data that have a code to send a picture through, quick enough; an exact flow would give the noise back. */
  able() {
    return usable().filter((one) => isAlike(one, this.model) && one.abilities.encode === true && one.abilities.log_prob !== true && !isSlow(one));
  }

  /** @param {Set<string>} changed names of what is another now; while only the level and the draw of the noise are, nothing else is looked at */
  update(changed) {
    const { tab, part, model, plain } = chosen(), next = modelNamed(model);
    if (tab !== "denoise" || part !== "clean" || !next) return undefined;
    if (next === this.model && MINE.every((name) => UNDER_THE_HAND.includes(name) || !changed.has(name))) {
      this.controls();
      return this.draw();
    }
    if (next.dataset !== this.model?.dataset) for (const way of Object.keys(WAYS)) this.blank(way);
    this.model = next;
    const able = this.able(), plains = able.filter((one) => !one.denoises).sort((a, b) => rank(a) - rank(b) || (a.metrics.mse ?? 1) - (b.metrics.mse ?? 1));
    const denoisers = able.filter((one) => one.denoises);
    if (plain && !plains.some(({ name }) => name === plain)) {
      if (modelNamed(plain)?.dataset === next.dataset || !modelNamed(plain)) say(`${plain} is no plain model of these data with an encoder; this is ${plains.length ? shortTitle(plains[0]) : "none"}.`, "problem");
      return amend({ plain: "" });
    }
    this.by = { denoiser: denoisers.find(({ name }) => name === model) ?? denoisers[0] ?? null, plain: plains.find(({ name }) => name === plain) ?? plains[0] ?? null };
    setOptions(this.select, plains.map((one) => [one.name, shortTitle(one)]), this.by.plain?.name);
    this.name();
    this.controls();
    this.lines();
    this.subject.show(next);
    this.draw();
    return undefined;
  }

  /** What stands under the pictures of models. */
  name() {
    const { denoiser, plain } = this.by, learned = denoiser?.denoises;
    this.tiles.denoiser.name.textContent = denoiser ? shortTitle(denoiser) : WAYS.denoiser;
    this.tiles.denoiser.about.textContent = learned ? `learned to clean ${learned.corruption === "any" ? "all five" : WORDS[learned.corruption][0].toLowerCase()}, up to ${learned.level}` : "";
    this.tiles.plain.about.textContent = plain ? "never saw noise" : "";
    this.tiles.denoiser.element.hidden = !denoiser;
    this.tiles.plain.element.hidden = !plain;
    this.none.hidden = !!denoiser;
    this.none.textContent = plain ? "No model of these data was trained to clean pictures; what else there is is shown." : "No model of these data can clean a picture: none has an encoder and one step. Filters are shown.";
  }

  controls() {
    const { corrupt, level } = chosen();
    for (const button of this.kinds) button.setAttribute("aria-pressed", String(button.dataset.kind === corrupt));
    if (+this.level.value !== level) this.level.value = level;
    this.value.textContent = level.toFixed(2);
    this.means.textContent = `${WORDS[corrupt][1](level, this.model.image_shape[1])}.`;
    this.again.disabled = corrupt === "blur";
    this.again.title = corrupt === "blur" ? "Nothing is drawn at random in a blur" : "The same level, drawn anew";
  }

  /** The setting of a filter that was best on training pictures at the nearest level. */
  setting(filter) {
    const { corrupt, level } = chosen(), { levels, settings } = this.by.denoiser?.metrics.cleaning ?? {};
    return settings?.[filter]?.[corrupt][nearest(levels, level)] ?? USUAL[filter];
  }

  // What is shown

  blank(way) {
    const { element, canvas, numbers } = this.tiles[way];
    element.dataset.state = "empty";
    canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
    numbers.textContent = "";
    this.scores.delete(way);
  }

  /** The noisy picture at once; what cleans it, when it comes. */
  draw() {
    const clean = this.subject.pixels(), { corrupt, level, noise } = chosen(), shape = this.model?.image_shape;
    if (!clean || !shape || clean.length !== shape.reduce((a, b) => a * b, 1)) {
      this.now = null; // an answer on its way is about a picture that is gone
      return Object.keys(WAYS).forEach((way) => this.blank(way));
    }
    const key = [corrupt, level, noise].join();
    const noisy = corrupted(corrupt, clean, shape, level, noise);
    if (this.painted !== clean || this.tiles.clean.element.dataset.state !== "ready") this.show("clean", this.painted = clean, clean, key);
    this.show("noisy", noisy, clean, key);
    for (const way of MADE) if (this.tiles[way].element.dataset.state !== "empty") this.tiles[way].element.dataset.state = "waiting";
    for (const filter of FILTERS) this.tiles[filter].about.textContent = aboutFilter[filter](this.setting(filter));
    if (!hasRoad("clean")) return say(NO_ROAD, "problem");
    const asked = { clean, noisy, key, shape, model: this.model, by: { ...Object.fromEntries(FILTERS.map((filter) => [filter, `${filter}:${this.setting(filter)}`])), ...Object.fromEntries(MODELS.map((way) => [way, this.by[way]?.name])) } };
    this.now = asked;
    this.askModels(asked);
    this.askFilters(asked);
    return undefined;
  }

  /** What some of the ways make of a noisy picture. An answer to an older noise is shown too, while the hand moves; one about another picture is not. */
  async cleaned(ways, { clean, noisy, key, shape, model, by }) {
    const here = ways.filter((way) => by[way]), size = clean.length;
    if (!here.length) return;
    try {
      const answer = await fetched(liveUrl(`clean/${encodeURIComponent(model.name)}?${new URLSearchParams({ by: here.map((way) => by[way]).join() })}`), { method: "POST", body: noisy });
      const made = new Uint8Array(await answer.arrayBuffer());
      if (this.now?.clean !== clean) return;
      here.forEach((way, k) => { if (this.now.by[way]?.split(":")[0] === by[way].split(":")[0]) this.show(way, made.subarray(k * size, (k + 1) * size), clean, key, shape); });
    } catch (error) {
      for (const way of here) this.tiles[way].element.dataset.state = "failed";
      say(error.message, "problem");
    }
  }

  show(way, pixels, clean, key, shape = this.model.image_shape) {
    const { element, canvas, numbers } = this.tiles[way], found = way === "clean" ? SAME : likeness(pixels, clean, shape);
    paintBytes(canvas, pixels, shape);
    canvas.setAttribute("aria-label", `${WAYS[way]}: ${qualityText(found)}`);
    numbers.replaceChildren(...(way === "clean" ? [] : qualityText(found).split(" · ").map((text) => make("span", {}, text))));
    element.dataset.state = !this.now || key === [chosen().corrupt, chosen().level, chosen().noise].join() ? "ready" : "waiting";
    element.dataset.of = key;
    this.scores.set(way, found.psnr);
    const height = (one) => this.scores.get(one) ?? Infinity, best = MADE.filter((one) => this.scores.has(one)).sort((a, b) => height(b) - height(a))[0];
    for (const one of MADE) this.tiles[one].element.classList.toggle("best", one === best);
    this.curve.at(chosen().level, new Map(["noisy", ...MADE].filter((one) => this.scores.has(one) && this.measured?.has(one)).map((one) => [one, this.scores.get(one)])));
  }

  // The curves of the whole test set

  lines() {
    const { denoiser, plain } = this.by, kind = chosen().corrupt, of = [denoiser, plain].map((one) => one?.metrics.cleaning), [known] = of.filter(Boolean);
    const line = (key, title, found, way) => found?.[way] && { key, title, levels: found.levels, values: found[way][kind] };
    const all = [line("noisy", "Left as it is", known, "noisy"), line("denoiser", denoiser && shortTitle(denoiser), of[0], "model"), line("plain", plain && shortTitle(plain), of[1], "model"),
      ...FILTERS.map((filter) => line(filter, WAYS[filter], of[0], filter))].filter(Boolean);
    this.measured = new Set(all.map(({ key }) => key));
    this.curve.element.hidden = !all.length;
    const unmeasured = [denoiser, plain].filter((one) => one && !one.metrics.cleaning).map(({ name }) => name);
    const fewer = of[1] && known !== of[1] && of[1].pictures !== known.pictures ? ` (${shortTitle(plain)}: of ${of[1].pictures.toLocaleString("en")})` : "";
    const said = known ? `Mean PSNR of ${known.pictures.toLocaleString("en")} test pictures${fewer} over the level, ${WORDS[kind][0].toLowerCase()}; the dots are the picture above.` : "";
    this.curveSays.textContent = [said, unmeasured.length ? `Nobody has measured ${unmeasured.join(" and ")} on all test pictures yet: python -m genmodels.evaluate ${unmeasured[0]} --cleaning does.` : ""].filter(Boolean).join(" ");
    refill(this.legend, all.map(({ key, title }) => make("span", { "data-way": key }, make("i", { class: "lp-swatch" }), title)));
    this.curve.lines(all, said);
  }

  async share() {
    await copyLink();
    if (chosen().subject === "own") say("Your picture is not in the link: whoever opens it sees another one, with the same noise.");
  }
}

const SAME = { psnr: null, ssim: 1 };
const aboutFilter = {
  median: (side) => `of ${side} × ${side} pixels`,
  nlm: (setting) => `of ${setting[0]} × ${setting[0]} patches`,
};
/** Which plain model is shown first: a nonlinear autoencoder, then a VAE, a linear one, any other. */
const rank = ({ family, linear, abilities }) => (linear ? 2 : family === "autoencoder" ? 0 : abilities.posterior === true ? 1 : 3);
const nearest = (levels, level) => levels.reduce((best, value, k) => (Math.abs(value - level) < Math.abs(levels[best] - level) ? k : best), 0);
