// What can be done with one run: take its model to another tab, share it, begin another from it, take it along, rename it, delete it.

import { fetched } from "./away.js";
import { isAlike, modelNamed, reloadCatalogue, shortTitle, usable } from "./catalogue.js";
import { copyText, download, fileName, make, say } from "./dom.js";
import { isPca } from "./frames.js";
import { CROSSFADE } from "./lineup.js";
import { outerAddress } from "./outer.js";
import { choose, chosen } from "./store.js";
import { take } from "./taking.js";
import { fileUrl } from "./trainroad.js";

const press = (text, title, onclick, kind = "lp-button") => make("button", { class: kind, type: "button", title, onclick }, text);
const STILL = "This can be done as soon as the training is paused, stopped or finished.";

/** The bundled model that stands beside one of the same data: of the same family where there is one. @param {import("./catalogue.js").Model} model */
export function besideOf(model) {
  const those = usable().filter((one) => one.name !== model.name && one.origin !== "trained" && isAlike(one, model));
  const rank = (one) => 4 * (one.family === model.family) + 2 * (one.latent_dim === model.latent_dim) - isPca(one) - (one.steps ? 3 : 0);
  return those.sort((a, b) => rank(b) - rank(a))[0];
}

/**
 * @param {ReturnType<import("./trainroad.js").createRoad>} road
 * @param {{onFork: (row: import("./trainroad.js").Row) => void, onGone: (name: string) => void}} then
 * @returns {{element: HTMLElement, show: (row: import("./trainroad.js").Row) => void}}
 */
export function createOwned(road, { onFork, onGone }) {
  const first = make("div", { class: "lp-row lp-owneddo" }), below = make("div", { class: "lp-ownedbelow" });
  const element = make("section", { class: "lp-card lp-owned", "aria-label": "What can be done with this training", "data-testid": "owned" }, first, below);
  let row = null, drawn = "", asking = "";

  /** Do it, and say what went wrong; one thing at a time. */
  async function attempt(act) {
    if (element.ariaBusy === "true") return;
    element.ariaBusy = "true";
    try {
      await act();
    } catch (error) {
      say(error.message, "problem");
    } finally {
      element.ariaBusy = "false";
    }
  }

  /** The run's model, as the other tabs know it; another run may be open when it comes. */
  async function model() {
    const { name } = row;
    if (!modelNamed(name)) await reloadCatalogue();
    const found = modelNamed(name);
    if (!found) throw new Error("The model of this training is not ready yet. Try again in a moment.");
    return found;
  }

  const explore = () => attempt(async () => { take(await model(), { tab: "explore" }); window.scrollTo({ top: 0 }); });
  const interpolate = () => attempt(async () => {
    const mine = await model(), other = besideOf(mine);
    take(mine, { tab: "interpolate", ends: [], rows: [mine.name, ...(other ? [other.name] : []), CROSSFADE] });
    window.scrollTo({ top: 0 });
  });
  const publish = () => attempt(async () => { const { name } = await model(); choose({ tab: "models", give: name }, false); });

  async function file(which, ending) {
    const { name, title } = row, answer = await fetched(fileUrl(name, which));
    download(await answer.blob(), `${fileName(title || name)}${ending}`);
  }

  /** Its buttons; those that need a model wait for one. */
  function buttons() {
    const no = !row.checkpoint, title = (text) => (no ? STILL : text), able = (button) => { button.disabled = no; return button; };
    const seen = modelNamed(row.name), other = seen && besideOf(seen);
    const fork = able(press("Fork", title("A new training that begins with the weights of this one"), () => onFork(row)));
    return [able(press("Explore", title("Walk in what it has learned"), explore, "lp-button main")),
      able(press("Interpolate", title(other ? `Beside ${shortTitle(other)}, which comes with this program` : "From picture to picture"), interpolate)), ...(row.mine === false ? [] : [
        able(press(row.shared ? "Shared …" : "Share …", title("A link with which others can open its model"), () => ask("share"))), fork,
        able(press("Take along …", title("The model as a folder, as ONNX, or in Python"), () => ask("along"))), able(press("Publish", title("On the Hugging Face Hub, by the form in Models"), publish)),
        press("Rename", "Another title", () => ask("rename"), "lp-quiet"), press("Delete", "Forget this training and its model", () => ask("delete"), "lp-quiet")])].filter(Boolean);
  }

  /** Open or close what one of the buttons asks. */
  function ask(what) {
    asking = asking === what ? "" : what;
    showBelow();
    (below.querySelector("[data-first]") ?? below.querySelector("input, button"))?.focus();
  }

  const QUESTIONS = {
    rename() {
      const input = make("input", { type: "text", class: "lp-text", value: row.title, maxLength: 80, "aria-label": "New title", onkeydown: keys(() => go()) });
      const go = () => attempt(async () => { await road.act(row.name, "rename", { title: input.value.trim() }); done(); });
      return [input, press("Rename", "", go, "lp-button main"), press("Cancel", "", done)];
    },
    share() {
      const address = `${outerAddress()}?model=${encodeURIComponent(row.name)}`, copy = async () => say(await copyText(address) ? "The link is copied." : `Copy it from here: ${address}`);
      if (!row.shared) return [make("span", {}, `Nobody but you can see this training. With the link others can use its model, and nothing else of it.${row.dataset.startsWith("own:") ? " Its map goes along: codes of up to 500 of your pictures, from which they can be made again." : ""}`), press("Share it, and copy the link", "", () => attempt(async () => { await road.act(row.name, "share", { shared: true }); await copy(); }), "lp-button main"), press("Cancel", "", done)];
      return [make("input", { type: "text", class: "lp-text", readOnly: true, value: address, "aria-label": "The link", "data-testid": "share-link", onfocus: ({ target }) => target.select() }), press("Copy link", "", copy, "lp-button main"),
        press("Share no more", "The link then opens nothing", () => attempt(async () => { await road.act(row.name, "share", { shared: false }); })), press("Close", "", done)];
    },
    along() {
      const code = make("pre", { class: "lp-cardtext", hidden: true, tabIndex: 0, "aria-label": "Python" }), copy = press("Copy", "", async () => say(await copyText(code.textContent) ? "The lines are copied." : "Select the lines and copy them."));
      copy.hidden = true;
      const python = () => attempt(async () => { code.textContent = await road.snippet(row.name); code.hidden = copy.hidden = false; });
      return [press("Folder", "Weights, config and atlas as a zip: a checkpoint like the bundled ones", () => attempt(() => file("take.zip", ".zip"))), press("ONNX", "The decoder, for other programs", () => attempt(() => file("decoder.onnx", ".onnx"))),
        press("Python", "A few lines that load it and draw samples", python), press("Close", "", done), code, copy];
    },
    delete() {
      const go = () => attempt(async () => {
        const { name } = row, mine = modelNamed(name), other = mine && chosen().model === name && besideOf(mine);
        if (other) take(other); // before it is gone: nobody asks it for pictures meanwhile
        await road.remove(name);
        asking = "";
        onGone(name);
      });
      const keep = press("Keep", "", done);
      keep.dataset.first = "";
      return [make("span", {}, `Delete ${row.title || "it"} with its model and its history? Nothing brings it back.`), press("Delete", "", go, "lp-button danger"), keep];
    },
  };
  const keys = (go) => (event) => { if (event.key === "Enter") go(); if (event.key === "Escape") done(); };

  function done() {
    const which = [...first.children].find((button) => button.dataset.asks === asking);
    asking = "";
    showBelow();
    which?.focus();
  }

  function showBelow() {
    for (const button of first.children) if (button.dataset.asks) button.setAttribute("aria-expanded", String(button.dataset.asks === asking));
    below.replaceChildren(...(asking ? [make("div", { class: "lp-row", "data-asks": asking }, ...QUESTIONS[asking]())] : []));
  }

  /** @param {import("./trainroad.js").Row} next */
  function show(next) {
    const other = row?.name !== next.name, shared = row?.shared;
    row = next;
    if (other) asking = "";
    const now = JSON.stringify([row.name, row.checkpoint, row.shared, row.mine, !!modelNamed(row.name)]);
    if (now !== drawn) {
      drawn = now;
      const held = first.contains(document.activeElement) ? document.activeElement.textContent : null;
      first.replaceChildren(...buttons());
      for (const [text, what] of Object.entries({ "Share": "share", "Take along": "along", "Rename": "rename", "Delete": "delete" })) for (const button of first.children) if (button.textContent.startsWith(text)) button.dataset.asks = what;
      if (held) [...first.children].find((button) => button.textContent === held)?.focus();
    }
    if (other || (shared !== row.shared && asking === "share")) showBelow();
  }

  window.addEventListener("latent-catalogue", () => { if (row && chosen().tab === "train") show(row); });
  return { element, show };
}
