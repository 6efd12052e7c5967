// The model that a page is for, where it lies on the Hub: how far it is, and the way to it once it is here.

import { liveUrl, reloadCatalogue } from "./catalogue.js";
import { make } from "./dom.js";
import { canUndo } from "./store.js";

const PAUSE = 1000; // ms between two questions

/**
 * @typedef {{text: string, state: string, done: number, total: number, unit: string, sentence: string, name: string}} Wish name: of the model, "" while it is not here
 * @returns {Promise<Wish|null>} null where the server does not answer
 */
export async function askWish() {
  try {
    const answer = await fetch(liveUrl("wish"));
    return answer.ok ? await answer.json() : null;
  } catch {
    return null; // it may be restarting; the next question may be answered
  }
}

/** How much of it has come. @param {Wish} wish */
const share = ({ done, total, unit }) => (total && unit === "bytes" ? ` ${Math.floor(100 * done / total)} % of ${(total / 1e6).toFixed(1)} MB.` : "");

/**
 * A line about a model that is not here yet; it goes to the model by itself unless somebody has chosen something meanwhile.
 * @param {Wish|null} wish as it was asked last @param {boolean} named whether the address named a model @param {(name: string) => void} show
 */
export function wishLine(wish, named, show) {
  const line = make("p", { class: "lp-notice", role: "status", "data-testid": "wish" });
  async function draw(now) {
    if (now?.name) return arrived(now);
    if (now?.state === "failed") return line.replaceChildren(`${now.text} is not here. ${now.sentence} This page begins with another model instead.`);
    if (now) line.textContent = `${now.unit === "checking" ? "Checking" : "Fetching"} ${now.text} from the Hugging Face Hub …${share(now)} Until it is here, try another one.`;
    setTimeout(async () => draw(await askWish()), PAUSE);
  }
  async function arrived({ name, text }) {
    await reloadCatalogue();
    if (!named && !canUndo()) {
      line.remove();
      return show(name);
    }
    line.replaceChildren(`${text} is here now. `, make("button", { class: "lp-button", onclick: () => { line.remove(); show(name); } }, "Show it"));
  }
  draw(wish);
  return line;
}
