// The Train page: the lectures' trainings, a form for one's own, the list of one's runs, and the one that is open as it learns.

import { whenReady } from "./begin.js";
import { hasRoad } from "./catalogue.js";
import { make, say } from "./dom.js";
import { choose, chosen, onChange } from "./store.js";
import { createForm } from "./trainform.js";
import { createOwned } from "./trainowned.js";
import { knobsOf } from "./trainplan.js";
import { createPresets } from "./trainpresets.js";
import { createRoad, isGoingOn } from "./trainroad.js";
import { createRuns } from "./trainruns.js";

const NARROW = matchMedia("(max-width: 860px)");

/** @param {HTMLElement} root */
export const mount = (root) => whenReady(root, () => new Train(root));

class Train {
  constructor(root) {
    this.road = createRoad();
    this.view = this.compare = null;
    this.lay(root);
    this.road.listen(() => this.draw());
    onChange((_, changed) => {
      const { tab, after } = chosen();
      if (tab !== "train") return this.view?.rest();
      if (changed.has("after")) this.view?.to(after);
      if (["run", "over", "tab", "learn", "kin"].some((name) => changed.has(name))) this.draw();
      return undefined;
    });
    this.begin();
  }

  lay(root) {
    this.form = createForm(this.road, (name) => this.open(name));
    this.presets = createPresets(this.road, ([name]) => this.open(name));
    this.runs = createRuns(this.road, (name) => this.open(name));
    this.owned = createOwned(this.road, { onFork: (row) => this.fork(row), onGone: (name) => this.gone(name) });
    this.problem = make("p", { class: "lp-card lp-trainfailed", role: "alert", hidden: true });
    this.empty = make("section", { class: "lp-card lp-trainempty", hidden: true, "data-testid": "train-empty" });
    this.beside = make("div", { class: "lp-compareplace" });
    this.place = make("div", { class: "lp-runplace" });
    this.right = make("div", { class: "lp-trainright" }, this.problem, this.empty, this.beside, this.owned.element, this.place);
    this.owned.element.hidden = true;
    root.replaceChildren(make("div", { class: "lp lp-train", "data-testid": "train-page" }, this.presets.element,
      make("div", { class: "lp-traingrid" }, make("div", { class: "lp-trainleft" }, this.form.element, this.runs.element), this.right)));
  }

  async begin() {
    if (!hasRoad("train")) {
      for (const part of [this.form, this.presets]) part.element.hidden = true;
      this.problem.hidden = false;
      this.problem.textContent = "Nothing is trained on this page: whoever serves it has not opened that road.";
      return;
    }
    try {
      const [form] = await Promise.all([this.road.form(), this.road.refresh()]);
      this.titles = { learn: this.form.called, kin: (id) => form.families.find((one) => one.id === id)?.title ?? id };
      this.data = form;
      this.runs.called(this.titles.learn, this.titles.kin);
      this.form.show(form);
      this.presets.show(form);
      this.problem.hidden = true;
      this.draw();
    } catch (error) {
      this.problem.hidden = false;
      this.problem.replaceChildren(make("span", {}, error.message), make("button", { class: "lp-button", onclick: () => this.begin() }, "Try again"));
    }
  }

  /** Open a run, and on a narrow page go to it. */
  open(name) {
    choose({ run: name, after: "" }, false);
    if (NARROW.matches) requestAnimationFrame(() => this.right.scrollIntoView({ block: "start" }));
  }

  fork(row) {
    if (this.data) choose({ learn: row.dataset, kin: row.family, size: "", knobs: knobsOf(this.data, row) }, false);
    this.form.fork(row);
  }

  gone(name) {
    const { run, over } = chosen(), rest = over.split(",").filter((one) => one && one !== name).join(",");
    choose({ ...(run === name && { run: "", after: "" }), over: rest }, false);
    say("The training and its model are deleted.");
  }

  /** The run that is open: the address's, else the one that learns, else the newest. @returns {import("./trainroad.js").Row|null} */
  current() {
    const rows = [...(this.road.runs() ?? [])].sort((a, b) => b.created - a.created), { run } = chosen();
    return rows.find(({ name }) => name === run) ?? (run ? null : rows.find(({ state }) => state === "running") ?? rows.find(isGoingOn) ?? rows[0] ?? null);
  }

  draw() {
    if (!this.road.runs() || !this.data) return;
    const row = this.current(), { run } = chosen();
    this.showEmpty(row, run);
    this.owned.element.hidden = !row;
    if (row) this.owned.show(row);
    this.showRun(row);
    this.showBeside();
  }

  /** What there is to press where nothing is open. */
  showEmpty(row, run) {
    this.empty.hidden = !!row;
    const key = `${run} ${this.form.inWords()} ${this.road.may()}`;
    if (row || this.empty.dataset.key === key) return;
    this.empty.dataset.key = key;
    if (run) {
      this.empty.replaceChildren(make("h3", {}, "This training is not yours, or was deleted"), make("p", {}, "Trainings are private. Where somebody has shared one, its link opens the model in Explore."),
        make("button", { class: "lp-button", onclick: () => choose({ run: "", after: "" }, false) }, "To your own trainings"));
    } else {
      this.empty.replaceChildren(make("h3", {}, "Watch a model learn"), make("p", {}, "Press Train, or a card of the lectures. Within seconds you see here how its pictures get sharper and its map unfolds; stop it whenever you like."),
        make("p", {}, "A stopped model is at once in every tab beside the bundled ones. Nobody else sees it until you share it."),
        make("button", { class: "lp-button main", disabled: this.road.may() !== true, onclick: () => this.form.element.requestSubmit() }, `Train ${this.form.inWords()}`));
    }
  }

  /** The view of the run; it comes when it is needed for the first time. */
  async showRun(row) {
    if (!row && !this.view) return;
    this.viewing ??= import("./trainrun.js").then((module) => {
      this.view = module.createRunView(this.road);
      this.place.replaceChildren(this.view.element);
    }, (error) => {
      console.error(error);
      this.viewing = null;
      this.place.replaceChildren(make("p", { class: "lp-card lp-empty" }, "This part of the page could not be loaded. Reload the page."));
    });
    await this.viewing;
    const now = this.current();
    this.place.hidden = !now;
    this.view?.show(now, now ? this.presetOf(now) : undefined);
  }

  /** What to look at in a run that a card began. */
  presetOf({ group }) {
    const found = group && this.data.presets.find(({ title }) => title === group);
    return found && { watch: found.watch, readout: found.readout };
  }

  async showBeside() {
    if (chosen().over.split(",").filter((name) => this.road.row(name)).length < 2 || this.comparing) return;
    this.comparing = true;
    try {
      const { createCompare } = await import("./traincompare.js");
      this.beside.replaceChildren(createCompare(this.road, (name) => this.open(name)).element);
    } catch (error) {
      console.error(error);
      this.comparing = false;
    }
  }
}
