// How far an errand of the server is: one line, one bar, and a way to stop it.

import { make } from "./dom.js";
import { bytesText } from "./facts.js";

/** @param {() => void} onStop @returns {{element: HTMLElement, show: (errand: import("./shelf.js").Errand, lost: boolean) => void}} */
export function createProgress(onStop) {
  const name = make("strong"), words = make("span", { class: "lp-errandwords", "data-testid": "errand-words" }), bar = make("progress", { class: "lp-errandbar" });
  const stop = make("button", { class: "lp-button", onclick: onStop }, "Cancel");
  const element = make("div", { class: "lp-errand" }, make("div", { class: "lp-errandline" }, make("span", {}, name, " ", words), stop), bar);

  function show(errand, lost) {
    const { text, done, total, unit, state } = errand, counted = state === "working" && total > 0 && unit === "bytes" && done < total;
    name.textContent = text.replace(/@[0-9a-f]{40}$/, "");
    words.textContent = lost ? "The server does not answer; this goes on as soon as it is back." : inWords(errand);
    bar.setAttribute("aria-label", `${errand.kind === "fetch" ? "Fetching" : "Publishing"} ${name.textContent}`);
    if (counted) Object.assign(bar, { max: total, value: done });
    else bar.removeAttribute("value");
    stop.disabled = state === "stopping";
  }
  return { element, show };
}

/** @param {import("./shelf.js").Errand} errand */
function inWords({ kind, state, ahead, done, total, unit }) {
  if (state === "stopping") return "Stopping …";
  if (state === "waiting") return ahead ? `${ahead} other${ahead === 1 ? "" : "s"} first, then it is your turn` : "next in the line";
  if (!total) return kind === "fetch" ? "Asking the Hub …" : "Writing the card …";
  if (unit !== "bytes") return `${unit[0].toUpperCase()}${unit.slice(1)} …`;
  if (done < total) return `${bytesText(done)} of ${bytesText(total)}`;
  return kind === "fetch" ? "All is here; checking it …" : "All is sent; the Hub puts it together …";
}
