// The rows of the Attributes page: a lock on a direction's name, minus, a slider, plus, and what the classifier sees of it.

import { wordOf } from "./directions.js";
import { make } from "./dom.js";
import { FARTHEST } from "./pushtext.js";
import { releases } from "./release.js";

const STEP = 0.5; // sigmas of a press on minus or plus
const NEAR = 0.01; // sigmas between two places of a slider
/** Groups of rows by where their directions come from; the last is folded. */
const GROUPS = [["", ["learned", "classes"]], ["Made by hand", ["by hand"]], ["Measured in the pictures", ["measured"]], ["Found without labels", ["principal", "sefa"]]];
const SOURCES = {
  learned: "A label", classes: "Two classes", measured: "A measure of the pictures", "by hand": "Marked by hand",
  principal: "A principal axis, found without labels", sefa: "A singular direction of the decoder's first layer (SeFa), found without labels",
};
/** Labels whose names say more than they mean. */
const MEANINGS = {
  Male: "A label of the data set: people who looked at photographs of celebrities, most of them young and light-skinned, set it to yes or no. The direction shows what goes with that label in these "
    + "photographs, makeup and hair included. It does not say what a man or a woman is.",
  Young: "A label of the data set: people guessed it from photographs of celebrities, most of them young and light-skinned. The direction shows what goes with that guess in these photographs, "
    + "glasses and suits included. It is nobody's age.",
};

/** @param {number} value as a person reads it, with its sign */
export const signed = (value) => (value > 0 ? `+${value.toFixed(1)}` : value < 0 ? `−${(-value).toFixed(1)}` : "0");

/** What is known of a direction, in words. @param {{source: string, accuracy: number|null, about: string}} direction */
export function factsOf({ source, accuracy, about }) {
  const tested = typeof accuracy === "number" && `${Math.round(100 * accuracy)} % right about pictures that it has not seen, yes and no counting alike.`;
  return [`${SOURCES[source] ?? source}.`, about, tested].filter(Boolean).join(" ");
}

/** What could not be learned, and why. @param {Object<string, string>} unlearned */
function missed(unlearned) {
  const lines = Object.entries(unlearned).map(([name, why]) => make("li", {}, make("b", {}, name), ` ${why}`));
  return lines.length ? [make("details", { class: "lp-found" }, make("summary", {}, `Not learned (${lines.length})`), make("ul", { class: "lp-missed" }, ...lines))] : [];
}

/**
 * @param {{onMove: (name: string, sigmas: number) => void, onRelease: () => void, onLock: (name: string) => void, onAlong: (name: string) => void}} hooks
 *   onAlong: the person has turned to this row
 */
export function createAttributeRows({ onMove, onRelease, onLock, onAlong }) {
  const element = make("div", { class: "lp-pushes", role: "group", "aria-label": "Directions" }), { release, forget } = releases(element, onRelease);
  let rows = [];

  /**
   * @param {{name: string, source: string, accuracy: number|null, scale: number, about: string}[]} list @param {string[]} classes of the classifier
   * @param {Object<string, string>} unlearned a sentence for each that could not be learned
   */
  function of(list, classes, unlearned) {
    forget();
    rows = list.map((direction) => row(direction, classes.findIndex((one) => wordOf(one) === wordOf(direction.name))));
    const known = GROUPS.flatMap(([, sources]) => sources), groups = GROUPS.map(([title, sources], k) => [title, rows.filter(({ source }) => sources.includes(source) || (!k && !known.includes(source)))]);
    const filled = groups.filter(([, those]) => those.length), last = GROUPS.at(-1)[0];
    element.replaceChildren(...filled.flatMap(([title, those]) => {
      const elements = those.map((one) => one.element);
      if (title === last && filled.length > 1) return [make("details", { class: "lp-found" }, make("summary", {}, `${title} (${those.length})`), ...elements)];
      return [title && make("h3", {}, title), ...elements].filter(Boolean);
    }), ...missed(unlearned));
  }

  function row(direction, k) {
    const name = wordOf(direction.name), facts = factsOf(direction), by = (change) => { onAlong(name); onMove(name, Math.min(FARTHEST, Math.max(-FARTHEST, +(+input.value + change).toFixed(3)))); onRelease(); };
    const lock = make("button", { class: "lp-keep", "aria-label": `Keep ${direction.name}`, "data-testid": `keep-${name}`, onclick: () => onLock(name) }, make("i", { "aria-hidden": "true" }));
    const title = make("button", { class: "lp-pushname", title: facts, onclick: () => onAlong(name) }, direction.name);
    const input = make("input", { type: "range", class: "lp-pushslider", min: -FARTHEST, max: FARTHEST, step: NEAR, value: 0, "data-testid": `push-${name}`, "aria-label": `${direction.name}, in sigmas`,
      oninput: () => onMove(name, +input.value), onchange: release, onpointerdown: () => onAlong(name), onfocus: () => onAlong(name), ondblclick: () => { onMove(name, 0); onRelease(); } });
    const less = make("button", { class: "lp-step less", "aria-label": `Less ${direction.name}`, title: "Half a sigma less", onclick: () => by(-STEP) }, "−");
    const more = make("button", { class: "lp-step more", "aria-label": `More ${direction.name}`, title: "Half a sigma more", onclick: () => by(STEP) }, "+");
    const output = make("output", { "aria-live": "off" }, "0"), share = make("b"), bar = make("i");
    const chance = make("span", { class: "lp-chance", hidden: true, title: `How likely the classifier holds ${direction.name} to be in the picture` }, make("span", { "aria-hidden": "true" }, bar), share);
    const means = MEANINGS[direction.name] && make("details", { class: "lp-means" }, make("summary", {}, "what this means"), make("p", {}, MEANINGS[direction.name]));
    const element = make("div", { class: "lp-pushrow", "data-direction": name }, lock, title, less, input, more, output, chance, means);
    return { name, k, source: direction.source, shownName: direction.name, lock, title, input, less, more, output, chance, share, bar, element };
  }

  /** @param {Map<string, number>} pushes in sigmas @param {Set<string>} locked @param {string} along the row that the person has turned to */
  function show(pushes, locked, along) {
    for (const { name, shownName, lock, input, less, more, output, element } of rows) {
      const sigmas = pushes.get(name) ?? 0, kept = locked.has(name);
      if (+input.value !== sigmas) input.value = sigmas;
      input.style.setProperty("--at", (sigmas + FARTHEST) / (2 * FARTHEST));
      output.textContent = kept && !sigmas ? "kept" : signed(sigmas);
      for (const one of [input, less, more]) one.disabled = kept;
      const why = `${shownName} is kept: every push loses what it would move along it, so it cannot be pushed itself. Unlock it to push it.`;
      input.title = kept ? why : "Double-click sets it to 0";
      lock.setAttribute("aria-pressed", String(kept));
      lock.title = kept ? why : `Keep ${shownName} as it is while the others are pushed`;
      element.classList.toggle("kept", kept);
      element.classList.toggle("moved", sigmas !== 0);
      element.classList.toggle("along", name === along);
    }
  }

  /** What the classifier sees now. @param {Float32Array|null} chances a probability per class */
  function judge(chances) {
    for (const { k, chance, share, bar } of rows) {
      chance.hidden = k < 0 || !chances;
      if (chance.hidden) continue;
      share.textContent = `${Math.round(100 * chances[k])} %`;
      bar.style.transform = `scaleX(${chances[k].toFixed(3)})`;
    }
  }

  /** Rows along which some model beside the first has no direction are paler, and say so. @param {Map<string, string[]>} lacking titles of models by name */
  function lack(lacking) {
    for (const { name, title, element, ...row } of rows) {
      const those = lacking.get(name) ?? [];
      element.classList.toggle("lacking", those.length > 0);
      title.dataset.facts ??= title.title;
      title.title = those.length ? `${those.join(" and ")} ${those.length > 1 ? "have" : "has"} no direction for ${row.shownName}. ${title.dataset.facts}` : title.dataset.facts;
    }
  }

  return { element, of, show, judge, lack };
}
