// The list of directions that a person has made: renamed, saved as a file, shared as a link, deleted and brought back; and one read from a file.

import { shortTitle } from "./catalogue.js";
import { copyText, download, fileName, make, refill, say } from "./dom.js";
import { outerAddress } from "./outer.js";
import { LARGEST_FILE, fileOf, keepOwn, linkOf, ofFile, ownDirections, removeOwn, renameOwn, whyNotCalled } from "./owndirections.js";
import { amend, viewWith } from "./store.js";

/** @param {(name: string) => void} toRow leads to the row of a direction */
export function createOwnList(toRow) {
  const list = make("ul", { class: "lp-ownlist", "data-testid": "own-list" }), none = make("p", { class: "lp-empty" }, "None yet. What you keep stays in this browser.");
  const file = make("input", { type: "file", accept: ".json,application/json", hidden: true, "data-testid": "own-file", onchange: () => read(file.files[0]) });
  const open = make("button", { class: "lp-button", title: "A direction that was saved here as a file", onclick: () => file.click() }, "Open a file …");
  const element = make("section", { class: "lp-card lp-owncard" }, make("h2", {}, "Your directions"), list, none, make("div", { class: "lp-row" }, open, file));
  let model = null, renaming = "";

  /** @param {import("./catalogue.js").Model} next */
  function of(next) {
    [model, renaming] = [next, ""];
    show();
  }

  function show() {
    if (!model) return;
    const all = ownDirections(model);
    none.hidden = all.length > 0;
    refill(list, all.map((one) => make("li", { "data-own": one.name }, ...(renaming === one.name ? field(one) : line(one)))));
    list.querySelector("input")?.focus();
  }

  const press = (key, text, title, onclick) => make("button", { class: "lp-button", "data-key": key, title, "aria-label": `${text}: ${title}`, onclick }, text);
  function line(one) {
    const { name, accuracy, plus, minus } = one, said = accuracy === null ? "" : `${Math.round(100 * accuracy)} % right, `;
    const facts = make("span", { class: "lp-ownfacts" }, make("button", { class: "lp-link", "data-key": `go ${name}`, title: "To its row", onclick: () => toRow(name) }, name), make("small", {}, `${said}${plus} + and ${minus} −`));
    if (one.brought) return [facts, make("small", { class: "lp-ownfrom" }, "from the link"), make("span", { class: "lp-owndo" }, press(`keep ${name}`, "Keep", `Keep ${name} in this browser`, () => take(one)), press(`away ${name}`, "Leave", `Do without ${name}`, leave))];
    return [facts, make("span", { class: "lp-owndo" },
      press(`rename ${name}`, "Rename", `Give ${name} another name`, () => { renaming = name; show(); }),
      press(`save ${name}`, "Save", `${name} as a JSON file`, () => download(new Blob([fileOf(model, one)], { type: "application/json" }), `${fileName(`${model.name}-${name}`)}.json`)),
      press(`link ${name}`, "Link", `A link that brings ${name} along`, () => share(one)),
      press(`delete ${name}`, "Delete", `Forget ${name}`, () => remove(name)))];
  }

  function field({ name }) {
    const input = make("input", { type: "text", class: "lp-text", value: name, maxLength: 40, "aria-label": `New name of ${name}`, onkeydown: (event) => {
      event.stopPropagation();
      if (event.key === "Enter") rename(name, input.value.trim(), why);
      if (event.key === "Escape") { renaming = ""; show(); }
    } });
    const why = make("p", { class: "lp-empty lp-doubt", role: "alert" });
    return [input, make("span", { class: "lp-owndo" }, press("ok", "OK", `Rename ${name}`, () => rename(name, input.value.trim(), why)), press("cancel", "Cancel", `Leave ${name} as it is`, () => { renaming = ""; show(); })), why];
  }

  function rename(name, next, why) {
    why.textContent = whyNotCalled(model, next, name);
    if (why.textContent) return;
    renaming = "";
    renameOwn(model, name, next);
  }

  function remove(name) {
    const back = removeOwn(model, name);
    say(`${name} is deleted.`, "note", { text: "Bring it back", act: back });
  }

  function take(one) {
    keepOwn(model, one);
    leave();
  }
  function leave() {
    amend({ dir: "" });
    window.dispatchEvent(new Event("latent-directions"));
  }

  async function share(one) {
    const dir = linkOf(model, one);
    if (!dir) return say(`${one.name} has ${one.step.length} numbers, too many for a link. Save it as a file and give that away.`, "problem");
    const address = `${outerAddress()}?${viewWith({ dir })}`;
    if (await copyText(address)) say(`The link is copied. It brings ${one.name} to whoever opens it.`);
    else say(`Copy it from here: ${address}`, "problem");
  }

  async function read(chosenFile) {
    file.value = "";
    if (!chosenFile) return;
    try {
      if (chosenFile.size > LARGEST_FILE) throw new Error("This file is too large to hold a direction.");
      const found = ofFile(model, await chosenFile.text()), why = whyNotCalled(model, found.name);
      if (why) throw new Error(why);
      keepOwn(model, found);
      say(`${found.name} is kept in this browser, for ${shortTitle(model)}.`);
    } catch (error) {
      say(error.message, "problem");
    }
  }

  window.addEventListener("latent-directions", show);
  return { element, of, show };
}
