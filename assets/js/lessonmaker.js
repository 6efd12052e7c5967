// The making of a lesson: the present view as a link that hides parts of the page and locks choices.

import { make } from "./dom.js";
import { LOCKS, PARTS } from "./parts.js";
import { chosen, onChange, viewWith } from "./store.js";

/** @param {{onLink: (link: string) => void, copy: (text: string) => Promise<boolean>}} hooks onLink is called with every new link */
export function createLessonMaker({ onLink, copy }) {
  const hide = boxes(PARTS, chosen().hide, draw), lock = boxes(LOCKS, chosen().lock, draw), done = make("output", { class: "lp-classdone", "aria-live": "polite" });
  const field = make("input", { type: "text", readOnly: true, "aria-label": "Link of the lesson", "data-testid": "lesson-link", onfocus: () => field.select() });
  const test = make("a", { class: "lp-button", target: "_blank", rel: "noopener" }, "Try it ↗");
  const element = make("div", { class: "lp-lessonmaker", hidden: true },
    make("p", { class: "lp-empty" }, "The lesson begins with what your page shows now. The code above leads to it. This is a convenience and no barrier: whoever edits the address gets everything back."),
    make("div", { class: "lp-row lp-lessonlink" }, field, make("button", { class: "lp-button main", "data-testid": "lesson-copy", onclick: async () => {
      const copied = await copy(field.value);
      done.textContent = copied ? "The link is copied." : "Copy it from the field.";
      if (!copied) field.select();
    } }, "Copy"), test, done),
    make("div", { class: "lp-lessonboxes" }, make("fieldset", {}, make("legend", {}, "Hide"), ...hide.elements), make("fieldset", {}, make("legend", {}, "Lock"), ...lock.elements)));
  let address = "";

  function draw() {
    const link = address && `${address}/?${viewWith({ hide: hide.chosen(), lock: lock.chosen() })}`;
    if (link === field.value) return;
    [field.value, test.href, done.textContent] = [link, link, ""];
    onLink(link);
  }
  onChange(draw);

  return {
    element,
    /** @param {string} next where students open the page */
    at(next) {
      address = next;
      draw();
    },
  };
}

/** A box to tick for each of some names. @param {Object<string, [string, string]>} names @param {string[]} ticked */
function boxes(names, ticked, onChange) {
  const inputs = Object.keys(names).map((value) => make("input", { type: "checkbox", value, checked: ticked.includes(value), onchange: onChange }));
  return { elements: inputs.map((input) => make("label", {}, input, names[input.value][0])), chosen: () => inputs.filter(({ checked }) => checked).map(({ value }) => value) };
}
