// Denoise, the part "Reverse": from noise to a picture, watched while it is computed, and then gone through back and forth.

import { hasRoad, isGone, modelNamed } from "./catalogue.js";
import { make, say } from "./dom.js";
import { isFree, isHidden } from "./lesson.js";
import { chosenManner, contrary, createManner, mannerOf, mannerText } from "./manner.js";
import { createNoPath } from "./nopath.js";
import { ground } from "./place.js";
import { createPlayer } from "./play.js";
import { createRandom } from "./random.js";
import { copyLink } from "./saves.js";
import { createStepCard } from "./stepcard.js";
import { amend, choose, chosen, onChange } from "./store.js";
import { createTakeaway } from "./takeaway.js";
import { createTelling } from "./telling.js";
import { sceneOf } from "./tracksaves.js";
import { createTrackRows } from "./trackrows.js";
import { Trajectory } from "./trajectory.js";
import { FIRST, askedOf, labelAt, settle } from "./wayasked.js";

const MOST_SEEDS = 4, MAKES = ["model", "models", "point", "label", "tell", "seeds", "sampler", "steps", "eta", "guidance", "versus"];
const SHOWS = ["tab", "part", "moment", "opened"], NARROW = matchMedia("(max-width: 860px)"), tilesNow = () => (NARROW.matches ? 6 : 9);
const WRITES = "input[type=number], select, [role=tab]"; // takes its keys itself

/** @param {HTMLElement} place */
export const mount = (place) => new Reverse(place);

class Reverse {
  constructor(place) {
    this.tracks = [null, null]; // the way, and the one beside it
    this.keys = ["", ""]; // what they depend on
    this.turn = this.at = this.seed = 0;
    this.follows = true; // the newest step, until a person goes to another one
    this.due = true; // whether what is computed depends on something that has changed since
    this.lay(place);
    document.addEventListener("keydown", (event) => this.shortcut(event), true);
    NARROW.addEventListener("change", () => { for (const view of this.views) view.tile(tilesNow()); this.draw(); });
    onChange((_, changed) => { if ([...MAKES, ...SHOWS].some((name) => changed.has(name))) this.update(changed); });
    this.update(new Set());
  }

  lay(root) {
    const press = (text, title, onclick, more = {}) => make("button", { class: "lp-button", title, onclick, ...more }, text);
    this.random = createRandom();
    this.counts = Array.from({ length: MOST_SEEDS }, (_, k) => make("button", { class: "lp-toggle", "data-seeds": String(k + 1), title: k ? `${k + 1} seeds at once` : "One seed", onclick: () => choose({ seeds: k + 1 }, false) }, String(k + 1)));
    this.telling = createTelling();
    this.manner = createManner({ name: "", onChange: (changes) => this.become(changes) });
    this.other = createManner({ name: "versus", onChange: (changes) => choose({ versus: mannerText({ ...this.otherManner, ...changes }) }, false) });
    this.otherBox = make("div", { class: "lp-versusbox" }, make("h3", {}, "Beside it, from the same noise"), this.other.element);
    this.versus = press("Beside: other settings", "The same seeds, made in another way, aligned by t", () => choose({ versus: chosen().versus ? "" : mannerText(contrary(this.model, chosenManner(this.model))) }, false), { "data-testid": "versus" });
    this.facts = make("p", { class: "lp-fact", "data-testid": "reverse-facts" });
    const settings = make("section", { class: "lp-card lp-reversecard" }, make("h2", {}, "From which noise, and how"), this.random.element,
      make("div", { class: "lp-seedcount", role: "group", "aria-label": "Seeds at once" }, make("span", {}, "Seeds at once"), ...this.counts), this.telling.element, this.manner.element, make("div", { class: "lp-row lp-versusrow" }, this.versus), this.otherBox, this.facts);
    this.player = createPlayer({ onMove: (at) => this.show(at, true), onRest: () => this.rest(), name: "reverse" });
    this.slider = make("input", { type: "range", min: 0, max: 1, step: 0.001, "data-testid": "reverse-slider", "aria-label": "Place on the way from noise to picture", oninput: () => this.scrub(+this.slider.value / this.steps), onchange: () => this.rest() });
    this.stopper = press("Stop", "Stop computing; the steps so far stay", () => this.stopOrGo(), { "data-testid": "reverse-stop" });
    this.opener = press("Open this step", "Every quantity of this step, under its equation (O)", () => this.open(), { "data-testid": "open-step", class: "lp-button lp-openstep" });
    this.views = ["reverse-track", "reverse-versus"].map((name) => createTrackRows({ name, onScrub: (at, done) => { this.scrub(at); if (done) this.rest(); }, onOpen: (row) => this.choose(row) }));
    for (const view of this.views) view.tile(tilesNow());
    const link = press("Copy link", "This view as a link", () => copyLink());
    this.takeaway = createTakeaway(() => this.scene(), "reverse");
    this.takeaway.element.append(link);
    const main = make("section", { class: "lp-card lp-trackcard" }, make("div", { class: "lp-momentline lp-playline" }, make("div", { class: "lp-row" }, ...this.player.elements), this.slider, make("div", { class: "lp-row" }, this.opener, this.stopper)),
      make("p", { class: "lp-fact lp-trackhint" }, "The first row alone looks like static. Look at the second one: the net has a picture in mind from the first step on, at first a blur, and every step corrects it."), ...this.views.map(({ element }) => element), this.takeaway.element);
    this.step = createStepCard(() => choose({ opened: 0 }, false));
    this.lacks = createNoPath();
    this.problem = make("p", { class: "lp-card lp-empty", hidden: true }, "This server does not tell of the steps between noise and picture: it was started without that road.");
    this.body = make("div", { class: "lp-reversetop" }, settings, main);
    this.element = make("div", { class: "lp-reverse", "data-testid": "reverse", "aria-busy": "true" }, this.lacks.element, this.problem, this.body, this.step.element);
    root.replaceChildren(this.element);
  }

  // What is chosen becomes what is computed

  /** Other settings; what is the model's own choice stays out of the address. */
  become(changes) {
    const { samplers, default: steps, guidance } = this.model.steps, own = { sampler: samplers[0], steps, guidance };
    choose(Object.fromEntries(Object.entries(changes).map(([name, value]) => [name, value === own[name] ? "" : value])), false);
  }

  async update(changed) {
    const { tab, part, model: name, point } = chosen(), mine = ++this.turn; // also where nobody looks: what waits for its ground then begins nothing
    this.due ||= MAKES.some((key) => changed.has(key)) || !this.tracks[0];
    if (tab !== "denoise" || part !== "reverse") return this.player.stop();
    const model = modelNamed(name);
    if (!model) return undefined;
    const able = this.lacks.show(model) && hasRoad("path");
    this.problem.hidden = !model.steps || hasRoad("path");
    this.body.hidden = !able;
    this.step.element.hidden = !able || !chosen().opened;
    if (!able) return this.end();
    this.model = model;
    if (this.due) {
      const atlas = await ground(model, point || FIRST);
      if (mine !== this.turn) return undefined;
      this.due = false;
      settle(model);
      this.controls(model, atlas);
      this.begin(model, atlas);
    }
    if (changed.has("moment") && chosen().moment !== this.rounded()) this.scrub(chosen().moment);
    this.draw();
    return undefined;
  }

  controls(model, atlas) {
    const { point, seeds, versus } = chosen(), { times, betas, predicts } = model.steps;
    this.random.show(model, point || FIRST, "Random");
    for (const button of this.counts) button.setAttribute("aria-pressed", String(+button.dataset.seeds === seeds));
    this.telling.show(model, labelAt(model, atlas));
    this.manner.show(model, chosenManner(model));
    this.otherManner = versus ? mannerOf(versus, model) : null;
    this.otherBox.hidden = !versus;
    this.versus.textContent = versus ? "Nothing beside" : "Beside: other settings";
    if (versus) this.other.show(model, this.otherManner);
    this.facts.textContent = [times && `T = ${times.toLocaleString("en")} moments`, betas && `${betas} betas`, predicts && `the net says the ${predicts}`].filter(Boolean).join(" · ");
  }

  /** Ways whose settings have changed are computed anew; the others stay as they are. */
  begin(model, atlas) {
    const n = chosen().seeds;
    try {
      this.asked = askedOf(model, atlas);
    } catch (error) {
      say(error.message, "problem");
      return amend({ point: "" }); // and with it another update
    }
    [chosenManner(model), this.otherManner].forEach((manner, k) => {
      const key = manner && JSON.stringify([model.name, model.hash, [...(this.asked.y ?? [])], n, manner, chosen().point]);
      if (key === this.keys[k]) return;
      this.keys[k] = key;
      this.tracks[k]?.stop();
      this.tracks[k] = manner && new Trajectory({ ...this.asked, manner }, (track) => { if (this.tracks[k] === track) this.heard(track, k); });
      if (!k) { this.follows = true; this.endDetail(); }
      if (!manner) return;
      if (!model.heavy) this.tracks[k].run();
    });
    if (this.seed >= n) this.seed = 0;
    return undefined;
  }

  // What is computed becomes what is shown

  /** One more step, or an end. */
  async heard(track, k) {
    if (track.state === "failed" && await isGone(track.model)) return;
    if (!k && track.state === "done" && this.follows) { this.follows = false; this.at = chosen().moment; }
    this.draw();
  }

  draw() {
    const [main, other] = this.tracks;
    if (!main || this.body.hidden) return;
    this.element.setAttribute("aria-busy", String(this.running));
    this.stopper.textContent = this.running ? "Stop" : main.state === "waiting" ? "Begin" : main.state === "done" ? "Again" : "Go on";
    this.stopper.classList.toggle("main", !this.running && main.state !== "done");
    const [first, second] = this.views;
    first.become(main, null);
    second.element.hidden = !other;
    if (other) second.become(other, first.columnMoments());
    this.slider.max = this.steps;
    this.slider.step = 1;
    this.show(this.follows && main.frames.length ? (main.frames.length - 1) / this.steps : this.at, false);
  }

  get running() { return this.tracks.some((track) => track?.state === "running"); }
  get steps() { return this.tracks[0]?.steps ?? 1; }
  rounded() { return Math.round(1000 * this.at) / 1000; }

  /** A person goes to a place; the newest step is followed no more. */
  scrub(at) {
    this.player.stop();
    this.show(at, true);
  }

  /** The same moment everywhere. @param {number} at 0 the noise, 1 the picture @param {boolean} meant by a person */
  show(at, meant) {
    const [main, other] = this.tracks;
    if (meant) this.follows = false;
    this.at = Math.min(1, Math.max(0, at));
    this.player.from(this.at);
    const k = main ? main.at(this.at) : -1;
    this.slider.value = this.at * this.steps;
    if (k < 0) return this.step.wait("There is no step to open yet.");
    this.slider.setAttribute("aria-valuetext", `t = ${main.frames[k].t}, ${main.frames[k].next ? `step ${k + 1} of ${this.steps}` : "the picture"}`);
    this.views[0].show(k, this.seed);
    if (other) this.views[1].show(other.near(main.frames[k].t), this.seed);
    return this.openStep(k);
  }

  rest() { choose({ moment: this.rounded() }, false); }

  /** The card of one step; of several pictures one goes its way alone once more, for then the server tells all of it. */
  openStep(k) {
    const { opened } = chosen(), [main] = this.tracks;
    this.step.element.hidden = !opened;
    this.opener.textContent = opened ? "Close the step" : "Open this step";
    if (!opened) return;
    if (main.n === 1) return this.step.show(main, k, 0, "");
    if (main.state === "running") return this.step.wait("The step opens once all steps are computed.");
    const { z, y, n, model, manner } = main, part = (all) => all && all.slice(this.seed * all.length / n, (this.seed + 1) * all.length / n);
    if (this.detail?.of !== main || this.detail.seed !== this.seed) {
      this.endDetail();
      this.detail = Object.assign(new Trajectory({ model, manner, n: 1, z: part(z), y: part(y) }, (one) => { if (this.detail === one) this.draw(); }), { of: main, seed: this.seed });
      this.detail.run();
    }
    if (this.detail.frames.length > k || this.detail.state === "done") this.step.show(this.detail, k, 0, `seed number ${this.seed + 1}`);
    else if (this.detail.state === "failed") this.step.wait(this.detail.problem);
    else this.step.wait("Computing this seed alone once more, to have all of its quantities …");
  }

  // Buttons and keys

  /** Another of several seeds. */
  choose(row) {
    this.seed = row;
    this.draw();
  }

  open() { choose({ opened: 1 - chosen().opened }, false); }

  stopOrGo() {
    if (this.running) { for (const track of this.tracks) track?.stop(); return; }
    this.tracks.forEach((track, k) => {
      if (!track) return;
      this.tracks[k] = new Trajectory({ ...this.asked, manner: track.manner }, (one) => { if (this.tracks[k] === one) this.heard(one, k); });
      this.tracks[k].run();
    });
    this.follows = true;
    this.draw();
  }

  end() { for (const track of this.tracks) track?.stop(); this.endDetail(); this.player.stop(); this.element.setAttribute("aria-busy", "false"); }

  /** The seed that goes alone goes no further. */
  endDetail() {
    const { detail } = this;
    this.detail = null;
    detail?.stop();
  }

  scene() {
    const tracks = this.tracks.filter(Boolean);
    if (!tracks.length || tracks.some(({ frames }) => frames.length < 2)) return void say("There are no steps to save yet; wait a moment.");
    return { ...sceneOf(tracks, this.seed), seconds: this.player.seconds(), goesBack: this.player.goesBack() };
  }

  shortcut(event) {
    if (chosen().tab !== "denoise" || chosen().part !== "reverse" || this.body.hidden || event.altKey || event.ctrlKey || event.metaKey || event.target.matches?.(WRITES)) return;
    if (event.target !== document.body && !this.element.contains(event.target)) return;
    const held = event.target.matches?.("input"), button = event.target.closest?.("button"), key = event.key.toLowerCase(), step = (by) => () => { this.scrub((this.tracks[0].at(this.at) + by) / this.steps); clearTimeout(this.resting); this.resting = setTimeout(() => this.rest(), 300); };
    const moves = { arrowleft: step(-1), arrowright: step(1), home: step(-Infinity), end: step(Infinity), " ": button ? null : () => this.player.toggle(), o: () => this.open(), r: () => this.random.draw() };
    const action = held && event.target !== this.slider ? null : moves[key];
    if (!action) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // Explore's keys are not ours
    if (!isHidden({ o: "opened", r: "random" }[key]) && ("or".includes(key) || isFree("moment"))) action();
  }
}
