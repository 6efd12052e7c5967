// A model without directions: it is said, and models that have some are offered.

import { shortTitle, usable } from "./catalogue.js";
import { make, refill } from "./dom.js";
import { take } from "./taking.js";

const MOST = 6; // models that are offered

/** @returns {{element: HTMLElement, show: (model: import("./catalogue.js").Model, yes: boolean) => void}} */
export function createNone() {
  const said = make("p", { class: "lp-empty" }), offers = make("div", { class: "lp-row" });
  const element = make("div", { class: "lp-nodirections", hidden: true, role: "status", "data-testid": "attributes-none" }, said, offers);

  function show(model, yes) {
    element.hidden = !yes;
    if (!yes) return;
    const near = (one) => (one.dataset === model.dataset ? 0 : 1), those = usable().filter((one) => one.directions && one !== model).sort((a, b) => near(a) - near(b)).slice(0, MOST);
    said.textContent = `There is nothing to push ${model.title} along. ${model.undirected}${those.length ? " These models have directions:" : ""}`;
    refill(offers, those.map((one) => make("button", { class: "lp-button", "data-key": one.name, onclick: () => take(one) }, one.dataset === model.dataset ? shortTitle(one) : one.title)));
  }
  return { element, show };
}
