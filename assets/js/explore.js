// The Explore page: a map under the hand, one large picture, sliders, pins; and a second model beside the first.

import { className, loadAtlas, modelNamed, shortTitle, usable } from "./catalogue.js";
import { copyText, make, say } from "./dom.js";
import { saveCodes, savePicture } from "./keep.js";
import { paint, shapeOf } from "./paint.js";
import { createPanel } from "./panel.js";
import { createPins, pin } from "./pins.js";
import { oneHot, place } from "./place.js";
import { coordinates, nearest, project } from "./plane.js";
import { MOST_NUMBERS, textOf } from "./points.js";
import { decodeBehind, prepare } from "./roads.js";
import { createSliders } from "./sliders.js";
import { LAYERS, canRedo, canUndo, choose, chosen, link, onChange, redo, undo } from "./store.js";

const card = (title, ...children) => make("section", { class: "lp-card" }, title && make("h2", {}, title), ...children);
const press = (text, title, onclick, extra = {}) => make("button", { class: "lp-button", title, onclick, ...extra }, text);

/** @param {HTMLElement} root */
export function mount(root) {
  if (window.latentReady) build(root);
  else window.addEventListener("latent-ready", () => build(root), { once: true });
}

function build(root) {
  let z = null, here = ""; // the placed latent and its text; the panels may show another one while the hand hovers
  const main = createPanel({ main: true, onHand: (...at) => hand(main, second, ...at), onLeave: leave, onShown: (shown) => sliders.show(shown) });
  const second = createPanel({ main: false, onHand: (...at) => hand(second, main, ...at), onLeave: leave });
  const sliders = createSliders({ onMove: slide, onRelease: () => keep(main.state.shown) });
  const pins = createPins(), gallery = make("div", { class: "lp-strip" }), story = make("p", { class: "lp-empty" });
  const galleryCard = card("Places worth seeing", gallery, story);
  const classes = make("div", { class: "lp-classes", role: "group", "aria-label": "Class" });
  const classCard = card("The same style in all classes", classes);

  const seed = make("input", { type: "number", min: 0, max: 2 ** 32 - 1, step: 1, class: "lp-seed", "aria-label": "Seed", title: "The same seed gives the same point",
    onchange: () => (/^\d{1,10}$/.test(seed.value) && +seed.value < 2 ** 32 ? choose({ point: `seed:${+seed.value}` }) : say("A seed is a whole number from 0 to 4294967295.", "problem")) });
  const back = press("Undo", "Undo (Z)", undo), forth = press("Redo", "Redo (Shift Z)", redo);
  const random = () => choose({ point: `seed:${Math.floor(Math.random() * 1e6)}` });
  const reset = () => keep(new Float32Array(main.state.model.latent_dim));
  const pinThis = () => pin(chosen().model, here, chosen().label);

  const compare = make("select", { "aria-label": "Second model", "data-testid": "second-model", onchange: () => choose({ second: compare.value }) });
  const share = make("select", { "aria-label": "What both hands share", "data-testid": "hand", hidden: true, onchange: () => choose({ hand: share.value }, false),
    title: "Both hands at the same place, in sigmas; or the second at its own code of the test picture nearest to the first" },
  make("option", { value: "place" }, "same place"), make("option", { value: "picture" }, "same picture"));
  const planes = make("select", { "aria-label": "Plane of the map", "data-testid": "plane", onchange: () => choose({ plane: planes.value === "dims" ? "dims:0,1" : planes.value }) });
  const dims = make("span", { class: "lp-dims" });
  const layers = make("div", { class: "lp-layers", role: "group", "aria-label": "What the map shows" });
  const bar = make("div", { class: "lp-bar" }, make("label", {}, "Map ", planes), dims, layers, make("label", { class: "lp-end" }, "Beside it ", compare, share));

  const saves = make("div", { class: "lp-row" },
    press("Copy link", "This view as a link", async () => say((await copyText(link())) ? "The link is copied." : `Copy it from here: ${link()}`)),
    press("Save picture", "A PNG with its link inside", () => savePicture(main.picture.canvas, main.state.model, here)),
    press("Codes as CSV", "All codes of the map, the pins and this point", codes));
  const mapCard = make("section", { class: "lp-card lp-mapcard" }, main.map.element), secondCard = make("section", { class: "lp-card lp-mapcard", hidden: true }, second.map.element);
  const help = make("p", { class: "lp-help" }, "Move over the map to look, press to stay. Keys: arrows move, R random, 0 middle, Z undo, P pin.");
  const mainColumn = make("div", { class: "lp-column" }, main.name, mapCard, make("div", { class: "lp-under" }, main.accuracy, help), galleryCard);
  const secondColumn = make("div", { class: "lp-column", hidden: true }, second.name, secondCard, make("div", { class: "lp-under" }, second.accuracy), card("", second.picture.element));
  const pictureCard = card("", main.picture.element), slidersCard = card("Latents, in sigmas", sliders.element, make("div", { class: "lp-row" },
    press("Random", "A new random point (R)", random), seed, press("Reset", "To the middle (0)", reset), back, forth, press("Pin this", "Keep this place (P)", pinThis, { class: "lp-button main" })));
  pictureCard.classList.add("lp-picturecard");
  galleryCard.classList.add("lp-gallery");
  const side = make("div", { class: "lp-side" }, pictureCard, slidersCard, classCard, card("Pins", pins.element, saves), card("", main.nearBox));
  const grid = make("div", { class: "lp-grid" }, bar, mainColumn, secondColumn, side);
  root.replaceChildren(make("div", { class: "lp lp-explore" }, grid));

  /** One hand for both maps: what one shows decides what the other shows. */
  function hand(from, to, position, placed, key) {
    const since = performance.now(), start = key ? from.state.shown : from.state.z, next = from.map.latentAt(start, position);
    from.show(next, since);
    if (to.state.model && secondModel()) to.show(beside(from, to, next), since);
    if (placed) keep(main.state.shown);
  }
  /** Where the other model's hand goes: to the same place in sigmas, or to its code of the nearest test picture. */
  function beside(from, to, latent) {
    const [one, other] = [from.state.atlas, to.state.atlas];
    if (chosen().hand === "place" || !one || !other) return to.map.latentAt(to.state.z, coordinates(from.state.plane, latent));
    const [{ index }] = nearest(one, latent, 1, Math.min(one.count, other.count)), D = to.state.model.latent_dim;
    from.map.mark(index);
    return other.codes.slice(index * D, (index + 1) * D);
  }
  function leave() {
    main.show(z);
    if (secondModel()) second.show(second.state.z);
  }
  function slide(dimension, value) {
    const since = performance.now(), next = main.state.shown.slice();
    next[dimension] = value;
    main.show(next, since);
    if (secondModel()) second.show(beside(main, second, next), since);
  }
  function keep(next) {
    if (next.length > MOST_NUMBERS) {
      z = next;
      main.state.z = next;
      say(`A link carries up to ${MOST_NUMBERS} numbers; this point has ${next.length}, so it lives on this page only.`);
    } else choose({ point: textOf(next) });
  }
  const secondModel = () => modelNamed(chosen().second);

  function codes() {
    const { model, atlas, plane } = main.state;
    const row = (name, label, latent) => ({ name, label: label && className(model, +label), position: coordinates(plane, latent), z: latent });
    const own = [row("here", chosen().label, z), ...chosen().pins.filter((kept) => kept.model === model.name).map((kept) => row(kept.letter, kept.label, place(model, atlas, kept.point)))];
    saveCodes(model, atlas, atlas && project(plane, atlas), own);
  }

  async function update() {
    const { model: name, point, label, plane, layers: shown } = chosen(), model = modelNamed(name), fresh = main.state.model !== model;
    const atlas = await loadAtlas(model);
    if (chosen().model !== name) return;
    const start = () => (model.metrics.gallery?.[0]?.point ?? (atlas ? "atlas:0" : "seed:0"));
    let text = point || start();
    try {
      z = place(model, atlas, text);
    } catch (error) {
      say(error.message, "problem");
      z = place(model, atlas, text = start());
    }
    here = text;
    if (fresh) sliders.of(model);
    const told = model.conditions.length && label === "" && /^atlas:\d+$/.test(text) && atlas ? String(atlas.labels[+text.slice(6)]) : label;
    const other = secondModel();
    secondColumn.hidden = secondCard.hidden = !other;
    grid.classList.toggle("two", !!other);
    if (other) mainColumn.insertBefore(pictureCard, galleryCard);
    else side.prepend(pictureCard);
    main.picture.element.classList.toggle("small", !!other);
    const seedText = /^seed:(\d+)$/.exec(text);
    seed.value = seedText ? seedText[1] : "";
    seed.placeholder = "seed";
    await main.become(model, z, told, plane, shown);
    if (chosen().model !== name) return;
    drawBar(model, other);
    drawClasses(model, told);
    pins.show();
    if (fresh) drawGallery(model, atlas);
    back.disabled = !canUndo();
    forth.disabled = !canRedo();
    if (other) {
      const codes = await loadAtlas(other);
      if (second.state.model !== other) await second.become(other, codes ? codes.centre.slice() : new Float32Array(other.latent_dim), told, "axes", shown);
      await second.become(other, beside(main, second, z), told, "axes", shown);
    }
  }

  function drawBar(model, other) {
    const options = [["axes", model.latent_dim === 2 ? "The latent plane" : "Two strongest axes"], ...(model.latent_dim > 2 ? [["dims", "Two dimensions"]] : [])];
    const own = chosen().pins.filter((kept) => kept.model === model.name).map((kept) => kept.letter);
    if (model.latent_dim > 2 && own.length >= 3) options.push([`pins:${own.slice(-3).join("")}`, `Through ${own.slice(-3).join(", ")}`]);
    const { plane, hand: shared } = chosen();
    if (plane.startsWith("pins:") && !options.some(([value]) => value === plane)) options.push([plane, `Through ${[...plane.slice(5)].join(", ")}`]);
    planes.replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
    planes.value = plane.startsWith("dims:") ? "dims" : plane;
    planes.disabled = options.length < 2;
    planes.title = planes.disabled ? "A model with two latents has one plane." : "Three pins of this model span a map, too.";
    const chosenDims = plane.startsWith("dims:") ? plane.slice(5).split(",").map(Number) : null;
    dims.replaceChildren(...(chosenDims ?? []).map((value, place) => {
      const select = make("select", { "aria-label": place ? "Upwards" : "Across", onchange: () => {
        const next = [...chosenDims];
        next[place] = +select.value;
        choose({ plane: `dims:${next.join(",")}` });
      } }, ...Array.from({ length: model.latent_dim }, (_, k) => make("option", { value: String(k), disabled: k === chosenDims[1 - place] }, `z${k}`)));
      select.value = String(value);
      return select;
    }));
    const can = { m: true, c: main.state.atlas, s: main.state.atlas?.std };
    layers.replaceChildren(...Object.entries(LAYERS).map(([letter, text]) => make("button", { class: "lp-toggle", "aria-pressed": String(chosen().layers.includes(letter)), disabled: !can[letter],
      title: can[letter] ? LAYER_HELP[letter] : letter === "s" ? "This family gives one code per picture, not a distribution of codes." : "This model has no atlas of codes.",
      onclick: () => choose({ layers: Object.keys(LAYERS).filter((one) => chosen().layers.includes(one) !== (one === letter)).join("") }, false) }, text)));
    compare.replaceChildren(make("option", { value: "" }, "no other model"), ...usable().filter((one) => one !== model && one.dataset === model.dataset).map((one) => make("option", { value: one.name }, shortTitle(one))));
    compare.value = other ? other.name : "";
    share.hidden = !other;
    share.value = shared;
  }

  async function drawClasses(model, label) {
    classCard.hidden = !model.conditions.length;
    if (classCard.hidden) return;
    const K = model.conditions.length, D = model.latent_dim, codes = new Float32Array(K * D), y = new Float32Array(K * K);
    for (let k = 0; k < K; k++) { codes.set(z, k * D); y[k * K + k] = 1; }
    const pixels = await decodeBehind(model, codes, y, K).catch(() => null);
    if (!pixels || chosen().model !== model.name) return;
    classes.replaceChildren(...model.conditions.map((text, k) => {
      const canvas = make("canvas");
      paint(canvas, pixels, shapeOf(model.image_shape), k);
      return make("button", { class: "lp-tile", "aria-pressed": String(label === String(k)), title: `Tell the model: ${text}`, "data-testid": `latent-class-${k}`,
        onclick: () => choose({ label: String(k), point: here }) }, canvas, make("small", {}, text));
    }));
  }

  async function drawGallery(model, atlas) {
    const places = model.metrics.gallery ?? [];
    galleryCard.hidden = !places.length;
    story.textContent = "";
    await prepare(model);
    gallery.replaceChildren(...await Promise.all(places.map(async ({ point, why }) => {
      const canvas = make("canvas"), row = /^atlas:(\d+)$/.exec(point), told = row && model.conditions.length ? String(atlas.labels[+row[1]]) : "";
      try {
        paint(canvas, await decodeBehind(model, place(model, atlas, point), oneHot(model, told), 1), shapeOf(model.image_shape));
      } catch (error) {
        canvas.title = error.message;
      }
      return make("button", { class: "lp-tile", title: why, "aria-label": why, onclick: () => { story.textContent = why; choose({ point, ...(told ? { label: told } : {}) }); } }, canvas);
    })));
  }

  root.addEventListener("keydown", (event) => shortcut(event, { random, reset, pinThis }));
  document.addEventListener("keydown", (event) => { if (event.target === document.body) shortcut(event, { random, reset, pinThis }); });
  onChange(update);
  update();
}

const LAYER_HELP = { m: "Decoded pictures all over the map", c: "Codes of test pictures, coloured by class", s: "How wide the model spreads the codes of a picture: two sigmas of its posterior" };

function shortcut(event, { random, reset, pinThis }) {
  if (event.target.matches?.("input[type=number], input[type=text], textarea, select") || event.altKey) return;
  const key = event.key.toLowerCase(), modified = event.ctrlKey || event.metaKey;
  const action = key === "z" ? (event.shiftKey ? redo : undo) : modified ? null : { r: random, 0: reset, p: pinThis }[key];
  if (!action) return;
  event.preventDefault();
  action();
}
