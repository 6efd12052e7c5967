// The head of the page: which model, what it is, where it runs, light or dark.

import { device, loadCatalogue, shortTitle, usable } from "./catalogue.js";
import { make, refill, say } from "./dom.js";
import { setRoad } from "./roads.js";
import { choose, chosen, onChange, readAddress } from "./store.js";
import { followTabs } from "./tabs.js";

const WHERE = { browser: () => "in your browser", server: () => `on the server (${device()})`, mosaic: () => "a stand-in from the map" };
const ROADS = { auto: "Automatic", browser: "In this browser", server: "On the server" };

/** @param {HTMLElement} root @param {{firstModel: string, title: string}} page */
export async function mount(root, { firstModel, title }) {
  const themes = make("button", { class: "lp-icon", title: "Light or dark", "aria-label": "Switch between light and dark", onclick: switchTheme }, "◐");
  const picker = make("div", { class: "lp-picker", role: "radiogroup", "aria-label": "Model", "data-testid": "model-picker" });
  const sets = make("div", { class: "lp-sets", role: "group", "aria-label": "Data" });
  const about = make("div", { class: "lp-about" }), where = make("span", { class: "lp-where" });
  const road = make("select", { class: "lp-road", "aria-label": "Where pictures are computed", "data-testid": "road",
    onchange: () => choose({ road: road.value }, false) }, ...Object.entries(ROADS).map(([value, text]) => make("option", { value }, text)));
  root.replaceChildren(make("div", { class: "lp lp-head" },
    make("div", { class: "lp-top" }, make("h1", {}, title), sets, make("div", { class: "lp-right" }, where, road, themes)), picker, about));
  restoreTheme();
  stickTo(root, picker);

  let catalogue;
  try {
    catalogue = await loadCatalogue();
  } catch (error) {
    picker.textContent = error.message;
    return;
  }
  for (const broken of catalogue.models.filter((model) => model.error)) say(broken.error, "problem");
  const models = usable();
  if (!models.length) {
    picker.textContent = "There is no model yet. Put a checkpoint folder into checkpoints/, or train a recipe with python -m genmodels.train, then reload.";
    return;
  }
  const first = models.some((model) => model.name === firstModel) ? firstModel : models[0].name;
  readAddress({ models: models.map((model) => model.name), firstModel: first });
  followTabs();

  /** The model of another data set that is most like the present one. */
  function twin(dataset) {
    const now = models.find((model) => model.name === chosen().model), those = models.filter((model) => model.dataset === dataset);
    const likeness = (model) => 2 * (model.family === now?.family) + (model.latent_dim === now?.latent_dim);
    return those.sort((a, b) => likeness(b) - likeness(a))[0];
  }
  function take(model) {
    const { second } = chosen(), other = models.find((one) => one.name === second);
    choose({ model: model.name, point: "", label: "", plane: "axes", steps: "", sampler: "", guidance: "", truncation: 1, second: other && other !== model && other.dataset === model.dataset ? second : "" });
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
    const chips = models.filter((one) => one.dataset === model.dataset).sort((a, b) => a.latent_dim - b.latent_dim || a.parameters - b.parameters);
    refill(picker, chips.map((one) => make("button", { class: "lp-chip", role: "radio", "data-key": one.name, "aria-checked": String(one === model), "data-model": one.name,
      tabIndex: one === model ? 0 : -1, title: one.name, onclick: () => one !== model && take(one) }, shortTitle(one))));
    picker.querySelector("[aria-checked=true]").scrollIntoView({ block: "nearest", inline: "nearest" });
    about.replaceChildren(describe(model));
  }
  picker.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const chips = [...picker.children], next = chips[(chips.indexOf(document.activeElement) + step + chips.length) % chips.length];
    next.focus();
    next.click();
  });
  window.addEventListener("latent-road", ({ detail: { road: taken, ms } }) => {
    where.className = `lp-where ${taken}`;
    where.textContent = `${WHERE[taken]()} · ${ms < 1000 ? `${ms.toFixed(1)} ms` : `${(ms / 1000).toFixed(1)} s`}`;
  });
  onChange((_, changed) => { if (changed.has("model") || changed.has("road")) draw(); });
  draw();
  window.dispatchEvent(new Event("latent-ready"));
  window.latentReady = true;
}

/** Of the head only the picker and what follows stay in sight while the page scrolls. */
function stickTo(root, picker) {
  const block = root.closest(".block") ?? root;
  block.classList.add("lp-sticky");
  new ResizeObserver(() => { block.style.top = `${8 - picker.offsetTop}px`; }).observe(root);
}

/** One line of facts. @param {import("./catalogue.js").Model} model */
function describe(model) {
  const m = model.metrics, facts = [
    model.family_title, `${model.latent_dim} numbers per picture`,
    model.parameters >= 1e6 ? `${(model.parameters / 1e6).toFixed(1)} M parameters` : `${Math.round(model.parameters / 1000)} k parameters`,
    m.fd_ratio && `FD ${m.fd_ratio.toFixed(2)} of PCA's`, m.sure && `${Math.round(100 * m.sure)} % of samples sure`,
    m.bits_per_dim && `${m.bits_per_dim.toFixed(2)} bits per pixel`,
    m.nelbo > 0 ? `negative ELBO ${m.nelbo.toFixed(1)} nats` : m.mse && `squared error ${m.mse.toFixed(4)}`,
    m.label_kept && `${Math.round(100 * m.label_kept)} % of reconstructions keep their class`,
    model.conditions.length && "told the class", model.licence,
  ];
  return make("span", { title: "Measured on the test set; lower is better, but for shares. FD is the Fréchet distance of samples to test pictures, "
    + "beside that of PCA with a mixture; sure are samples of which the classifier is at least 90 % sure. The model card has the rest." }, facts.filter(Boolean).join("  ·  "));
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
