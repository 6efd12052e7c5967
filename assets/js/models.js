// The Models page: a card for every model that is here, a field that brings more, and a form that gives one away.

import { allModels, hasRoad, loadCatalogue, reloadCatalogue } from "./catalogue.js";
import { make, say, setOptions } from "./dom.js";
import { bytesText } from "./facts.js";
import { createFetching } from "./fetching.js";
import { createCard } from "./modelcard.js";
import { createPublish } from "./publish.js";
import { createShelf } from "./shelf.js";
import { choose, chosen, onChange } from "./store.js";

const MINE = ["find", "data", "kind"];
const ORIGIN_WORDS = { bundled: "bundled", own: "own trained here", fetched: "fetched hub", trained: "trained by you shared" };

/** @param {HTMLElement} root */
export async function mount(root) {
  try {
    await loadCatalogue();
  } catch (error) {
    root.textContent = error.message;
    return;
  }
  const begin = () => new Models(root);
  if (window.latentReady || !allModels().some((model) => !model.error)) begin(); // without any model nobody else begins
  else window.addEventListener("latent-ready", begin, { once: true });
}

class Models {
  constructor(root) {
    this.cards = new Map(); // by model: an entry of the catalogue that has changed is another object
    this.shelf = createShelf();
    this.lay(root);
    this.shelf.listen(() => this.draw());
    window.addEventListener("latent-catalogue", () => this.draw());
    onChange((_, changed) => {
      if (MINE.some((name) => changed.has(name))) this.draw();
      if (changed.has("tab") && chosen().tab === "models") this.lookAgain();
    });
    this.settle();
    this.draw();
    if (hasRoad("hub")) this.shelf.refresh().catch((error) => { this.alone = true; say(error.message, "problem"); this.draw(); });
  }

  lay(root) {
    this.find = make("input", { type: "search", class: "lp-text lp-find", placeholder: "Search", "aria-label": "Search the models", "data-testid": "find", maxLength: 100, oninput: () => choose({ find: this.find.value }, false) });
    const chooser = (key, what) => make("select", { "aria-label": what, "data-testid": `filter-${key}`, onchange: (event) => choose({ [key]: event.target.value }, false) });
    [this.data, this.kind] = [chooser("data", "Data set"), chooser("kind", "Family")];
    this.count = make("span", { class: "lp-count", role: "status" });
    this.stored = make("span", { class: "lp-end" });
    this.list = make("div", { class: "lp-models", "data-testid": "models" });
    this.none = make("p", { class: "lp-empty", hidden: true });
    const hub = hasRoad("hub"), bar = make("div", { class: "lp-bar" }, this.find, this.data, this.kind, this.count, this.stored);
    root.replaceChildren(make("div", { class: "lp lp-modelspage" }, hub && createFetching(this.shelf), bar, this.list, this.none, hub && createPublish(this.shelf)));
  }

  /** What others have fetched and deleted since. */
  async lookAgain() {
    try {
      await reloadCatalogue();
      if (hasRoad("hub")) await this.shelf.refresh();
    } catch (error) {
      say(error.message, "problem");
    }
  }

  /** A filter of a link that no model has is said. */
  settle() {
    const wrong = {};
    for (const [key, field, what] of [["data", "dataset", "data set"], ["kind", "family", "family"]]) {
      const asked = chosen()[key];
      if (!asked || allModels().some((model) => model[field] === asked)) continue;
      say(`No model here is of the ${what} “${asked}” that the link asks for; these are all.`, "problem");
      wrong[key] = "";
    }
    if (Object.keys(wrong).length) choose(wrong, false);
  }

  draw() {
    if (hasRoad("hub") && !this.shelf.state() && !this.alone) return; // a card is made once, with what may be done with its model
    const { find, data, kind } = chosen(), models = allModels(), usable = models.filter((model) => !model.error);
    const options = (all, id, title) => [["", all], ...[...new Map(usable.map((model) => [model[id], model[title].replace(/ \(.*/, "")]))].sort(([, a], [, b]) => a.localeCompare(b))];
    if (this.find.value !== find) this.find.value = find;
    setOptions(this.data, options("All data sets", "dataset", "dataset_title"), data);
    setOptions(this.kind, options("All families", "family", "family_title"), kind);
    const shown = sorted(models.filter((model) => fits(model, find, data, kind)));
    for (const model of [...this.cards.keys()]) if (!models.includes(model)) this.cards.delete(model);
    const cards = shown.map((model) => this.cardOf(model));
    if (cards.length !== this.list.children.length || cards.some((card, k) => card !== this.list.children[k])) this.list.replaceChildren(...cards);
    this.count.textContent = shown.length === models.length ? `${models.length} models` : `${shown.length} of ${models.length} models`;
    this.none.hidden = shown.length > 0;
    this.none.textContent = models.length ? "No model fits; look for less." : "There is no model here yet. Fetch one from the Hub, above.";
    const fetched = this.shelf.state()?.fetched;
    this.stored.textContent = !fetched ? "" : fetched.length ? `${fetched.length} fetched, ${bytesText(fetched.reduce((sum, one) => sum + one.bytes, 0))} in all` : "Nothing fetched yet";
  }

  /** Made once, so that its pictures stay; again when what one may do with it has changed. */
  cardOf(model) {
    const entry = this.shelf.state()?.fetched.find(({ name }) => name === model.name), key = JSON.stringify([entry?.delete]), known = this.cards.get(model);
    if (known?.key === key) return known.card;
    const card = createCard(model, entry ? { remove: () => this.shelf.remove(model.name), why: entry.delete === true ? "" : entry.delete } : null);
    this.cards.set(model, { card, key });
    return card;
  }
}

/** What somebody trained first, then what came from the Hub, then what was trained on this computer; then data set by data set, the simplest first. */
function sorted(models) {
  const count = (dataset) => models.filter((model) => model.dataset === dataset).length, rank = { trained: 0, fetched: 1, own: 2, bundled: 3 };
  return models.sort((a, b) => (!!a.error - !!b.error) || rank[a.origin] - rank[b.origin] || (a.error ? 0 : count(b.dataset) - count(a.dataset) || a.dataset.localeCompare(b.dataset)
    || a.latent_dim - b.latent_dim || a.parameters - b.parameters));
}

function fits(model, find, data, kind) {
  if ((data && model.dataset !== data) || (kind && model.family !== kind)) return false;
  const text = [model.title, model.name, model.family_title, model.dataset_title, model.licence, model.source?.repo, ORIGIN_WORDS[model.origin], model.error && "cannot be used"].join(" ").toLowerCase();
  return find.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}
