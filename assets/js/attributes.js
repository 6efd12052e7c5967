// The Attributes page: a picture pushed along directions with names, with locks on them; several models pushed alike.

import { createAttributeRows, signed } from "./attributerows.js";
import { createBeforeAfter } from "./beforeafter.js";
import { whenReady } from "./begin.js";
import { classifierNamed, modelNamed } from "./catalogue.js";
import { expression, wordOf } from "./directions.js";
import { make, say } from "./dom.js";
import { isHidden } from "./lesson.js";
import { createNone } from "./nodirections.js";
import { linkOf, ownDirections } from "./owndirections.js";
import { createPins, pinsWith } from "./pins.js";
import { namesPins, textFor } from "./place.js";
import { createPresets } from "./presets.js";
import { createPurity } from "./purity.js";
import { FARTHEST } from "./pushtext.js";
import { createRandom } from "./random.js";
import { copyLink } from "./saves.js";
import { createSideBySide } from "./sidebyside.js";
import { knownOf, pushedFrom, standingsOf } from "./standing.js";
import { amend, canRedo, canUndo, choose, chosen, isLocal, onChange, redo, undo } from "./store.js";
import { createTakeaway } from "./takeaway.js";
import { mountWorkshop } from "./workshop.js";

const MINE = new Set(["tab", "model", "models", "point", "label", "pins", "push", "keep", "beside", "along", "before", "truncation", "steps", "sampler", "guidance", "road", "random", "dir"]);
const WRITES = "input[type=number], input[type=text], textarea, select, [role=tab], [role=radio]"; // takes its keys itself
const RANDOM = [[/faces|olivetti|celeba/, "Random face"], [/mnist|digits/, "Random digit"]]; // by the data set; of fashion_mnist it is neither
const press = (text, title, onclick, more = "") => make("button", { class: `lp-button ${more}`, title, onclick }, text);

/** @param {HTMLElement} root */
export const mount = (root) => whenReady(root, () => new Attributes(root));

class Attributes {
  constructor(root) {
    this.pushes = new Map();
    this.locked = new Set();
    this.turn = 0;
    this.lay(root);
    document.addEventListener("keydown", (event) => this.shortcut(event));
    document.addEventListener("keyup", ({ key }) => { if (key.toLowerCase() === "c") this.peek(false); });
    window.addEventListener("blur", () => this.peek(false));
    onChange((_, changed) => { if ([...changed].some((name) => MINE.has(name))) this.update(); });
    window.addEventListener("latent-directions", () => this.update());
    this.update();
  }

  lay(root) {
    this.side = createSideBySide({ onJudged: (chances) => this.judged(chances), onRest: () => this.purity.rest({ ...this.side.first, y: this.side.main.state.y }) });
    this.rows = createAttributeRows({ onMove: (...moved) => this.move(...moved), onRelease: () => this.release(), onLock: (name) => this.lock(name), onAlong: (name) => this.turnTo(name) });
    this.presets = createPresets((pushes) => this.become(pushes));
    this.strip = createBeforeAfter({ onMove: (sigmas) => this.move(this.along, sigmas), onRelease: () => this.release() });
    this.purity = createPurity();
    this.random = createRandom(() => ({ beside: chosen().beside.map((stop) => ({ ...stop, point: "", label: "" })) }));
    this.none = createNone();
    this.pins = createPins();
    this.takeaway = createTakeaway(() => this.scene(), "attributes");
    this.hold = press("Hold: start", "Hold to see the start (or hold the C key)", null, "lp-peek");
    this.hold.addEventListener("pointerdown", () => this.peek(true));
    for (const end of ["pointerup", "pointercancel", "pointerleave"]) this.hold.addEventListener(end, () => this.peek(false));
    this.hold.addEventListener("contextmenu", (event) => event.preventDefault()); // a long touch
    this.both = make("button", { class: "lp-toggle lp-beforebutton", "aria-pressed": "false", "data-testid": "attributes-before", title: "The start beside the present picture",
      onclick: () => choose({ before: 1 - chosen().before }, false) }, "Before | after");
    this.back = press("Undo", "Undo (Z)", undo, "lp-undo");
    this.forth = press("Redo", "Redo (Shift Z)", redo, "lp-undo");
    this.reset = press("Reset all", "Take all pushes back (0)", () => this.become(new Map()), "lp-undo");
    const pin = press("Pin this", "Keep this picture (P)", () => this.pin(), "main lp-pinthis"), open = press("Open in Explore", "This picture on the map", () => this.explore());
    const saves = make("div", { class: "lp-row lp-save" }, press("Copy link", "This view as a link", () => this.copyLink()), open);
    const [list, adding] = this.side.elements;
    const pictures = make("section", { class: "lp-card lp-picturescard" }, list, make("div", { class: "lp-looks" },
      make("div", { class: "lp-row" }, this.random.element, adding), make("div", { class: "lp-row" }, this.hold, this.both, pin)));
    const rowsCard = make("section", { class: "lp-card lp-pushcard" }, make("div", { class: "lp-pushhead" }, make("h2", {}, "Directions, in sigmas"), this.back, this.forth, this.reset),
      this.presets.element, this.none.element, this.rows.element, this.purity.element);
    const kept = make("section", { class: "lp-card lp-pinscard" }, make("div", { class: "lp-pinsbox" }, make("h2", {}, "Pins"), this.pins.element), saves, this.takeaway.element);
    this.element = make("div", { class: "lp lp-attributes", "data-testid": "attributes", "aria-busy": "true" },
      make("div", { class: "lp-attributestop" }, make("div", { class: "lp-attributesleft" }, pictures, this.strip.element), make("div", { class: "lp-attributesright" }, rowsCard, kept)),
      this.workshop = make("section", { class: "lp-workshop", "aria-label": "Workshop of directions" }),
      make("p", { class: "lp-help" }, "Push a picture along what it shows. Keys: arrows move a slider, hold C to see the start, R random, 0 reset, Z undo, P pin."));
    root.replaceChildren(this.element);
    mountWorkshop(this.workshop, { toRow: (name) => this.turnTo(name) });
  }

  // The hand

  /** A push, now; it is put down by `release`. */
  move(name, sigmas) {
    if (this.locked.has(name)) return;
    if (Math.abs(sigmas) < 0.005) this.pushes.delete(name);
    else this.pushes.set(name, Math.round(100 * sigmas) / 100);
    this.draw(performance.now());
    const detail = () => ({ push: this.listed() });
    window.dispatchEvent(new CustomEvent("latent-hand", { detail })); // a class may see it too
  }

  listed(pushes = this.pushes) { return [...pushes].map(([name, sigmas]) => ({ name, sigmas })); }

  release() { this.become(this.pushes); }

  /** All pushes as they should be. A lesson may have locked them: then those of the address are shown again. */
  become(pushes) {
    choose({ push: this.listed(pushes), along: this.along ?? "" });
    this.readPushes(true);
    this.draw();
  }

  /** Everything that follows the pushes. */
  draw(since = performance.now()) {
    if (!this.peeking) this.side.show(this.pushes, this.locked, since);
    this.rows.show(this.pushes, this.locked, this.along);
    this.presets.show(this.pushes, this.locked);
    if (this.along) this.strip.at(this.pushes.get(this.along) ?? 0);
    this.reset.disabled = !this.pushes.size;
  }

  /** Show the start as long as the person holds it. */
  peek(yes) {
    if (!!this.peeking === yes || !this.side.first) return;
    this.peeking = yes;
    this.hold.setAttribute("aria-pressed", String(yes));
    this.element.classList.toggle("peeking", yes);
    this.side.show(yes ? new Map() : this.pushes, this.locked, performance.now());
  }

  judged(chances) {
    this.rows.judge(chances);
    if (!this.peeking) this.purity.judged(chances, [...this.pushes.keys()]);
  }

  // Buttons and keys

  /** The strip shows this direction from now on. */
  turnTo(name) {
    if (name === this.along) return;
    this.strip.player.stop();
    this.along = name;
    choose({ along: name }, false);
  }

  /** Keep a direction as it is, or let it go again. What it was pushed by stays. */
  lock(name) {
    const { keep } = chosen();
    choose({ keep: this.locked.has(name) ? keep.filter((one) => one !== name) : [...keep, name] });
  }

  /** A point's text for what the start of the first model is pushed to. */
  textOf(pushes) {
    const { first } = this.side, { text, start, directions } = first, z = () => textFor(pushedFrom(first, pushes, this.locked));
    if (!pushes.size) return namesPins(text) ? textFor(start) : text;
    return isLocal(text) || namesPins(text) ? z() : expression(text, directions, pushes, this.locked) ?? z();
  }

  told() { return this.side.first.model.conditions.length ? this.side.first.label : ""; }

  pin() {
    const { model } = this.side.first, pins = pinsWith(model.name, this.textOf(this.pushes), this.told());
    if (pins) choose({ pins });
  }

  explore() { choose({ tab: "explore", point: this.textOf(this.pushes), label: this.told(), push: [], plane: "axes" }); }

  copyLink() {
    const changes = this.withMade(), { point, beside } = { ...chosen(), ...changes };
    if (![point, ...beside.map((stop) => stop.point)].some(isLocal)) return copyLink(changes);
    return say("The start has too many numbers for a link; choose another one to share this picture.", "problem");
  }

  /** What a link says instead where a picture is pushed along directions that only this browser knows: it brings one along; several become part of the start. */
  withMade() {
    const { model } = this.side.first, named = [...this.pushes.keys(), ...this.locked], made = ownDirections(model).filter(({ name }) => named.includes(wordOf(name)));
    const dir = made.length === 1 && linkOf(model, made[0]);
    return !made.length ? {} : dir ? { dir } : { point: this.textOf(this.pushes), label: this.told(), push: [], keep: [] };
  }

  /** What can be taken away: the picture along the direction of the strip, in all models. */
  async scene() {
    if (!this.along || this.locked.has(this.along)) return void say("Choose a row that is not locked: the picture is saved along its direction.");
    const name = this.along, ends = (one) => [-FARTHEST, FARTHEST].map((sigmas) => pushedFrom(one, new Map([...this.pushes, [name, sigmas]]), this.locked));
    const rows = await this.side.walked(ends, `${name.replaceAll("_", " ")}, ${signed(-FARTHEST)} to ${signed(FARTHEST)} sigmas`);
    return { rows, name: `${name}-${modelNamed(chosen().model).dataset}`, seconds: this.strip.player.seconds(), goesBack: this.strip.player.goesBack() };
  }

  shortcut(event) {
    if (chosen().tab !== "attributes" || event.altKey || event.target.matches?.(WRITES)) return;
    if (event.target !== document.body && !this.element.contains(event.target)) return;
    const key = event.key.toLowerCase(), modified = event.ctrlKey || event.metaKey;
    const plain = { r: () => this.random.draw(), 0: () => this.become(new Map()), c: () => this.peek(true), p: () => this.pin() };
    const action = key === "z" ? (event.shiftKey ? redo : undo) : modified ? null : plain[key];
    if (!action || event.repeat && key === "c" || isHidden({ z: "undo", r: "random", 0: "undo", p: "pins", c: "start" }[key])) return;
    event.preventDefault();
    action();
  }

  // What is chosen becomes what is shown

  /** What the store says, unless it has not changed: then the hand may have pushed further, and is about to put it down. */
  readPushes(again = false) {
    const { push } = chosen();
    if (again || push !== this.read) this.pushes = new Map(push.map(({ name, sigmas }) => [name, sigmas]));
    this.read = push;
    this.locked = new Set(chosen().keep);
  }

  /** A newer update overtakes one that still waits for a file. */
  async update() {
    const mine = ++this.turn, { model: name, beside, tab } = chosen();
    if (tab !== "attributes") return this.strip.player.stop();
    this.element.setAttribute("aria-busy", "true");
    const [first, ...others] = await Promise.all([name, ...beside.map((stop) => stop.model)].map(knownOf));
    if (mine !== this.turn) return;
    const { standings, wrong } = standingsOf(chosen(), first, others);
    if (Object.keys(wrong).length) return amend(wrong); // which comes back here
    this.standings = standings;
    this.show();
    this.element.setAttribute("aria-busy", "false");
  }

  /** Everything on the page, from what is chosen. */
  show() {
    const choice = chosen(), [{ model, text, directions }] = this.standings, names = directions?.names ?? [];
    this.readPushes();
    this.side.become(this.standings);
    const known = JSON.stringify([model.name, model.hash, names, directions?.list.map(({ accuracy }) => accuracy)]);
    if (this.known !== known) {
      this.known = known;
      this.rows.of(directions?.list ?? [], model.classifier ? classifierNamed(model.classifier).classes : [], model.directions?.unlearned ?? {});
      this.presets.of(names);
    }
    this.none.show(model, !names.length);
    this.along = names.includes(choice.along) ? choice.along : names.includes(this.along) ? this.along : choice.push[0]?.name ?? names[0];
    for (const panel of this.side.panels()) panel.compare(choice.before === 1);
    this.both.setAttribute("aria-pressed", String(choice.before === 1));
    this.draw();
    this.rows.lack(this.side.lacking(names, this.pushes));
    this.strip.show(this.along ? this.stripOf(directions) : null);
    if (this.along) this.strip.at(this.pushes.get(this.along) ?? 0);
    this.random.show(model, text, RANDOM.find(([data]) => data.test(model.dataset) && !/fashion/.test(model.dataset))?.[1] ?? "Random picture");
    this.pins.show();
    this.takeaway.element.hidden = this.purity.element.hidden = !names.length;
    this.back.disabled = !canUndo();
    this.forth.disabled = !canRedo();
  }

  /** The strip along the direction of the row that the person has turned to. */
  stripOf(directions) {
    const name = this.along, [first] = this.standings, { model, text, label } = first, { truncation, steps, sampler, guidance } = chosen();
    const rest = this.listed().filter((push) => push.name !== name), key = JSON.stringify([model.name, model.hash, text, label, name, rest, [...this.locked], truncation, steps, sampler, guidance]);
    const problem = this.locked.has(name) ? `${name.replaceAll("_", " ")} is kept as it is, so there is nothing to see along it. Unlock its row first.` : "";
    return { model, y: this.side.main.state.y, direction: directions.list[directions.names.indexOf(name)], key, problem,
      latentAt: (sigmas) => pushedFrom(first, new Map([...this.pushes, [name, sigmas]]), this.locked) };
  }
}
