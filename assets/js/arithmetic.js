// Arithmetic on pictures: A - B + C, each the average of one or more, with every step shown as a picture.

import { hasPrior } from "./catalogue.js";
import { make, refill, say } from "./dom.js";
import { flat } from "./frames.js";
import { howFor, quickly } from "./how.js";
import { paint, shapeOf } from "./paint.js";
import { ground, namesPins, oneHot, place, textFor, toldAt } from "./place.js";
import { dot } from "./plane.js";
import { randomPoint } from "./random.js";
import { decodeBehind } from "./roads.js";
import { copyLink } from "./saves.js";
import { standAt } from "./stops.js";
import { chosen, choose, isLocal } from "./store.js";
import { ABOUT_LABELS, sumPresets } from "./sumpresets.js";
import { listsOf, summed, textOfLists } from "./sumtext.js";

const NAMES = ["A", "B", "C"], SIGNS = ["", "−", "+"], SHARES = [0, 0.25, 0.5, 0.75, 1], MOST_IN = 12, LONG = 1.3; // points in one place; length of a random latent from which the result is called long

export function createArithmetic() {
  const places = NAMES.map((name, k) => placeCard(name, k)), result = make("canvas", { "data-testid": "sum-result", role: "img", "aria-label": "A − B + C" });
  const shares = SHARES.map(() => make("canvas")), strip = make("div", { class: "lp-trystrip" }, ...shares.map((canvas, k) => make("figure", {}, canvas, make("figcaption", {}, ["C", "+ ¼", "+ ½", "+ ¾", "+ (A − B)"][k]))));
  const note = make("p", { class: "lp-empty", role: "status", "data-testid": "sum-note" }), presets = make("div", { class: "lp-row lp-sumpresets" }), busy = make("progress", { class: "lp-leakprogress none", "aria-label": "Looking for pictures", max: 1, value: 0 });
  const press = (text, title, onclick, testId) => make("button", { class: "lp-button", title, onclick, "data-testid": testId }, text);
  const uses = [press("Start from it", "The result as the start of the sliders above", () => use({}), "sum-use"), press("Open in Explore", "The result on the map", () => use({ tab: "explore", plane: "axes" })), press("Copy link", "This sum as a link", link), press("Clear", "Empty all three places", () => choose({ sum: "" }))];
  const element = make("section", { class: "lp-card lp-sumcard", "data-testid": "arithmetic" }, make("h2", {}, "Arithmetic: A − B + C"),
    make("p", { class: "lp-empty" }, "What A has and B lacks is put on C. One picture is a shaky example, so each place takes several and averages their codes (Radford et al. 2015)."),
    presets, busy,
    make("div", { class: "lp-sum" }, ...places.map(({ element: one }) => one), make("div", { class: "lp-sumplace result" }, make("h3", {}, "= result"), result)),
    make("h3", { class: "lp-sumpush" }, "The difference A − B as a push on C"), strip, note, make("div", { class: "lp-row" }, ...uses));
  let model = null, drawn = "", work = null, finding = null, found = null;

  function placeCard(name, k) {
    const mean = make("canvas", { "data-testid": `sum-${name}`, role: "img", "aria-label": `The average of ${name}` }), list = make("div", { class: "lp-strip" });
    const add = make("select", { "aria-label": `Add a picture to ${name}`, "data-testid": `sum-add-${name}`, onchange: () => { const { value } = add; add.value = ""; take(k, value); } });
    return { mean, list, add, element: make("div", { class: "lp-sumplace" }, make("h3", {}, `${SIGNS[k]} ${name}`), mean, list, add) };
  }

  /** @param {import("./catalogue.js").Model} next */
  function of(next) {
    if (model !== next) {
      finding?.abort();
      model = next;
      const those = sumPresets(model);
      presets.replaceChildren(...those.map(({ title, find }) => make("button", { class: "lp-button", onclick: () => lookFor(find) }, title)), those.length && model.conditions.length === 0 && those[0].title.includes("woman") && make("small", { class: "lp-empty" }, ABOUT_LABELS) || "");
      presets.hidden = !those.length;
    }
    draw();
  }

  /** A preset: pictures for it are looked for, and then stand in the three places. */
  async function lookFor(find) {
    finding?.abort();
    const mine = finding = new AbortController(), asked = model;
    busy.classList.remove("none");
    busy.value = 0;
    try {
      const sum = await find((done, all) => { busy.value = done / all; }, mine.signal);
      if (mine === finding && asked.name === chosen().model) choose({ sum });
    } catch (error) {
      if (mine === finding && !mine.signal.aborted) say(error.message, "problem");
    }
    if (mine === finding) busy.classList.add("none");
  }

  /** Another point in a place. @param {string} what "here", "random" or a pin's letter */
  async function take(k, what) {
    try {
      const asked = model, atlas = await ground(model, chosen().point), point = what === "random" ? await anyOf(atlas) : settled(atlas, what === "here" ? standAt(model, atlas, chosen().point).text : chosen().pins.find(({ letter }) => letter === what).point);
      const lists = listsOf(chosen().sum);
      if (asked.name !== chosen().model) return;
      if (isLocal(point)) throw new Error("This picture has too many numbers for a sum; take one with a seed.");
      if (lists[k].length >= MOST_IN) throw new Error(`${MOST_IN} pictures are the most in one place.`);
      lists[k].push(point);
      choose({ sum: textOfLists(lists) });
    } catch (error) {
      say(error.message, "problem");
    }
  }

  const anyOf = (atlas) => (hasPrior(model) ? randomPoint(model) : `atlas:${Math.floor(Math.random() * atlas.count)}`);
  /** A point that stays when pins go. */
  const settled = (atlas, point) => (namesPins(point) ? textFor(place(model, atlas, point)) : point);

  function drop(k, i) {
    const lists = listsOf(chosen().sum);
    lists[k].splice(i, 1);
    choose({ sum: textOfLists(lists) });
  }

  /** All pictures of the sum as it is chosen; an older drawing is overtaken. */
  async function draw() {
    const { sum, label, pins, point } = chosen(), now = JSON.stringify([model.name, model.hash, sum, label, howFor(model)]), usable = pins.filter((pin) => pin.model === model.name);
    const options = [["", "Add …"], ["random", "A random picture"], ["here", "The present start"], ...usable.map(({ letter }) => [letter, `Pin ${letter}`])];
    for (const { add } of places) add.replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
    if (now === drawn) return;
    drawn = now;
    work?.abort();
    const mine = work = new AbortController(), lists = listsOf(sum), whole = lists.every((list) => list.length);
    element.setAttribute("aria-busy", "true");
    for (const button of uses) button.disabled = button === uses.at(-1) ? !sum : !whole;
    found = null;
    try {
      const atlas = await ground(model, ...lists.flat()), known = whole ? summed(model, atlas, lists) : { each: lists.map((list) => list.map((one) => place(model, atlas, one))), means: [] };
      const means = whole ? known.means : known.each.map((rows) => (rows.length ? rows[0].map((_, i) => rows.reduce((total, row) => total + row[i], 0) / rows.length) : null));
      const walk = whole ? SHARES.map((share) => known.means[2].map((value, i) => value + share * known.push[i])) : [], rows = [...known.each.flat(), ...means.filter(Boolean), ...walk];
      const y = oneHot(model, rows.map(() => toldAt(model, atlas, "", label))), pixels = rows.length ? await decodeBehind(model, flat(rows), y, rows.length, quickly(model), mine.signal) : null;
      if (mine !== work) return;
      if (whole) found = known;
      show(lists, means, pixels, known);
    } catch (error) {
      if (mine !== work) return;
      note.textContent = error.message;
    }
    element.setAttribute("aria-busy", "false");
  }

  function show(lists, means, pixels, known) {
    const shape = shapeOf(model.image_shape), put = (canvas) => paint(canvas, pixels, shape, at++), blank = (canvas) => { [canvas.width, canvas.height] = [shape.width, shape.height]; };
    let at = 0;
    lists.forEach((list, k) => refill(places[k].list, list.map((point, i) => {
      const canvas = make("canvas");
      put(canvas);
      return make("button", { class: "lp-tile", "data-key": `${k} ${i}`, title: `${point.slice(0, 60)}: press to take it out`, "aria-label": `Take ${point.slice(0, 40)} out of ${NAMES[k]}`, onclick: () => drop(k, i) }, canvas);
    })));
    means.forEach((one, k) => (one ? put : blank)(places[k].mean));
    for (const canvas of shares) (found ? put : blank)(canvas);
    at -= found ? 1 : 0;
    (found ? put : blank)(result);
    note.textContent = !found ? `${lists.flatMap((list, k) => (list.length ? [] : [NAMES[k]])).join(", ").replace(/, (\w)$/, " and $1")} ${lists.filter((list) => !list.length).length > 1 ? "are" : "is"} still empty.` : noteOn(known.result);
  }

  /** How long the result is beside random latents, where that matters. */
  function noteOn(z) {
    const length = Math.sqrt(dot(z, z) / z.length);
    return hasPrior(model) && length > LONG ? `The result is ${length.toFixed(1)} times as long as random latents are, so it lies where the model has seen little. Averages of three or more in each place are shorter.` : "";
  }

  function use(more) {
    if (found) choose({ point: found.point, push: [], ...more });
  }

  function link() {
    if (listsOf(chosen().sum).flat().some(isLocal)) return say("One of the pictures has too many numbers for a link.", "problem");
    return copyLink();
  }

  return { element, of, draw: () => model && draw(), stop: () => { work?.abort(); finding?.abort(); busy.classList.add("none"); drawn = ""; } };
}
