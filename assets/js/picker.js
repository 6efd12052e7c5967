// The head of the page: which model, what it is, where it runs, light or dark.

import { letBegin } from "./begin.js";
import { device, hasRoad, loadCatalogue, modelNamed, shortTitle, usable } from "./catalogue.js";
import { joinClass } from "./classroom.js";
import { make, refill, reveal, say, setOptions } from "./dom.js";
import { embed, embedButton, embedLine } from "./embed.js";
import { ABOUT_SCORES, byWhom, parametersText, scores, termsText } from "./facts.js";
import { keepingNote } from "./keeping.js";
import { beginLesson, bigButton } from "./lesson.js";
import { liveOnSpace } from "./outer.js";
import { createMore } from "./more.js";
import { setRoad } from "./roads.js";
import { amend, choose, chosen, keepTo, onChange, readAddress, tellSource } from "./store.js";
import { followTabs } from "./tabs.js";
import { take } from "./taking.js";
import { askWish, wishLine } from "./wish.js";

const WHERE = { browser: () => "in your browser", server: () => `on the server (${device()})`, mosaic: () => "a stand-in from the map", kept: () => "kept with the model" };
const MOST_TRAINED = 6; // models of one's own that the head shows as chips, the newest ones
const ROADS = { auto: "Automatic", browser: "In this browser", server: "On the server" };

/**
 * @param {HTMLElement} root
 * @param {{firstModel: string, title: string, space: string, keeps: boolean, wish: string}} page space: owner/name of the Space that this is;
 *   keeps: whether its disk outlives a sleep; wish: the Hub's name of the model that the page is for
 */
export async function mount(root, page) {
  const { firstModel, title, space, keeps, wish } = page;
  embed();
  liveOnSpace(space);
  const themes = make("button", { class: "lp-icon", title: "Light or dark", "aria-label": "Light or dark", onclick: switchTheme }, "◐");
  const picker = make("div", { class: "lp-picker", role: "radiogroup", "aria-label": "Model", "data-testid": "model-picker" });
  const sets = make("div", { class: "lp-sets", role: "group", "aria-label": "Data" });
  const about = make("div", { class: "lp-about" }), where = make("span", { class: "lp-where" });
  const road = make("select", { class: "lp-road", "aria-label": "Where pictures are computed", "data-testid": "road",
    onchange: () => choose({ road: road.value }, false) }, ...Object.entries(ROADS).map(([value, text]) => make("option", { value }, text)));
  const classButton = make("span", { class: "lp-classplace" });
  root.replaceChildren(make("div", { class: "lp lp-head" },
    make("div", { class: "lp-top" }, make("h1", {}, title), sets, make("div", { class: "lp-right" }, where, classButton,
      createMore(space && keepingNote(keeps), make("span", { class: "lp-roadbox" }, road), embedButton(title), bigButton(), themes))), picker, about));
  restoreTheme();
  stickTo(root, picker);

  const named = new URLSearchParams(location.search).has("model");
  let catalogue, wished = null;
  try {
    wished = wish && await askWish(); // before the catalogue, which then has it
    catalogue = await loadCatalogue();
  } catch (error) {
    picker.textContent = error.message;
    return;
  }
  for (const broken of catalogue.models.filter((model) => model.error)) say(broken.error, "problem");
  let models = usable();
  if (!models.length) {
    picker.textContent = "There is no model yet. Fetch one in Models, or put a checkpoint folder into checkpoints/ and reload.";
    window.addEventListener("latent-catalogue", () => mount(root, page), { once: true });
    letBegin(false);
    if (hasRoad("hub")) amend({ tab: "models" });
    return followTabs();
  }
  tellSource((name) => { const source = modelNamed(name)?.source; return source ? `${source.repo}@${source.commit}` : ""; });
  const first = (modelNamed(wished?.name) ?? modelNamed(firstModel) ?? models[0]).name;
  readAddress({ models: models.map((model) => model.name), firstModel: first });
  beginLesson();
  followTabs();
  if (hasRoad("class")) joinClass(classButton);

  /** The model of another data set that is most like the present one. */
  function twin(dataset) {
    const now = models.find((model) => model.name === chosen().model), those = models.filter((model) => model.dataset === dataset);
    const likeness = (model) => 2 * (model.family === now?.family) + (model.latent_dim === now?.latent_dim);
    return those.sort((a, b) => likeness(b) - likeness(a))[0];
  }

  /** Models have come or gone. */
  function changed() {
    const { model } = chosen(), before = models.find((one) => one.name === model);
    if (!usable().length) return location.reload(); // the page of nobody's model is another one
    models = usable();
    const instead = modelNamed(first) ?? models[0];
    if (!modelNamed(model)) say(`${before?.title ?? model} was deleted; this is ${instead.title}.`, "problem");
    keepTo(models.map((one) => one.name), instead.name);
  }

  function draw() {
    const { model: name, road: wish } = chosen(), model = models.find((one) => one.name === name);
    setRoad(wish);
    road.value = wish;
    road.options[1].disabled = !model.browser;
    road.title = model.browser ? "" : model.steps ? "This model takes many steps, which only the server computes." : "This model is too large for a browser; the server computes it.";
    const count = (id) => models.filter((one) => one.dataset === id).length;
    const datasets = [...new Map(models.map((one) => [one.dataset, one.dataset_title])).entries()].sort(([a], [b]) => count(b) - count(a));
    refill(sets, datasets.map(([id, text]) => make("button", { class: "lp-set", "data-key": id, "aria-pressed": String(id === model.dataset), title: text,
      onclick: () => id !== model.dataset && take(twin(id)) }, text.replace(/ \(.*/, ""))));
    const those = models.filter((one) => one.dataset === model.dataset), trained = those.filter(({ origin }) => origin === "trained");
    const chips = those.filter(({ origin }) => origin !== "trained").sort((a, b) => a.latent_dim - b.latent_dim || a.parameters - b.parameters), newest = trained.slice(-MOST_TRAINED);
    if (trained.includes(model) && !newest.includes(model)) newest.splice(0, 1, model);
    refill(picker, [...chips, ...newest].map((one) => make("button", { class: `lp-chip ${one.origin}`, role: "radio", "data-key": one.name, "aria-checked": String(one === model), "data-model": one.name,
      tabIndex: one === model ? 0 : -1, title: byWhom(one) || one.name, onclick: () => one !== model && take(one) }, shortTitle(one), byWhom(one) && make("small", {}, one.mine ? "yours" : "shared"))));
    if (trained.length > newest.length) picker.append(others(trained.filter((one) => !newest.includes(one))));
    for (const row of [sets, picker]) reveal(row, row.querySelector("[aria-pressed=true], [aria-checked=true]"));
    about.replaceChildren(describe(model));
  }
  /** One's own models that there is no room for. */
  function others(rest) {
    const select = make("select", { class: "lp-chip lp-others", "data-key": "others", "aria-label": "More models trained by you", onchange: () => take(modelNamed(select.value)) });
    setOptions(select, [["", `${rest.length} more of yours`], ...rest.map((one) => [one.name, one.title])], "");
    return select;
  }
  picker.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const chips = [...picker.querySelectorAll("[role=radio]")], next = chips[(chips.indexOf(document.activeElement) + step + chips.length) % chips.length];
    next.focus();
    next.click();
  });
  window.addEventListener("latent-road", ({ detail: { road: taken, ms } }) => {
    where.className = `lp-where ${taken}`;
    where.textContent = `${WHERE[taken]()} · ${ms < 1000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(1)} s`}`;
  });
  onChange((_, changed) => { if (["model", "models", "road"].some((name) => changed.has(name))) draw(); });
  window.addEventListener("latent-catalogue", changed);
  draw();
  root.firstChild.prepend(embedLine(title, () => modelNamed(chosen().model)?.title ?? ""));
  if (wish && !wished?.name) root.firstChild.append(wishLine(wished, named, (name) => take(modelNamed(name))));
  letBegin(true);
}

/** Of the head only the picker and what follows stay in sight while the page scrolls, and what gets the focus stays clear of them. */
function stickTo(root, picker) {
  const block = root.closest(".block") ?? root;
  block.classList.add("lp-sticky");
  new ResizeObserver(() => {
    block.style.top = `${8 - picker.offsetTop}px`;
    document.documentElement.style.setProperty("--lp-stuck", `${root.offsetHeight - picker.offsetTop + 8}px`); // how far down what else stays in sight begins
    for (const scroller of [document.documentElement, document.body]) scroller.style.scrollPaddingTop = `${root.offsetHeight - picker.offsetTop + 20}px`;
  }).observe(root);
}

/** One line of facts. @param {import("./catalogue.js").Model} model */
function describe(model) {
  const facts = [byWhom(model), model.family_title, `${model.latent_dim} numbers per picture`, parametersText(model.parameters), ...scores(model),
    model.conditions.length && "told what to show", termsText(model)];
  return make("span", { title: ABOUT_SCORES }, facts.filter(Boolean).join("  ·  "));
}

function switchTheme() {
  const dark = document.body.classList.toggle("dark");
  try { localStorage.setItem("latent-playground-theme", dark ? "dark" : "light"); } catch { /* not kept, then */ }
}

function restoreTheme() {
  let kept = null;
  try { kept = localStorage.getItem("latent-playground-theme"); } catch { /* nothing kept */ }
  if (kept && !new URLSearchParams(location.search).has("__theme")) document.body.classList.toggle("dark", kept === "dark");
}
