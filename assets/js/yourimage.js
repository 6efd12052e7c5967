// The Your image page: draw or bring a picture, see it as the models get it, and below what they make of it.

import { whenReady } from "./begin.js";
import { modelNamed } from "./catalogue.js";
import { bytesOf } from "./considered.js";
import { createCrop } from "./crop.js";
import { pixelsOf } from "./cut.js";
import { make, say } from "./dom.js";
import { createPad } from "./draw.js";
import { paintBytes } from "./errormap.js";
import { createEyes } from "./eyes.js";
import { createInput, prepared } from "./owninput.js";
import { fromLink, linkToCode } from "./ownlink.js";
import { mountOwnResults } from "./ownresults.js";
import { forgetAll, ownPicture, remember, remembered, setOwnPicture } from "./ownstate.js";
import { ofDrawing, ofPicture, takesPictures } from "./shaping.js";
import { createSheet } from "./sheet.js";
import { choose, chosen, onChange } from "./store.js";

const NOTHING = { drawn: "Draw something, or bring a picture: what the models get of it is shown here.", other: "Bring a picture: what the models get of it is shown here." };
const START = { mode: "", square: null, eyes: null, inverted: null, fitted: true, used: false, of: 0 }; // how a picture is taken, for one kind of data; of: which picture

/** @param {HTMLElement} root */
export const mount = (root) => whenReady(root, () => new YourImage(root));

class YourImage {
  constructor(root) {
    this.way = START;
    this.lay(root);
    this.input.listen(this.element);
    document.addEventListener("keydown", (event) => this.shortcut(event));
    onChange((_, changed) => { if (["tab", "model", "models", "own"].some((name) => changed.has(name))) this.update(); });
    this.update();
  }

  lay(root) {
    const press = (text, title, onclick, more = {}) => make("button", { class: "lp-button", title, onclick, ...more }, text);
    this.pad = createPad({ onDraw: (done) => this.drew(done) });
    this.input = createInput({ onFile: (file) => this.bring(file), onSample: (...made) => this.takeSample(...made) });
    this.sheet = createSheet();
    this.crop = createCrop(this.sheet, (square, done) => this.moved({ square }, square, done));
    this.eyes = createEyes(this.sheet, (square, done) => this.moved({ eyes: this.eyes?.eyes() ?? null }, square, done));
    const mode = (name, text) => make("button", { class: "lp-toggle", "data-mode": name, onclick: () => this.become({ mode: name }) }, text);
    this.modes = make("div", { class: "lp-row lp-yourmodes", role: "group", "aria-label": "Draw or bring a picture" }, mode("draw", "Draw"), mode("picture", "Picture"));
    const check = (text, act) => { const box = make("input", { type: "checkbox", onchange: () => act(box.checked) }); return [box, make("label", { class: "lp-check" }, box, text)]; };
    [this.invert, this.invertLabel] = check("Invert light and dark", (on) => this.become({ inverted: on }));
    [this.fit, this.fitLabel] = check("Centre it as the data set does", (on) => this.become({ fitted: on }));
    this.cropHelp = make("p", { class: "lp-help lp-sheethelp" }, this.crop.help);
    this.sheetBox = make("div", { class: "lp-sheetbox" }, this.sheet.element, this.eyes.help, this.cropHelp,
      make("div", { class: "lp-row" }, ...this.eyes.elements, this.crop.element, this.invertLabel, this.fitLabel, press("Another picture", "Take this one away", () => this.drop(), { "data-testid": "another" })));
    this.busy = make("p", { class: "lp-empty lp-opening", role: "status", hidden: true }, "Opening the picture …");
    this.large = make("canvas", { class: "lp-large lp-yourpicture", role: "img", "aria-label": "The picture as the models get it", "data-testid": "own-picture" });
    this.size = make("p", { class: "lp-fact" });
    this.done = make("ul", { class: "lp-yourdone", "data-testid": "own-done" });
    this.use = press("Use this picture", "Let the models look at it", () => this.take(true), { class: "lp-button main", "data-testid": "use" });
    this.link = press("Copy link", "A link with the code of the picture, not the picture", () => linkToCode(modelNamed(chosen().model)), { "data-testid": "own-link" });
    this.forget = press("Forget it", "Take the picture and all drawings out of this tab", () => this.forgetIt(), { "data-testid": "forget" });
    const left = make("section", { class: "lp-card lp-yourcard" }, make("h2", {}, "Your picture"), this.modes, this.pad.element, this.input.element, this.busy, this.sheetBox);
    const right = make("section", { class: "lp-card lp-gotcard" }, make("h2", {}, "As the models get it"),
      make("div", { class: "lp-got" }, this.large, make("div", {}, this.size, this.done, make("div", { class: "lp-row" }, this.use, this.link, this.forget))));
    const results = make("div", { class: "lp-yourresults" });
    this.element = make("div", { class: "lp lp-yourimage", "data-testid": "yourimage" }, make("div", { class: "lp-yourgrid" }, left, right), results);
    root.replaceChildren(this.element);
    mountOwnResults(results);
  }

  // What is shown

  /** A model of other data takes pictures in another form. */
  async update() {
    if (chosen().tab !== "yourimage") return this.input.close();
    const model = modelNamed(chosen().model);
    if (!model) return;
    if (model.dataset !== this.model?.dataset || JSON.stringify(remembered(`strokes:${model.dataset}`) ?? []) !== JSON.stringify(this.pad.strokes())) { // also drawn on elsewhere
      this.model = model;
      const kept = remembered(`way:${model.dataset}`), mode = kept?.mode ?? (model.own?.drawn ? "draw" : "picture"), of = remembered("source")?.turn ?? 0;
      this.way = { ...START, ...(kept?.of === of && kept), mode, of };
      this.pad.show(remembered(`strokes:${model.dataset}`) ?? []);
      await this.draw();
    }
    this.model = model;
    if (this.way.mode === "picture" && !remembered("source")) this.input.offer(model);
    if (chosen().own && chosen().own !== this.linked) await this.follow(model);
  }

  /** Another way to take the picture. @param {Partial<typeof START>} changes */
  become(changes) {
    this.keep(changes);
    this.draw();
  }
  keep(changes) {
    this.way = { ...this.way, ...changes };
    remember(`way:${this.model.dataset}`, this.way);
  }

  async draw() {
    const { model, way } = this, drawn = model.own?.drawn, draws = way.mode === "draw", source = remembered("source"), fits = takesPictures(model), ofEyes = !!model.own?.eyes;
    this.modes.hidden = !drawn;
    for (const button of this.modes.children) button.setAttribute("aria-pressed", String(button.dataset.mode === way.mode));
    this.pad.element.hidden = !draws || fits !== true;
    this.input.element.hidden = draws || !!source || fits !== true;
    this.sheetBox.hidden = draws || !source || fits !== true;
    for (const part of [...this.eyes.elements, this.eyes.help]) part.hidden = !ofEyes;
    for (const part of [this.crop.element, this.cropHelp]) part.hidden = ofEyes;
    for (const part of [this.invertLabel, this.fitLabel]) part.hidden = !drawn;
    this.fit.checked = way.fitted;
    if (draws || !source || fits !== true) {
      this.eyes.leave();
      if (!draws) this.input.offer(model);
      return this.present(draws ? ofDrawing(this.pad.ink(), model) : null, fits === true ? "" : fits);
    }
    await this.sheet.show(source);
    this.pixels = pixelsOf(this.sheet.image);
    const exact = source.width === model.image_shape[2] && source.height === model.image_shape[1];
    if (exact && ofEyes && !way.eyes) way.eyes = model.own.eyes.map(([x, y]) => [x + 0.5, y + 0.5]); // it has their form already
    return ofEyes ? this.eyes.show(source, way.eyes, model.own.eyes, model.image_shape[1]) : this.crop.show(source, way.square);
  }

  /** What the models would get; without a picture, what is to be done. @param {import("./shaping.js").Shaped|{problem: string}|null} shaped */
  present(shaped, problem = shaped?.problem ?? "") {
    const [channels, height, width] = this.model.image_shape, held = ownPicture(), own = shaped?.pixels ? shaped : null;
    this.shaped = own;
    const linked = chosen().own && held?.what === "link", shown = linked ? held : own ?? (["sample", "link"].includes(held?.what) ? held : null);
    if (shown) paintBytes(this.large, shown.pixels, this.model.image_shape);
    else Object.assign(this.large, { width, height }); // which empties it
    this.large.classList.toggle("empty", !shown);
    this.size.textContent = `${height} × ${width} pixels, ${channels === 1 ? "grey" : "in colour"}`;
    const sentences = problem ? [problem] : shown?.sentences ?? [NOTHING[this.model.own?.drawn ? "drawn" : "other"]];
    if (sentences.join() !== [...this.done.children].map(({ textContent }) => textContent).join()) this.done.replaceChildren(...sentences.map((text) => make("li", {}, text)));
    this.use.hidden = this.way.mode === "draw" || !own || this.way.used;
    this.link.hidden = !held;
    this.forget.hidden = !held && !remembered("source");
  }

  // The hand

  drew(done) {
    if (this.drawing && !done) return;
    this.drawing = true;
    requestAnimationFrame(() => { this.drawing = false; this.present(ofDrawing(this.pad.ink(), this.model)); if (!done) return; remember(`strokes:${this.model.dataset}`, this.pad.strokes()); this.take(); });
  }

  /** The square or the eyes of the picture were moved. @param {import("./cut.js").Square|null} square null while an eye is missing */
  moved(changes, square, done) {
    this.way = { ...this.way, ...changes };
    const source = remembered("source");
    if (!square || !source) return this.present(null, "The face is cut out by its eyes: click on both of them.");
    const shaped = ofPicture(source, this.pixels, square, this.model, this.way);
    this.present(shaped);
    this.invert.checked = !!this.way.inverted;
    if (!done) return undefined;
    this.keep({});
    return this.way.used && this.take();
  }

  /** The models look at what is shown; from then on at every change of it, too. */
  take(pressed = false) {
    if (pressed) this.keep({ used: true });
    if (chosen().own) choose({ own: "" }, false);
    const what = this.way.mode === "draw" ? "drawing" : "picture";
    setOwnPicture(this.shaped && { ...this.shaped, shape: this.model.image_shape, what });
    this.present(this.shaped);
  }

  shortcut(event) {
    if (chosen().tab !== "yourimage" || this.way.mode !== "draw" || event.key.toLowerCase() !== "z" || event.target.matches?.("input[type=text], input[type=number], textarea, select")) return;
    event.preventDefault();
    (event.shiftKey ? this.pad.redo : this.pad.undo)();
  }

  // Where pictures come from

  /** A newer picture overtakes one that is still opened. @param {Blob} file */
  async bring(file) {
    this.opening?.abort();
    const mine = this.opening = new AbortController();
    this.busy.hidden = false;
    this.element.setAttribute("aria-busy", "true");
    try {
      const source = await prepared(file, mine.signal);
      if (mine.signal.aborted) return;
      const turn = (remembered("source")?.turn ?? this.way.of) + 1;
      remember("source", { ...source, turn });
      this.become({ ...START, mode: "picture", of: turn });
    } catch (error) {
      if (!mine.signal.aborted) say(error.message, "problem");
    } finally {
      if (this.opening === mine) {
        this.busy.hidden = true;
        this.element.setAttribute("aria-busy", "false");
      }
    }
  }

  drop() {
    remember("source", null);
    this.become({ ...START, mode: "picture", of: this.way.of });
  }

  takeSample(model, seed, pixels) {
    choose({ own: "" }, false);
    setOwnPicture({ pixels: bytesOf(pixels, model.image_shape, 1), shape: model.image_shape, what: "sample", sentences: [`${model.title} made it, from seed ${seed}.`] });
    this.present(null);
  }

  /** The code in a link takes the place of a picture. */
  async follow(model) {
    this.linked = chosen().own;
    const own = await fromLink(model, this.linked);
    if (own) setOwnPicture(own);
    this.present(this.shaped);
  }

  forgetIt() {
    forgetAll();
    if (chosen().own) choose({ own: "" }, false);
    this.pad.show([]);
    this.become({ ...START, mode: this.way.mode });
    say("The picture is forgotten; nothing of it is left in this tab or on the server.");
  }
}
