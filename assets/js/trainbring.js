// Pictures of one's own to learn from: a zip or a handful of pictures, dropped or chosen, or a data set on the Hugging Face Hub by its name.

import { make, say } from "./dom.js";

const HUB = /^[\w.-]{1,96}\/[\w.-]{1,96}(@[\w./-]{1,100})?(#[\w.-]{1,100})?$/;
const PICTURES = "image/png,image/jpeg,image/webp,image/gif,image/bmp,.zip,.npz,application/zip";

/**
 * @param {ReturnType<import("./trainroad.js").createRoad>} road @param {(id: string) => void} onBrought the data set that is to be learned from
 * @returns {{element: HTMLElement, says: HTMLElement, opener: HTMLElement, show: (data: import("./trainplan.js").Data) => void, ofHub: (name: string) => import("./trainplan.js").Data}}
 */
export function createBring(road, onBrought) {
  const file = make("input", { type: "file", accept: PICTURES, multiple: true, hidden: true, "data-testid": "train-file", onchange: () => { bring([...file.files]); file.value = ""; } });
  const zone = make("button", { class: "lp-dropzone", type: "button", onclick: () => file.click() }, make("b", {}, "A zip, or pictures"), make("span", {}, "Drop them here, or press to choose. Folders in a zip are classes."));
  const says = make("div", { class: "lp-bringsays", role: "status" });
  const name = make("input", { type: "text", class: "lp-text", placeholder: "owner/name", "aria-label": "A data set on the Hugging Face Hub", spellcheck: false, autocapitalize: "off", autocomplete: "off", maxLength: 200, "data-testid": "train-hub",
    onkeydown: (event) => { if (event.key === "Enter") { event.preventDefault(); hub(); } } });
  const element = make("div", { class: "lp-bring", id: "lp-bring", hidden: true }, zone, file,
    make("div", { class: "lp-bringhub" }, make("small", {}, "or a data set on the Hugging Face Hub"), name, make("button", { class: "lp-button", type: "button", onclick: hub }, "Use it")));
  const opener = make("button", { class: "lp-chip lp-bringopen", type: "button", "data-key": "own", "aria-expanded": "false", "aria-controls": "lp-bring", "data-testid": "train-own", onclick: () => open(element.hidden) }, "Own pictures …");
  let coming = null, shown = "", named = ""; // named: the data set on the Hub that is spoken of

  function open(yes) {
    element.hidden = !yes;
    opener.setAttribute("aria-expanded", String(yes));
  }

  function hub() {
    const text = name.value.trim();
    if (!HUB.test(text)) return tell("A data set is named owner/name, as in the address of its page on the Hub.", "problem");
    named = text;
    tell(`${text} is looked at when its training begins.`);
    onBrought(text);
  }

  const tell = (text, kind = "") => { says.className = `lp-bringsays ${kind}`; says.replaceChildren(...(text ? [make("p", {}, text)] : [])); };

  /** @param {File[]} files */
  async function bring(files) {
    if (!files.length) return;
    coming?.abort();
    const mine = coming = new AbortController();
    try {
      tell("");
      says.append(make("span", {}, files.length === 1 ? `Reading ${files[0].name} …` : `Reading ${files.length} pictures …`), make("button", { class: "lp-quiet", type: "button", onclick: () => { mine.abort(); tell(""); } }, "Stop"));
      const [one] = files, packed = files.length === 1 && /\.(zip|npz)$/i.test(one.name), { zipOf } = packed ? {} : await import("./trainzip.js");
      const found = await road.bring(packed ? one : await zipOf(files), one.name.replace(/\.\w+$/, "").slice(0, 60), mine.signal);
      if (coming !== mine) return;
      open(false);
      onBrought(found.id);
    } catch (error) {
      if (coming === mine && error.name !== "AbortError") tell(error.message, "problem");
    }
  }

  /** What was found in the pictures that are learned from, where they are one's own, and how to take them away again. */
  function show({ id, own, account = [] }) {
    if (named && id !== named) { named = ""; tell(""); }
    if (shown === (own ? id : "")) return;
    shown = own ? id : "";
    if (!own) return says.querySelector("ul") && tell("");
    says.className = "lp-bringsays";
    says.replaceChildren(make("ul", {}, ...account.map((sentence) => make("li", {}, sentence))),
      make("button", { class: "lp-quiet", type: "button", title: "Models that have learned from them stay", onclick: () => forget(id) }, "Take these pictures away again"));
  }

  async function forget(id) {
    try {
      await road.forget(id);
      tell("They are gone from here.");
      onBrought("");
    } catch (error) {
      say(error.message, "problem");
    }
  }

  for (const kind of ["dragenter", "dragover"]) zone.addEventListener(kind, (event) => { event.preventDefault(); zone.classList.add("over"); });
  for (const kind of ["dragleave", "drop"]) zone.addEventListener(kind, (event) => { event.preventDefault(); zone.classList.remove("over"); });
  zone.addEventListener("drop", (event) => bring([...event.dataTransfer.files]));

  return {
    element, says, opener, show,
    /** What the form knows of a data set on the Hub before anybody has looked at it. */
    ofHub: (id) => ({ id, title: id, terms: "its terms are on its page on the Hub", image_shape: [3, 32, 32], classes: [], ready: true }),
  };
}
