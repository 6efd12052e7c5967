// An embedded view: this page inside another one, without head and tabs. One line says which model it is and leads to the whole.

import { copyText, make, say } from "./dom.js";
import { embedLink, link, onChange } from "./store.js";

const HEIGHT = 720; // CSS pixels: the map and the picture beside it

/** Whether the address asks for it. @returns {boolean} */
export const isEmbedded = () => new URLSearchParams(location.search).get("embed") === "true";

/** Take head and tabs away, before they are drawn. */
export function embed() {
  document.documentElement.classList.toggle("lp-embed", isEmbedded());
}

/** The line: what the model is, and a way to the whole. @param {string} title of the whole page @param {() => string} name of the present model */
export function embedLine(title, name) {
  const model = make("strong"), whole = make("a", { target: "_blank", rel: "noopener", "data-testid": "whole" }, `Open in ${title} ↗`);
  const draw = () => { model.textContent = name(); whole.href = link(); };
  onChange(draw);
  whole.addEventListener("pointerdown", draw);
  draw();
  return make("div", { class: "lp-embedline" }, model, whole);
}

/** A button that copies what another page needs to show this view. @param {string} title */
export const embedButton = (title) => make("button", { class: "lp-icon lp-embedbutton", title: "Embed: copy the code that shows this view in another page",
  "aria-label": "Copy the code that shows this view in another page", onclick: () => copyCode(title) }, "</>");

async function copyCode(title) {
  const code = make("iframe", { src: embedLink(), title, width: "100%", height: String(HEIGHT), style: "border:0", allow: "clipboard-write", loading: "lazy" }).outerHTML;
  if (await copyText(code)) say("The code for another page is copied: it shows this view in a frame.");
  else say(`Copy it from here: ${code}`, "problem");
}
