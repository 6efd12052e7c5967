// The Interpolate page: stops of a walk, one slider, and a row of pictures for every model.

import { whenReady } from "./begin.js";
import { isAlike, isGone, modelNamed, shortTitle, usable } from "./catalogue.js";
import { measure } from "./curve.js";
import { make, refill, say, setOptions } from "./dom.js";
import { createEnds } from "./ends.js";
import { crossfade, kindOf, walkOf } from "./frames.js";
import { howFor } from "./how.js";
import { isHidden } from "./lesson.js";
import { CROSSFADE, usualRows } from "./lineup.js";
import { textFor } from "./place.js";
import { createPlayer } from "./play.js";
import { copyLink } from "./saves.js";
import { chosenStops, keyOf, stopAt } from "./stops.js";
import { amend, choose, chosen, isLocal, onChange, redo, undo } from "./store.js";
import { createTakeaway } from "./takeaway.js";
import { createWalkbar } from "./walkbar.js";
import { createGrid } from "./walkgrid.js";
import { createRow } from "./walkrow.js";

const DECODING = ["truncation", "steps", "sampler", "guidance"]; // what changes a model's pictures at the same latents
const MINE = new Set(["tab", "model", "models", "ends", "rows", "walk", "view", "at", "pins", "point", "label", ...DECODING]);
const WRITES = "input[type=number], input[type=text], textarea, select, [role=tab], [role=radio], .lp-board"; // takes its keys itself
const FEW = matchMedia("(max-width: 860px)"), tilesNow = () => (FEW.matches ? 5 : 11);

/** @param {HTMLElement} root */
export const mount = (root) => whenReady(root, () => new Interpolate(root));

class Interpolate {
  constructor(root) {
    this.rows = new Map(); // by name
    this.turn = this.at = 0;
    this.lay(root);
    document.addEventListener("keydown", (event) => this.shortcut(event), true);
    FEW.addEventListener("change", () => { for (const { view } of this.rows.values()) view.tile(tilesNow()); });
    onChange((_, changed) => { if ([...changed].some((name) => MINE.has(name))) this.update(changed); });
    this.update(new Set());
  }

  lay(root) {
    this.ends = createEnds((ends) => choose({ ends }));
    this.player = createPlayer({ onMove: (t) => this.show(t), onRest: () => this.rest() });
    this.grid = createGrid({ onExplore: (model, z, y) => this.explore(model, z, y) });
    this.takeaway = createTakeaway(() => this.scene());
    this.slider = make("input", { type: "range", min: 0, max: 1, step: 0.001, "data-testid": "interpolate-slider",
      "aria-label": "Place on the walk", oninput: () => { this.player.stop(); this.show(+this.slider.value); }, onchange: () => this.rest() });
    this.place = make("output", { class: "lp-place-on" });
    this.bar = createWalkbar(() => this.copyLink());
    this.adder = make("select", { class: "lp-adder", "aria-label": "Add a row", "data-testid": "interpolate-add",
      onchange: () => this.setRows([...this.names, this.adder.value]) });
    const slide = make("div", { class: "lp-walkrow lp-slide" }, make("div", { class: "lp-row" }, ...this.player.elements), this.place,
      make("div", { class: "lp-sliderbox" }, this.slider));
    this.keys = [make("span", { class: "sure" }, "how sure the classifier is"),
      make("span", { class: "far", title: "In the classifier's features; half of the height is how far test pictures are from each other" },
        "distance to the nearest test picture"),
      make("span", { class: "steps", title: "The change of the picture from frame to frame; three times the mean at most" },
        "change per step")];
    this.list = make("div", { class: "lp-walkrows" });
    this.rowsBox = make("div", { class: "lp-rowsbox" }, slide, this.list,
      make("div", { class: "lp-row lp-walkfoot" }, make("span", { class: "lp-addrow" }, this.adder),
        make("p", { class: "lp-keys" }, ...this.keys)));
    this.problem = make("p", { class: "lp-empty", role: "status", hidden: true });
    this.element = make("div", { class: "lp lp-interpolate", "data-testid": "interpolate", "aria-busy": "true" },
      make("section", { class: "lp-card lp-stopscard" }, this.ends.element, this.problem), this.bar.element,
      make("section", { class: "lp-card lp-walkcard" }, this.rowsBox, this.grid.element), this.takeaway.element,
      make("p", { class: "lp-help" }, "Drag the slider or any strip. Keys: arrows move, space plays, Z undo."));
    root.replaceChildren(this.element);
  }

  // The hand: everything here is already in the page

  /** The same place in all rows. */
  show(t) {
    this.at = Math.min(1, Math.max(0, t));
    this.player.from(this.at);
    if (+this.slider.value !== this.at) this.slider.value = this.at;
    this.place.textContent = this.at.toFixed(2);
    this.list.style.setProperty("--at", this.at);
    for (const { view } of this.rows.values()) view.show(this.at);
    const detail = () => ({ at: Math.round(1000 * this.at) / 1000 });
    window.dispatchEvent(new CustomEvent("latent-hand", { detail })); // a class may see it too
  }

  rest() {
    choose({ at: Math.round(1000 * this.at) / 1000 }, false);
    if (chosen().lock.includes("at")) this.show(chosen().at);
  }

  shortcut(event) {
    if (chosen().tab !== "interpolate" || event.altKey || event.target.matches?.(WRITES)) return;
    const ours = event.target === document.body || this.element.contains(event.target);
    if (!ours) return;
    const key = event.key.toLowerCase(), button = event.target.closest?.("button"), frames = event.shiftKey ? 8 : 1;
    const moves = { arrowleft: () => this.step(-frames), arrowright: () => this.step(frames),
      home: () => this.step(-Infinity), end: () => this.step(Infinity), " ": button ? null : () => this.player.toggle() };
    const undoes = isHidden("undo") ? null : event.shiftKey ? redo : undo;
    const action = key === "z" ? undoes : event.ctrlKey || event.metaKey ? null : moves[key];
    if (action) event.preventDefault();
    if (action || event.target === document.body) event.stopImmediatePropagation(); // Explore's keys are not ours
    action?.();
  }

  step(frames) {
    this.player.stop();
    this.show(this.at + frames / 64);
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.rest(), 300); // one address for many keys
  }

  // Buttons

  setRows(rows) { choose({ rows }); }

  copyLink() {
    if (!this.stops?.some(({ point }) => isLocal(point))) return copyLink();
    return say("One of the stops has too many numbers for a link; choose another one to share this walk.", "problem");
  }

  /** Go on in Explore with a latent of a model. */
  explore(model, z, y) {
    const told = y && Math.max(...y) > 0 ? String(y.indexOf(Math.max(...y))) : model.conditions.length ? "none" : "";
    const { scale } = howFor(model); // which Explore puts on again
    const point = textFor(z.map((value) => value / scale)), other = model.name === chosen().model ? {} : { plane: "axes", second: "" };
    choose({ tab: "explore", model: model.name, point, label: told, ...other });
  }

  exploreRow(name) {
    const { frames } = this.rows.get(name).view, k = frames && Math.round(this.at * (frames.n - 1));
    if (frames) this.explore(modelNamed(name), frames.z[k], frames.y?.[k]);
  }

  /** What can be taken away; null, and a sentence, where there is nothing. */
  scene() {
    if (chosen().view === "grid") return void say("A grid does not move. Choose Rows to save a walk.");
    const rows = this.names.map((name) => this.rows.get(name)?.view).filter((view) => view?.frames);
    if (!rows.length || rows.some(({ frames }) => frames.count < frames.n)) return void say("Not all frames are there yet; wait a moment.");
    return { rows, name: `walk-${modelNamed(chosen().model).dataset}`, seconds: this.player.seconds(), goesBack: this.player.goesBack() };
  }

  // What is chosen becomes what is shown

  /** A newer update overtakes one that still waits. @param {Set<string>} changed */
  async update(changed) {
    const choice = chosen(), model = modelNamed(choice.model);
    if (choice.tab !== "interpolate") return this.player.stop();
    this.settle(model, changed);
    if (changed.size === 1 && changed.has("at")) return choice.at !== Math.round(1000 * this.at) / 1000 && this.show(choice.at);
    const mine = ++this.turn;
    this.work?.abort();
    this.work = new AbortController();
    this.element.setAttribute("aria-busy", "true");
    this.arrange(model);
    this.show(changed.size && !changed.has("at") ? this.at : choice.at);
    try {
      const texts = chosen().ends.length ? chosen().ends : await chosenStops(model, 2), stops = await Promise.all(texts.map(stopAt));
      if (mine !== this.turn) return;
      [this.stops, this.texts] = [stops, texts];
      this.problem.hidden = true;
      this.ends.show(stops, texts);
      await (choice.view === "grid" ? this.fillGrid(model, stops) : this.walk(stops));
    } catch (error) {
      if (mine !== this.turn || await isGone(model) || mine !== this.turn) return;
      this.problem.hidden = false;
      this.problem.textContent = error.message;
    }
    if (mine === this.turn) this.element.setAttribute("aria-busy", "false");
  }

  /** What belongs to other data goes; stops that the page chose stay when only the model changes: the same pictures for all models. */
  settle(model, changed) {
    const { ends, rows } = chosen(), fits = (name) => name === CROSSFADE || isAlike(modelNamed(name), model);
    const wrong = {};
    if (ends.some((stop) => !fits(stop.model))) wrong.ends = [];
    if (rows.some((name) => !fits(name))) wrong.rows = rows.filter(fits).length > 1 ? rows.filter(fits) : [];
    const stays = this.texts?.every((stop) => fits(stop.model) && !isLocal(stop.point));
    if (!ends.length && changed.has("model") && stays) wrong.ends = this.texts;
    if (Object.keys(wrong).length) amend(wrong);
  }

  /** The rows that should be there, in their order. */
  arrange(model) {
    const { rows, view } = chosen(), grid = view === "grid";
    if (this.shown && !isAlike(this.shown, model)) this.rows.clear(); // their canvases have other sizes
    this.shown = model;
    this.names = rows.length ? rows : usualRows(model);
    this.rowsBox.hidden = grid;
    this.grid.element.hidden = !grid;
    this.bar.show(chosen());
    const rest = usable().filter((one) => isAlike(one, model) && !this.names.includes(one.name)).map((one) => [one.name, shortTitle(one)]);
    const mixed = this.names.includes(CROSSFADE) ? [] : [[CROSSFADE, "Cross-fade of pixels"]];
    setOptions(this.adder, [["", "Add a row …"], ...mixed, ...rest], "");
    this.adder.hidden = !rest.length && this.names.includes(CROSSFADE);
    for (const name of [...this.rows.keys()]) if (!this.names.includes(name)) this.rows.delete(name);
    for (const name of this.names) if (!this.rows.has(name)) this.rows.set(name, { view: this.rowFor(name, model), key: "" });
    refill(this.list, this.names.map((name) => this.rows.get(name).view.element));
    this.list.classList.toggle("alone", this.names.length < 2);
  }

  rowFor(name, model) {
    const own = name === CROSSFADE ? null : modelNamed(name), title = own ? shortTitle(own) : "Cross-fade";
    const view = createRow({ name, kind: own ? kindOf(own) : CROSSFADE, title, model: own ?? model,
      onScrub: (t, done) => { this.player.stop(); this.show(t); if (done) this.rest(); },
      onRemove: () => this.setRows(this.names.filter((one) => one !== name)), onExplore: own && (() => this.exploreRow(name)) });
    view.tile(tilesNow());
    return view;
  }

  /** Make the frames of every row whose frames are not those of this walk yet. */
  async walk(stops) {
    const { walk } = chosen(), mine = this.turn, present = modelNamed(chosen().model);
    await Promise.all(this.names.map(async (name) => {
      const row = this.rows.get(name), own = name === CROSSFADE ? null : modelNamed(name);
      const key = JSON.stringify([stops.map((stop) => stop.key), own && walk, own && howFor(own)]);
      if (row.key === key) return;
      row.view.wait();
      row.key = ""; // not whole until the end
      try {
        for await (const frames of own ? walkOf(own, stops, walk, this.work.signal) : crossfade(present, stops)) {
          if (mine !== this.turn) return;
          row.view.become(frames);
        }
        row.key = key;
        row.view.finish(false);
      } catch (error) {
        if (!(own && await isGone(own)) && mine === this.turn) row.view.fail(error.message);
      }
    }));
    if (mine === this.turn) this.compare();
  }

  /** Which model's steps are the most even; the pixels' own mixes do not count. */
  compare() {
    const views = this.names.map((name) => this.rows.get(name).view).filter(({ frames }) => frames && frames.count === frames.n);
    const walkers = views.filter(({ kind }) => ![CROSSFADE, "pca"].includes(kind)), even = (view) => measure(view.frames).unevenness;
    const best = walkers.length > 1 && walkers.reduce((one, other) => (even(other) < even(one) ? other : one));
    for (const view of views) view.finish(view === best);
    this.keys[0].hidden = !views.some(({ frames }) => frames.chances.some(Boolean));
    this.keys[1].hidden = !views.some(({ frames }) => frames.distances);
  }

  /** Four corners: the stops, and where there are fewer others that the page chooses. */
  async fillGrid(model, stops) {
    const others = stops.length < 4 ? (await chosenStops(model, 8)).filter((text) => !stops.some((stop) => stop.key === keyOf(text))) : [];
    const spare = await Promise.all(others.slice(0, Math.max(0, 4 - stops.length)).map(stopAt));
    await this.grid.become(model, [...stops, ...spare].slice(0, 4), chosen().walk, spare.length, this.work.signal);
  }
}
