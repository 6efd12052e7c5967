// The bar above a walk: rows or a grid, the way from stop to stop, undo, and a link.

import { make, setOptions } from "./dom.js";
import { canRedo, canUndo, choose, redo, undo } from "./store.js";

const WAYS = [["auto", "Each its own way"], ["line", "Straight lines"], ["circle", "Great circles"]];
const VIEWS = [["rows", "Rows"], ["grid", "Grid"]];
const WHY_CIRCLES = "Straight lines between codes of an encoder; great circles between latents of N(0, I), "
  + "where the middle of a line is too near to the origin";

/** @param {() => void} onCopy @returns {{element: HTMLElement, show: (chosen: {view: string, walk: string}) => void}} */
export function createWalkbar(onCopy) {
  const press = (text, title, kind, onclick) => make("button", { class: `lp-button ${kind}`, title, onclick }, text);
  const way = make("select", { "aria-label": "Way", "data-testid": "interpolate-way", title: WHY_CIRCLES,
    onchange: () => choose({ walk: way.value }) });
  const toggle = ([value, text]) => make("button", { class: "lp-toggle", "data-view": value, onclick: () => choose({ view: value }, false) }, text);
  const views = VIEWS.map(toggle);
  const back = press("Undo", "Undo (Z)", "lp-undo", undo), forth = press("Redo", "Redo (Shift Z)", "lp-undo", redo);
  const element = make("div", { class: "lp-bar" },
    make("div", { class: "lp-layers lp-way", role: "group", "aria-label": "View" }, ...views),
    make("label", { class: "lp-way lp-walkway" }, "Way ", way),
    make("span", { class: "lp-end" }, back, forth, press("Copy link", "This view as a link", "lp-save", onCopy)));

  function show({ view, walk }) {
    for (const button of views) button.setAttribute("aria-pressed", String(button.dataset.view === view));
    setOptions(way, WAYS, walk);
    back.disabled = !canUndo();
    forth.disabled = !canRedo();
  }
  return { element, show };
}
