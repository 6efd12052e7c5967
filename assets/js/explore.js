// The Explore page: a map under the hand, one large picture, sliders, pins; and a second model beside the first.

import { hasPrior, isRound, modelNamed } from "./catalogue.js";
import { canShare, createBar } from "./bar.js";
import { whenReady } from "./begin.js";
import { createClasses } from "./classes.js";
import { make, say } from "./dom.js";
import { unfit } from "./fits.js";
import { createGallery } from "./gallery.js";
import { isHidden } from "./lesson.js";
import { createMaking } from "./making.js";
import { createPanel, middleOf } from "./panel.js";
import { createPins, pinsWith } from "./pins.js";
import { ground, namesPins, textFor, toldAt } from "./place.js";
import { coordinates, nearest } from "./plane.js";
import { createRandom } from "./random.js";
import { createSaves } from "./saves.js";
import { createSliders } from "./sliders.js";
import { standAt, startOf } from "./stops.js";
import { amend, canRedo, canUndo, choose, chosen, isLocal, onChange, redo, undo } from "./store.js";
import { TRAIN } from "./traintext.js";

/** What is chosen in other tabs, or is the shape of the page. */
const ELSEWHERE = new Set(["own", "ends", "rows", "walk", "at", "view", "push", "keep", "beside", "along", "before", "fetch", "find", "data", "kind", "hide", "lock", "big", ...Object.keys(TRAIN)]);
const HAND = 256; // numbers of a latent whose every move others may follow
const HELP = {
  map: "Move over the map to look, press to stay. Keys: arrows move, R random, 0 middle, Z undo, P pin.",
  places: "Each picture is a place; between them is a way through the latents. Move to look, press to stay. "
    + "Keys: arrows move, 0 the first, Z undo, P pin.",
};
const card = (title, ...children) => make("section", { class: "lp-card" }, title && make("h2", {}, title), ...children);
const called = (name, element) => { element.classList.add(name); return element; };
const press = (text, title, onclick, main = false) => make("button", { class: `lp-button${main ? " main" : ""}`, title, onclick }, text);

/** @param {HTMLElement} root */
export const mount = (root) => whenReady(root, () => new Explore(root));

/** The page holds the placed point (z, its text, the class told); the panels may show another one while the hand hovers. */
class Explore {
  constructor(root) {
    this.z = null;
    this.text = this.told = "";
    this.turn = 0;
    const onLeave = () => this.leave();
    this.main = createPanel({ main: true, onHand: (...at) => this.hand(this.main, ...at), onLeave, onShown: (z) => this.shown(z) });
    this.second = createPanel({ main: false, onHand: (...at) => this.hand(this.second, ...at), onLeave });
    this.sliders = createSliders({ onMove: (...moved) => this.slide(...moved), onRelease: () => this.keep(this.main.state.shown) });
    this.pins = createPins();
    this.bar = createBar();
    this.lay(root);
    root.addEventListener("keydown", (event) => this.shortcut(event));
    document.addEventListener("keydown", (event) => {
      if (event.target === document.body && chosen().tab === "explore") this.shortcut(event);
    });
    onChange((_, changed) => { if ([...changed].some((name) => !ELSEWHERE.has(name))) this.update(); });
    this.update();
  }

  /** Put everything in its place. */
  lay(root) {
    const { main, second, sliders } = this;
    this.galleryCard = called("lp-gallery", card("Places worth seeing"));
    this.gallery = createGallery(this.galleryCard);
    this.galleryCard.append(...this.gallery.elements);
    const classCard = called("lp-classcard", card("The same style in all classes"));
    this.classes = createClasses(classCard, (label) => choose({ label, point: this.text }));
    classCard.append(this.classes.element);
    this.random = createRandom();
    const makingCard = called("lp-makingcard", card("How the picture is made"));
    this.making = createMaking(makingCard, { onScale: (factor) => this.main.scale(factor) });
    makingCard.append(this.making.element);
    this.back = press("Undo", "Undo (Z)", undo);
    this.forth = press("Redo", "Redo (Shift Z)", redo);
    this.pictureCard = called("lp-picturecard", card("", main.picture.element));
    const reset = called("lp-reset", press("Reset", "To the middle (0)", () => this.reset()));
    const pinThis = called("lp-pinthis", press("Pin this", "Keep this place (P)", () => this.pin(), true));
    const slidersCard = called("lp-latents", make("section", { class: "lp-card" },
      make("div", { class: "lp-slidersbox" }, make("h2", {}, "Latents, in sigmas"), sliders.element), this.random.element,
      make("div", { class: "lp-row" }, ...[reset, this.back, this.forth].map((one) => called("lp-undo", one)), pinThis)));
    const saves = createSaves(main.picture.canvas, () => ({ ...main.state, z: this.z, text: this.text, told: this.told }));
    const mapCard = (panel) => make("section", { class: "lp-card lp-mapcard" }, ...panel.maps);
    this.help = make("p", { class: "lp-help" });
    this.mainColumn = make("div", { class: "lp-column" }, main.name, mapCard(main),
      make("div", { class: "lp-under" }, main.accuracy, this.help), this.galleryCard);
    this.secondColumn = make("div", { class: "lp-column", hidden: true }, second.name, mapCard(second),
      make("div", { class: "lp-under" }, second.accuracy), called("lp-picturecard", card("", second.picture.element)));
    this.nearCard = called("lp-nearcard", card("Nearest codes", main.near));
    const pinsCard = called("lp-pinscard", make("section", { class: "lp-card" },
      make("div", { class: "lp-pinsbox" }, make("h2", {}, "Pins"), this.pins.element), saves));
    this.side = make("div", { class: "lp-side" }, this.pictureCard, makingCard, slidersCard, classCard, pinsCard, this.nearCard);
    this.grid = make("div", { class: "lp-grid" }, this.bar.element, this.mainColumn, this.secondColumn, this.side);
    root.replaceChildren(make("div", { class: "lp lp-explore" }, this.grid));
  }

  // The hand

  /** What the sliders show; a class may see it too. */
  shown(z) {
    const { model } = this.main.state;
    this.sliders.show(z);
    if (model.steps || model.latent_dim > HAND) return;
    const detail = () => (model.name === chosen().model ? { point: z === this.z ? this.text : textFor(z, this.from()) } : {});
    window.dispatchEvent(new CustomEvent("latent-hand", { detail }));
  }

  /** One hand for both maps: what one shows decides what the other shows. */
  hand(from, position, placed, key) {
    const since = performance.now(), next = from.map.latentAt(key ? from.state.shown : from.state.z, position);
    from.show(next, since);
    if (this.compared) {
      const to = from === this.main ? this.second : this.main;
      to.show(this.beside(from, to, next), since);
    }
    if (placed) this.keep(this.main.state.shown);
  }

  /** Where the other model's hand goes: to the same place in sigmas, or to its code of the nearest test picture. */
  beside(from, to, latent) {
    const [one, other] = [from.state.atlas, to.state.atlas];
    if (chosen().hand === "place" || !canShare(one) || !canShare(other)) {
      const unlike = !from.state.plane.round !== !to.state.plane.round; // flat and round have no scale in common
      const share = unlike ? to.state.plane.reach / from.state.plane.reach : 1;
      const place = coordinates(from.state.plane, latent).map((value) => share * value);
      return to.map.latentAt(to === this.second ? this.middle : this.z, place);
    }
    const both = Math.min(one.count, other.count); // they begin with the same pictures
    const D = to.state.model.latent_dim, [{ index }] = nearest(one, latent, 1, both);
    return other.codes.slice(index * D, (index + 1) * D);
  }

  get compared() { return this.second.state.model && this.second.state.model.name === chosen().second; }

  leave() {
    this.main.show(this.z);
    if (this.compared) this.second.show(this.second.state.z);
  }

  slide(dimension, value) {
    const since = performance.now(), next = this.main.state.shown.slice();
    next[dimension] = value;
    this.main.show(next, since);
    if (this.compared) this.second.show(this.beside(this.main, this.second, next), since);
  }

  /** What the hand shows becomes the point. */
  keep(z, more = {}) {
    if (!z || this.main.state.model.name !== chosen().model) return; // another model is on its way
    const point = this.textAt(z);
    if (isLocal(point) && !isLocal(this.text)) say("This point has too many numbers for a link; it lives on this page only.");
    choose({ point, label: this.main.state.model.conditions.length ? this.told : "", ...more });
  }

  /** A text for a latent that a panel shows. */
  textAt(z) { return z === this.z ? this.text : this.main.map.textOf?.(z) ?? textFor(z, this.from()); }

  /** What a point near the placed one may be told by. */
  from() { return { model: this.main.state.model, atlas: this.main.state.atlas, text: this.text }; }

  // Buttons and keys

  /** To the middle: zero, or of a sphere the middle of the map; where there is neither, to the first picture. */
  reset() {
    const { model, atlas } = this.main.state;
    if (model && !hasPrior(model)) choose({ point: startOf(model, atlas) });
    else if (model) this.keep(isRound(model) ? this.main.map.latentAt(this.z, [0, 0]) : new Float32Array(model.latent_dim));
  }

  /** Pin what is seen, also while the hand hovers. */
  pin() {
    const { model, shown } = this.main.state, own = shown === this.z && namesPins(this.text);
    const point = shown && (own ? textFor(shown, this.from()) : this.textAt(shown));
    const pins = shown && pinsWith(model.name, point, model.conditions.length ? this.told : "");
    if (pins) this.keep(shown, { pins });
  }

  shortcut(event) {
    if (event.target.matches?.("input[type=number], input[type=text], textarea, select") || event.altKey) return;
    const key = event.key.toLowerCase(), modified = event.ctrlKey || event.metaKey;
    const plain = { r: () => this.random.draw(), 0: () => this.reset(), p: () => this.pin() };
    const action = key === "z" ? (event.shiftKey ? redo : undo) : modified ? null : plain[key];
    if (!action || isHidden({ z: "undo", r: "random", 0: "undo", p: "pins" }[key])) return;
    event.preventDefault();
    action();
  }

  // What is chosen becomes what is shown

  /** A newer update overtakes one that still waits for a file. */
  async update() {
    const mine = ++this.turn, choice = chosen(), model = modelNamed(choice.model), other = modelNamed(choice.second);
    this.grid.setAttribute("aria-busy", "true");
    const [atlas, beside] = await Promise.all([ground(model, choice.point), other ? middleOf(other) : null]);
    if (mine !== this.turn || !this.settle(model, other, atlas) || choice.tab !== "explore") return; // nothing is computed that nobody sees
    if (this.main.state.model !== model) this.sliders.of(model);
    this.gallery.of(model);
    this.arrange(!!other);
    const shared = { told: this.told, layers: choice.layers };
    this.main.become({ ...shared, model, atlas, z: this.z, text: this.text, plane: choice.plane });
    if (other) {
      this.middle = beside.middle;
      const its = { ...shared, model: other, atlas: beside.atlas, plane: "axes" };
      if (this.second.state.model !== other) this.second.become({ ...its, z: this.middle });
      this.second.become({ ...its, z: this.beside(this.main, this.second, this.z) });
    }
    this.bar.show(model, other, atlas, beside?.atlas);
    this.bar.element.hidden = !hasPrior(model);
    this.random.show(model, this.text);
    this.help.textContent = hasPrior(model) ? HELP.map : HELP.places;
    this.making.show(model);
    this.nearCard.hidden = !atlas || isRound(model);
    this.nearCard.firstChild.textContent = atlas?.seeded ? "Nearest samples" : "Nearest test codes";
    this.classes.show(model, this.z, this.told, this.main.state.ready);
    this.gallery.show(this.text);
    this.pins.show();
    this.back.disabled = !canUndo();
    this.forth.disabled = !canRedo();
    this.grid.setAttribute("aria-busy", "false");
  }

  /** Numbers for what is chosen. What this model cannot give is said, and chosen again as the default: then false. */
  settle(model, other, atlas) {
    const { point, label } = chosen(), wrong = unfit(chosen(), model, other);
    const { text, z, instead } = standAt(model, atlas, point);
    Object.assign(this, { text, z });
    if (instead !== undefined) wrong.point = instead;
    this.told = toldAt(model, atlas, this.text, label);
    if (!Object.keys(wrong).length) return true;
    amend(wrong);
    return false;
  }

  /** One model, or two side by side. */
  arrange(two) {
    this.secondColumn.hidden = !two;
    this.grid.classList.toggle("two", two);
    this.main.picture.element.classList.toggle("small", two);
    this.second.picture.element.classList.toggle("small", two);
    if (two) this.mainColumn.insertBefore(this.pictureCard, this.galleryCard);
    else this.side.prepend(this.pictureCard);
  }
}
