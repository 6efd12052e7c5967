// The field for a model on the Hugging Face Hub: first a look at what it is, then the fetch with its progress, and one sentence where it fails.

import { modelNamed } from "./catalogue.js";
import { make, refill } from "./dom.js";
import { bytesText } from "./facts.js";
import { createProgress } from "./progress.js";
import { isUnderWay, look } from "./shelf.js";
import { choose, chosen, missed, onChange } from "./store.js";
import { take } from "./taking.js";

const EXAMPLES = ["google/ddpm-cifar10-32", "huggan/dcgan-mnist", "madebyollin/taesd", "stabilityai/sd-vae-ft-mse"];
const RECENT = "latent-playground-recent", MOST_RECENT = 5;

const press = (text, onclick, main = false) => make("button", { class: `lp-button${main ? " main" : ""}`, type: "button", onclick }, text);
const openers = (model) => ["Explore", "Interpolate"].map((tab, k) => press(`Open in ${tab}`, () => take(model, { tab: tab.toLowerCase() }), !k));

/** @param {ReturnType<import("./shelf.js").createShelf>} shelf @returns {HTMLElement} */
export function createFetching(shelf) {
  const input = make("input", { type: "text", class: "lp-text lp-repo", id: "lp-repo", placeholder: "owner/name or owner/name@revision", spellcheck: false, autocomplete: "off", autocapitalize: "off",
    maxLength: 300, "aria-describedby": "lp-fetch-says", "data-testid": "fetch-field" });
  const button = make("button", { class: "lp-button main", type: "submit" }, "Look");
  const form = make("form", { class: "lp-fetchform", onsubmit: (event) => { event.preventDefault(); begin(input.value); } }, input, button);
  const suggestions = make("div", { class: "lp-suggestions" }), closed = make("p", { class: "lp-empty", hidden: true });
  const says = make("div", { class: "lp-fetchsays", id: "lp-fetch-says", role: "status", "aria-live": "polite", "data-testid": "fetch-says" });
  const progress = createProgress(() => shelf.stop().catch((error) => show([error.message], "problem")));
  const body = make("div", {}, form, suggestions, says);
  let looking = null, local = null, errand = null, drawn = "";

  /** What stands below the field: what this page found out, or what the server does and did. */
  function draw(lost = false) {
    const key = local ? "local" : isUnderWay(errand) ? "under way" : errand ? JSON.stringify([errand, !!modelNamed(errand.outcome.name)]) : "";
    input.setAttribute("aria-invalid", String(local?.kind === "problem"));
    if (isUnderWay(errand)) progress.show(errand, lost);
    if (key === drawn && key !== "local") return;
    drawn = key;
    says.className = `lp-fetchsays ${local?.kind ?? errand?.state ?? ""}`;
    refill(says, local ? local.nodes : isUnderWay(errand) ? [progress.element] : errand ? ended(errand) : []);
  }
  function show(nodes, kind = "") {
    local = nodes.length ? { nodes, kind } : null;
    draw();
  }

  /** Look at what a name means, and say it. */
  async function begin(text) {
    looking?.abort();
    const mine = looking = new AbortController();
    input.value = text = text.trim();
    if (!text) return show([]);
    choose({ fetch: text }, false);
    show([make("span", {}, `Asking the Hub about ${text} …`), press("Stop", () => mine.abort())], "busy");
    try {
      const found = await look(text, mine.signal);
      if (looking !== mine) return;
      remember(text);
      show(described(found), "found");
    } catch (error) {
      if (looking === mine) show(error.name === "AbortError" ? [] : [error.message], "problem");
    }
  }

  /** What a look has found, and what can be done with it. @param {Object} found repo, commit, title, account, licence, bytes, name */
  function described(found) {
    const { repo, commit, title, account, licence, bytes, name } = found, here = modelNamed(name);
    return [
      make("strong", {}, title || repo), make("small", {}, `${repo} at ${commit.slice(0, 7)}  ·  ${licence ? `licence: ${licence}` : "it names no licence"}`),
      make("ul", {}, ...account.map((sentence) => make("li", {}, sentence))),
      make("div", { class: "lp-row" }, ...(here ? [make("span", {}, "It is here already."), ...openers(here)] : [press(`Fetch ${bytesText(bytes)}`, () => start(found), true)]), press("Close", close)),
    ];
  }

  async function start({ repo, commit }) {
    try {
      await shelf.start("fetch", { text: `${repo}@${commit}` });
      choose({ fetch: "" }, false); // it is on its way: the address asks for nothing any more
    } catch (error) {
      show([error.message], "problem");
    }
  }

  function close() {
    looking?.abort();
    input.value = "";
    choose({ fetch: "" }, false);
    show([]);
    input.focus();
  }

  /** How an errand ended, until the person closes it. */
  function ended({ state, text, sentence, outcome }) {
    const shut = press("Close", () => shelf.stop().then(close, (error) => show([error.message], "problem"))), name = text.replace(/@[0-9a-f]{40}$/, "");
    if (state === "failed") return [make("span", {}, sentence), make("div", { class: "lp-row" }, press("Try again", () => begin(text)), shut)];
    if (state === "stopped") return [make("span", {}, `${name} was stopped. What came is kept: the next try goes on from there.`), make("div", { class: "lp-row" }, press("Go on", () => begin(text)), shut)];
    const model = modelNamed(outcome.name), wanted = missed && text.startsWith(missed.fetch.split("@")[0]);
    if (!model) return [make("span", {}, `${name} was fetched, and is not in use here: it was deleted since, or its card below says why.`), shut];
    return [make("strong", {}, `${name} is here.`), make("div", { class: "lp-row" },
      wanted && press("Open the link", () => { location.href = linkWith(outcome.name); }), ...openers(model), shut)];
  }

  function suggest() {
    const recent = recents().filter((text) => !EXAMPLES.includes(text)), chip = (text) => make("button", { class: "lp-chip", type: "button", "data-key": text, title: text, onclick: () => begin(text) }, text.replace(/@([0-9a-f]{7})[0-9a-f]{33}$/, "@$1"));
    refill(suggestions, [make("span", {}, "Try"), ...EXAMPLES.map(chip), recent.length > 0 && make("span", {}, "Recent"), ...recent.map(chip)].filter(Boolean));
  }
  function remember(text) {
    try { localStorage.setItem(RECENT, JSON.stringify([text, ...recents().filter((one) => one !== text)].slice(0, MOST_RECENT))); } catch { /* not kept, then */ }
    suggest();
  }

  /** What a link, or a sentence elsewhere on the page, asks to fetch. */
  const follow = () => { if (shelf.state()?.fetch === true && chosen().fetch && chosen().fetch !== input.value) begin(chosen().fetch); };
  onChange((_, changed) => { if (changed.has("fetch")) follow(); });
  window.addEventListener("latent-catalogue", () => draw());
  shelf.listen((state, lost) => {
    errand = state.errand?.kind === "fetch" ? state.errand : null;
    body.hidden = state.fetch !== true;
    closed.hidden = state.fetch === true;
    closed.textContent = state.fetch === true ? "" : state.fetch;
    if (isUnderWay(errand)) local = null;
    draw(lost);
    if (!isUnderWay(errand)) follow();
  });
  suggest();
  return make("section", { class: "lp-card lp-fetching" }, make("h2", {}, make("label", { for: "lp-repo" }, "Fetch a model from the Hugging Face Hub")), closed, body);
}

/** The link that asked for a model which was not here, with the model as it is called here. */
function linkWith(name) {
  const address = new URL(missed.href);
  address.searchParams.set("model", name);
  return address.href;
}

function recents() {
  try {
    const kept = JSON.parse(localStorage.getItem(RECENT) ?? "[]");
    return Array.isArray(kept) ? kept.filter((text) => typeof text === "string" && text.length <= 300).slice(0, MOST_RECENT) : [];
  } catch {
    return [];
  }
}
