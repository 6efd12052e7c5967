// What a Space keeps and what it loses when it sleeps: said in a sentence, with everything to lose as a download.

import { allModels, liveUrl } from "./catalogue.js";
import { make, refill } from "./dom.js";

/** @param {boolean} keeps whether the disk outlives a sleep */
export function keepingNote(keeps) {
  const list = make("ul", { class: "lp-take" });
  const note = make("details", { class: "lp-keeping", "data-testid": "keeping" },
    make("summary", {}, keeps ? "What this Space keeps" : "What this Space forgets"),
    make("div", { class: "lp-card" },
      make("p", {}, keeps
        ? "Models that were fetched or trained here stay on the disk of this Space, also while it sleeps."
        : "When this Space sleeps or restarts, its disk is emptied: models that were fetched or trained here are lost then. Take along what you want to keep."),
      make("p", {}, "Pins, points and settings are in the address of the page: a copied link keeps them."), list));
  function draw() {
    const own = allModels().filter((model) => model.origin !== "bundled" && !model.error);
    refill(list, own.length ? own.map(({ name, title, bytes }) => make("li", {},
      make("a", { href: liveUrl(`take/${name}.zip`), download: `${name}.zip`, "data-key": name }, `Download ${title}`), ` ${(bytes / 1e6).toFixed(1)} MB`))
      : [make("li", {}, "So far there are only the models that come with the page; they are always here.")]);
  }
  for (const news of ["latent-ready", "latent-catalogue"]) window.addEventListener(news, draw);
  note.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !note.open) return;
    event.stopPropagation(); // what it is folded in stays open
    note.open = false;
    note.firstChild.focus();
  });
  document.addEventListener("pointerdown", (event) => { if (!note.contains(event.target)) note.open = false; });
  return note;
}
