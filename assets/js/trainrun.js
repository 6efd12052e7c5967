// One training: its losses, pictures, codes and readouts while it runs, the whole history afterwards, and all that a hand can do to it.

import { make } from "./dom.js";
import { createTimeChart } from "./traincharts.js";
import { createControls } from "./traincontrols.js";
import { createHand } from "./trainhand.js";
import { History } from "./trainhistory.js";
import { createMotionMap } from "./trainmap.js";
import { createPairs, createSamples } from "./trainpictures.js";
import { createReadouts } from "./trainreadouts.js";
import { choose, chosen } from "./store.js";
import { stepText } from "./trainscales.js";
import { createTrainTakeaway } from "./traintakeaway.js";
import { createTime } from "./traintime.js";

const NARROW = 760, SMOOTH = 0.6, REST = 300; // pixels below which all stands in one column; how much a chart is smoothed at first; milliseconds after which a moment goes into the address
const WRITES = "input, select, textarea, button, [role=tab]"; // takes its keys itself

/**
 * @param {ReturnType<import("./trainroad.js").createRoad>} road
 * @returns {{element: HTMLElement, show: (row: import("./trainroad.js").Row|null, preset?: {watch?: string, readout?: string}) => void, to: (after: string) => void, rest: () => void}}
 *   show: another run, or how the same one stands now; watch: what to look at; readout: the one that stands first; to: the moment of the address, "" is now; rest: nobody looks
 */
export const createRunView = (road) => {
  const view = new RunView(road);
  return { element: view.element, show: (row, preset) => view.show(row, preset), to: (after) => view.to(after), rest: () => view.time.stop() };
};

class RunView {
  constructor(road) {
    this.road = road;
    /** @type {History|null} */
    this.history = null;
    this.follows = true; // the newest moment, until a hand goes to another
    this.step = 0;
    this.names = [];
    this.preset = {};
    this.lay();
  }

  lay() {
    const pick = (step) => this.go(step);
    this.title = make("h2", { class: "lp-runtitle" });
    this.about = make("p", { class: "lp-fact" });
    this.controls = createControls(this.road, (row) => this.become(row));
    this.watch = make("p", { class: "lp-runwatch", "data-testid": "run-watch", hidden: true });
    this.time = createTime({ onMove: (step) => this.go(step), onNow: () => this.goNow(), frames: () => this.history?.steps ?? [] });
    this.log = make("button", { class: "lp-toggle", "aria-pressed": "true", "data-testid": "run-log", title: "Equal factors are equally far apart", onclick: () => { this.log.setAttribute("aria-pressed", String(!this.isLog)); this.charts(); } }, "Log scale");
    this.smooth = make("input", { type: "range", min: 0, max: 0.98, step: 0.02, value: SMOOTH, "data-testid": "run-smooth", "aria-label": "Smoothing of the losses", oninput: () => this.charts() });
    this.losses = createTimeChart({ name: "Loss", testId: "run-losses", least: 250, onPick: pick });
    this.beside = createTimeChart({ name: "Beside the losses", testId: "run-beside", onPick: pick });
    const bar = make("div", { class: "lp-chartbar" }, this.log, make("label", {}, "Smooth ", this.smooth));
    const card = (...content) => make("section", { class: "lp-card lp-runcard lp-losscard" }, ...content);
    this.lossCard = card(bar, this.losses.element);
    this.besideCard = card(this.beside.element);
    this.samples = createSamples();
    this.map = createMotionMap();
    this.pairs = createPairs((index) => this.map.point(index));
    this.readouts = createReadouts(pick);
    this.hand = createHand(this.road);
    this.gif = createTrainTakeaway(() => this.history && { history: this.history, map: this.map, title: this.title.textContent });
    this.empty = make("p", { class: "lp-card lp-empty", "data-testid": "run-none" }, "Start a training, or choose one from the list: here you see it learn.");
    const head = make("section", { class: "lp-card lp-runhead" }, make("div", { class: "lp-runnames" }, this.title, this.about), this.controls.element, this.watch);
    const line = make("div", { class: "lp-card lp-runtimecard" }, this.time.element, this.gif);
    this.grid = make("div", { class: "lp-rungrid" }, this.lossCard, this.map.element, this.samples.element, this.pairs.element, this.besideCard, this.readouts.element);
    this.body = make("div", { class: "lp-runbody", hidden: true }, head, this.grid, line, this.hand.element);
    this.element = make("div", { class: "lp lp-run", "data-testid": "run", onkeydown: (event) => this.key(event) }, this.empty, this.body);
    new ResizeObserver(() => {
      this.element.classList.toggle("narrow", this.element.clientWidth < NARROW);
      this.history?.fetch(); // it is seen again
    }).observe(this.element);
    document.addEventListener("visibilitychange", () => this.history?.fetch());
  }

  get isLog() { return this.log.getAttribute("aria-pressed") === "true"; }

  /** @param {import("./trainroad.js").Row|null} row */
  show(row, preset = undefined) {
    this.empty.hidden = !!row;
    this.body.hidden = !row;
    if (preset) this.preset = preset;
    if (!row) return this.leave();
    if (this.history?.row.name !== row.name) this.begin(row, preset ?? {});
    else this.history.become(row);
    return this.become(row);
  }

  leave() {
    this.time.stop();
    clearTimeout(this.resting);
    this.history?.end();
    this.history = null;
  }

  /** Another run. */
  begin(row, preset) {
    this.leave();
    const { after } = chosen();
    [this.follows, this.step, this.preset] = [after === "", +after, preset];
    for (const part of [this.losses, this.beside, this.map, this.readouts]) part.forget();
    for (const part of [this.samples, this.map, this.pairs]) { part.element.hidden = false; part.element.classList.add("empty"); }
    this.besideCard.hidden = true;
    this.history = new History(this.road, row, (what) => this.heard(what), () => !document.hidden && this.element.getClientRects().length > 0);
    this.classNames(row);
  }

  async classNames({ dataset, family }) {
    const history = this.history;
    this.names = [];
    this.kind = [family, dataset].join(" · ");
    try {
      const form = await this.road.form();
      if (history !== this.history) return;
      const data = form.datasets.find(({ id }) => id === dataset);
      this.names = data?.classes ?? [];
      this.kind = [form.families?.find(({ id }) => id === family)?.title ?? family, (data?.title ?? dataset).replace(/ \(.*/, "")].join(" · ");
      this.become(this.history.row);
    } catch { /* without it classes have numbers */ }
  }

  /** How the run stands now. */
  become(row) {
    if (this.history?.row.name !== row.name) return;
    if (this.history.row !== row) this.history.become(row);
    this.title.textContent = row.title || row.name;
    this.about.textContent = this.kind;
    this.element.dataset.state = row.state;
    this.controls.show(row);
    this.hand.show(row);
    this.later(true);
  }

  /** More of the run is here. */
  heard(what) {
    if (what === "news") {
      this.controls.show(this.history.row);
      this.hand.show(this.history.row);
      this.element.dataset.state = this.history.row.state;
    }
    this.later(true);
  }

  /** Drawn once for all that comes before the next picture of the screen. @param {boolean} [fresh] whether there is more to draw than another moment */
  later(fresh = false) {
    this.fresh = this.fresh || fresh;
    if (this.drawing) return;
    this.drawing = true;
    requestAnimationFrame(() => {
      this.drawing = false;
      if (!this.history) return;
      if (this.fresh) this.charts();
      this.moment(this.fresh && this.follows);
      this.fresh = false;
    });
  }

  go(step) {
    if (!this.history) return;
    this.follows = step >= this.history.latest;
    this.step = step;
    this.later();
    this.settle();
  }

  goNow() {
    this.follows = true;
    this.later();
    this.settle();
  }

  /** The address says another moment of the run that is open. */
  to(after) {
    const { run } = chosen();
    if (!this.history || (run && run !== this.history.row.name) || after === this.inAddress()) return;
    this.time.stop();
    clearTimeout(this.resting);
    [this.follows, this.step] = [after === "", +after];
    this.later();
  }

  /** The moment as the address has it. */
  inAddress() { return this.follows ? "" : String(Math.round(this.step)); }

  /** The moment that is looked at is in the address, once the hand rests. */
  settle() {
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.history && choose({ run: this.history.row.name, after: this.inAddress() }, false), REST);
  }

  /** Space plays, where nothing else takes it. */
  key(event) {
    if (event.key !== " " || event.ctrlKey || event.metaKey || event.target.closest(WRITES) && event.target.dataset.testid !== "run-time") return;
    event.preventDefault();
    this.time.toggle();
  }

  // The losses

  /** Of several players each has one curve of its loss here, and what they say beside it in a chart of its own. */
  charts() {
    const { losses, latest: end, marks } = this.history, names = [...losses.keys()], several = names.filter((name) => name.endsWith(" loss")).length > 1;
    const line = (name) => ({ key: name, name, ...losses.get(name) }), isMain = (name) => !several || name.endsWith(" loss"), weight = +this.smooth.value;
    this.smooth.setAttribute("aria-valuetext", `${Math.round(100 * weight)} %`);
    const more = { marks: [...marks, ...this.stages()], end, weight };
    this.losses.rename(several ? "Losses of the players" : names.length > 1 ? "Loss by part" : "Loss", this.isLog && names.filter(isMain).some((name) => losses.get(name).values.some((value) => value <= 0)) ? "even: not all are above 0" : "");
    this.losses.show({ lines: names.filter(isMain).map(line), log: this.isLog, ...more });
    const others = names.filter((name) => !isMain(name));
    this.besideCard.hidden = !others.length;
    const owners = new Set(others.map((name) => name.split(" ")[0]));
    this.beside.rename(owners.size === 1 ? `Beside the loss of the ${[...owners][0]}` : "Beside the losses", "");
    if (others.length) this.beside.show({ lines: others.map(line), ...more });
  }

  /** Where one stage of the recipe ends and the next begins. */
  stages() {
    const { recipe } = this.history.row, marks = [];
    let step = 0;
    for (const [k, stage] of (recipe?.stages ?? []).slice(0, -1).entries()) {
      step += stage.steps;
      if (step <= this.history.latest) marks.push({ step, words: `stage ${k + 2}` });
    }
    return marks;
  }

  // The moment that is looked at

  moment(ease = false) {
    const { history } = this, end = history.latest;
    if (this.follows) this.step = end;
    const { at, part } = history.place(this.step), here = at < 0 ? null : history.nearest(at), newest = at < 0 ? null : history.nearest(history.steps.length - 1);
    history.want([history.steps[at], history.steps[at + 1]]);
    this.time.show(this.step, end, this.follows, `step ${stepText(this.step)}`);
    for (const chart of [this.losses, this.beside]) chart.at(this.step);
    if (here) this.pictures(here, { part: here.exact ? part : 0, next: history.kept.get(history.steps[at + 1]) ?? null, newest: newest.frame, ease });
    this.readouts.show(history, here?.frame ?? null, here?.step ?? 0, { first: this.preset.readout ?? "", names: this.names });
    this.readouts.at(this.step);
    this.watches(here?.frame);
  }

  pictures({ frame, step }, { part, next, newest, ease }) {
    const { fixed } = this.history;
    this.element.dataset.frame = step;
    this.map.element.hidden = !newest.codes;
    this.samples.element.hidden = !newest.samples;
    this.pairs.element.hidden = !newest.reconstructions;
    this.samples.show(frame, step);
    this.pairs.show(frame, step, fixed);
    if (!newest.codes) return;
    this.map.element.classList.remove("empty");
    this.map.show({ frame, next, part, newest, step, labels: fixed?.labels, names: this.names, ease });
  }

  watches(frame) {
    const { watch = "", readout = "" } = this.preset;
    this.watch.hidden = !watch && !readout;
    const number = this.readouts.said(frame, readout), key = `${watch}\n${number}`;
    if (this.watch.dataset.key === key) return;
    this.watch.dataset.key = key;
    this.watch.replaceChildren(make("span", {}, watch), ...(number ? [make("b", {}, number)] : []));
  }
}
