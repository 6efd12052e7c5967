// What a narrow head folds behind one button, and a wide one shows in a row: where pictures are computed, light and dark, and the like.

import { make } from "./dom.js";

/** @param {...(Node|false|"")} things @returns {HTMLElement} */
export function createMore(...things) {
  const list = make("div", { class: "lp-morelist", id: "lp-morelist" }, ...things.filter(Boolean));
  const button = make("button", { class: "lp-icon lp-morebutton", title: "More", "aria-label": "More", "aria-expanded": "false",
    "aria-controls": "lp-morelist", "data-testid": "more", onclick: () => open(!isOpen()) }, "⋯");
  const element = make("div", { class: "lp-more" }, button, list), isOpen = () => element.classList.contains("open");

  function open(yes) {
    element.classList.toggle("open", yes);
    button.setAttribute("aria-expanded", String(yes));
  }
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !isOpen()) return;
    open(false);
    button.focus();
  });
  document.addEventListener("pointerdown", ({ target }) => { if (!element.contains(target)) open(false); });
  return element;
}
