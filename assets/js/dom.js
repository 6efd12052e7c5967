// Small hands for the document: make elements, and say things to the person.

/**
 * Make an element. Properties that start with "on" become listeners, "class" and data-/aria- attributes are set as such.
 * @param {string} tag @param {Object<string, any>} [properties] @param {...(Node|string|null|false)} children
 * @returns {HTMLElement}
 */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name.includes("-") || name === "role" || name === "for" || name === "list") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Put other children into a container; the focus stays on the one with the same data-key. @param {HTMLElement} container @param {Node[]} children */
export function refill(container, children) {
  const held = container.contains(document.activeElement) && document.activeElement.closest("[data-key]")?.dataset.key;
  container.replaceChildren(...children);
  if (held) [...container.querySelectorAll("[data-key]")].find((child) => child.dataset.key === held)?.focus();
}

/** Give a select these [value, text] options, unless it has them. @param {HTMLSelectElement} select */
export function setOptions(select, options, value) {
  const key = JSON.stringify(options);
  if (select.dataset.options !== key) {
    select.replaceChildren(...options.map(([each, text]) => make("option", { value: each }, text)));
    select.dataset.options = key;
  }
  select.value = value;
}

/** Scroll a row, and nothing else, until a child of it is in sight. @param {HTMLElement} row @param {HTMLElement} child */
export function reveal(row, child) {
  const [outer, inner] = [row, child].map((one) => one.getBoundingClientRect());
  row.scrollLeft += Math.min(0, inner.left - outer.left) + Math.max(0, inner.right - outer.right);
}

/** Where sentences are said. @returns {HTMLElement} */
export function says() {
  const place = document.querySelector(".lp-says") ?? make("div", { class: "lp lp-says", role: "status", "aria-live": "polite" });
  if (!place.isConnected) document.body.append(place);
  return place;
}

/**
 * Show one sentence for a few seconds, also to screen readers; with something to do about it, for longer.
 * @param {string} sentence @param {"note"|"problem"} [kind] @param {{text: string, act: () => void}} [offer]
 */
export function say(sentence, kind = "note", offer = null) {
  const place = says();
  if ([...place.children].some((shown) => shown.dataset.sentence === sentence)) return;
  const line = make("div", { class: `lp-say ${kind}`, "data-sentence": sentence }, sentence,
    offer && make("button", { class: "lp-button", onclick: () => { line.remove(); offer.act(); } }, offer.text),
    make("button", { class: "lp-quiet", "aria-label": "Close this message", onclick: () => line.remove() }, "×"));
  place.append(line);
  setTimeout(() => line.remove(), offer ? 60000 : kind === "problem" ? 15000 : 5000);
}

/** Put text on the clipboard; on plain http, where there is none, through a selection. @param {string} text @param {HTMLElement} [place] an open dialog, outside of which nothing can be selected @returns {Promise<boolean>} */
export async function copyText(text, place = document.body) {
  if (navigator.clipboard && window.isSecureContext) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch { /* refused: the old way below still works after a click */ }
  }
  const area = make("textarea", { value: text, style: "position:fixed;opacity:0" });
  place.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}

/** Hand a file to the person. @param {Blob} blob @param {string} name */
export function download(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** The name of a file in a download: nothing but letters, digits, dot and dash. @param {string} text */
export const fileName = (text) => text.replace(/[^A-Za-z0-9.-]+/g, "-").slice(0, 80);
