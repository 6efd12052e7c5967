// The form of the Train page: data, family, one dial of size, all settings folded beneath; how long it will take here, measured; and the button.

import { make, refill, say, setOptions } from "./dom.js";
import { createBring } from "./trainbring.js";
import { createField } from "./trainfields.js";
import { SIZES, askedFor, called, isReady, planOf, shortFamily, titleOf, withKnob } from "./trainplan.js";
import { choose, chosen, onChange } from "./store.js";

const PARTS = { model: "The model", stage: "How it learns", recipe: "The training" };
const AGAIN = 8000, PAUSE = 350, MINE = ["learn", "kin", "size", "knobs", "tab"]; // milliseconds until it is measured again where it could not be, and that a hand may still turn a knob before it is
/** How many others take turns with this visitor, who is counted where something of theirs goes on. */
const othersOf = ({ sharing, ahead }) => Math.max(0, sharing - (ahead > 0 ? 1 : 0));
const lower = (text) => (/^[A-Z][a-z]/.test(text) ? text[0].toLowerCase() + text.slice(1) : text);
const short = (title) => title.replace(/ \(.*/, "");

/** Seconds as a person says them. @param {number} seconds */
export function durationText(seconds) {
  if (seconds < 1.5) return "about a second";
  if (seconds < 55) return `about ${Math.round(seconds < 15 ? seconds : seconds / 5) * (seconds < 15 ? 1 : 5)} s`;
  if (seconds < 3300) return `about ${Math.round(seconds / 60) || 1} min`;
  return `about ${(seconds / 3600).toFixed(1)} hours`;
}

/**
 * @param {ReturnType<import("./trainroad.js").createRoad>} road @param {(name: string) => void} onBegun a run has begun
 * @returns {{element: HTMLElement, show: (form: import("./trainplan.js").Form) => void, fork: (row: import("./trainroad.js").Row|null) => void, called: (id: string) => string, inWords: () => string}}
 */
export function createForm(road, onBegun) {
  let form = null, asked = null, parent = null, measuring = null, waiting = 0, measured = "", starting = false;
  const sets = make("div", { class: "lp-trainsets", role: "radiogroup", "aria-label": "Data", "data-testid": "train-data", onkeydown: (event) => turn(event, sets) });
  const terms = make("small", { class: "lp-trainterms" }), about = make("p", { class: "lp-trainabout" });
  const family = make("select", { id: "lp-trainfamily", "data-testid": "train-family", onchange: () => choose({ kin: family.value, knobs: "" }, false) });
  const sizes = make("div", { class: "lp-sets lp-trainsize", role: "radiogroup", "aria-label": "Size", "data-testid": "train-size", onkeydown: (event) => turn(event, sizes) });
  const time = make("strong"), words = make("span"), estimate = make("div", { class: "lp-trainestimate", role: "status", "data-testid": "train-estimate" }, time, words);
  const button = make("button", { class: "lp-button main lp-trainbutton", type: "submit", "data-testid": "train" }, "Train");
  const from = make("div", { class: "lp-trainfrom", hidden: true }), problem = make("p", { class: "lp-trainproblem", role: "alert", hidden: true, "data-testid": "train-problem" });
  const fields = new Map(), groups = make("div", { class: "lp-knobs" }), summary = make("summary", {}, "All settings"), reset = make("button", { class: "lp-quiet", type: "button", onclick: () => choose({ knobs: "" }, false) }, "All as usual");
  const settings = make("details", { class: "lp-trainall", "data-testid": "train-all" }, summary, make("div", { class: "lp-row lp-trainreset" }, reset), groups);
  const bring = createBring(road, reload);
  const element = make("form", { class: "lp-card lp-trainform", "aria-label": "Train a model", noValidate: true, onsubmit: (event) => { event.preventDefault(); begin(); } },
    make("h2", { class: "lp-aloud" }, "Train a model"), from,
    make("div", { class: "lp-trainstep" }, make("span", { class: "lp-trainlabel" }, "Learn from"), sets, bring.element, bring.says, terms),
    make("div", { class: "lp-trainstep" }, make("label", { class: "lp-trainlabel", for: "lp-trainfamily" }, "What learns"), family, about),
    make("div", { class: "lp-trainstep lp-trainsizes" }, make("span", { class: "lp-trainlabel" }, "Size"), sizes),
    estimate, button, problem, settings);

  /** Arrow keys go through a group of choices. */
  function turn(event, group) {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key], all = [...group.querySelectorAll("[role=radio]:not(:disabled)")];
    if (!by || !all.includes(document.activeElement)) return;
    event.preventDefault();
    const next = all[(all.indexOf(document.activeElement) + by + all.length) % all.length];
    next.focus();
    next.click();
  }

  const radio = (key, text, on, title, onclick, kind, disabled = false) => make("button", { class: kind, type: "button", role: "radio", "data-key": key, "aria-checked": String(on), "aria-pressed": kind === "lp-set" ? String(on) : null, tabIndex: on ? 0 : -1, title, disabled, onclick }, text);

  function draw() {
    if (!form) return;
    asked = askedFor(form, chosen());
    const { data, family: kind, size } = asked;
    refill(sets, [...form.datasets.map((one) => radio(one.id, short(one.title), one === data, one.ready === true ? one.title : one.ready, () => choose({ learn: one.id, knobs: "" }, false), "lp-chip", !isReady(one))), bring.opener]);
    terms.textContent = [data.image_shape.length ? `${data.image_shape[1]} × ${data.image_shape[2]} ${data.image_shape[0] === 1 ? "grey" : "colour"}` : "", data.terms].filter(Boolean).join("  ·  ");
    terms.title = data.terms;
    setOptions(family, form.families.map(({ id, title }) => [id, title]), kind.id);
    about.textContent = kind.about;
    bring.show(data);
    refill(sizes, Object.entries(SIZES).map(([key, text]) => radio(key, text, key === size, "", () => choose({ size: key, knobs: "" }, false), "lp-set")));
    drawFields();
    drawButton();
    measureSoon();
  }

  /** One field for each knob of this family; those that stay keep their place and focus. */
  function drawFields() {
    const all = [...asked.settings, ...(asked.told ? [asked.told] : [])], key = `${asked.family.id} ${all.map(({ full }) => full)}`;
    if (groups.dataset.key !== key) {
      groups.dataset.key = key;
      fields.clear();
      for (const setting of all) fields.set(setting.full, createField(setting, (value) => choose({ knobs: withKnob(chosen().knobs, settingNow(setting.full), value) }, false)));
      const told = asked.told && fields.get("conditions").element;
      if (told) told.querySelector("label").textContent = "told the class";
      groups.replaceChildren(...Object.entries(PARTS).map(([part, title]) => make("section", {}, make("h3", {}, title), ...all.filter((one) => one.part === part).map(({ full }) => fields.get(full).element))));
    } else for (const setting of all) fields.get(setting.full).show(setting);
    const others = all.filter(({ usual, value }) => String(usual) !== String(value));
    summary.textContent = others.length ? `All settings: ${others.length} not as usual` : "All settings";
    summary.title = others.map(({ field, value }) => `${called(field.name)} ${value}`).join(", ");
    reset.disabled = !others.length;
  }

  const settingNow = (full) => (full === "conditions" && asked.told) || asked.settings.find((one) => one.full === full);

  function drawButton() {
    const may = road.may(), why = may !== true ? may : asked && !isReady(asked.data) ? asked.data.ready : "";
    button.disabled = starting || !asked || !!why;
    button.textContent = starting ? "Starting …" : parent ? "Train on from there" : "Train";
    tell(why);
    from.hidden = !parent;
    if (parent) from.replaceChildren(make("span", {}, "It begins with the weights of ", make("b", {}, parent.title || parent.name)), make("button", { class: "lp-quiet", type: "button", title: "Begin from nothing instead", "aria-label": "Begin from nothing instead", onclick: () => fork(null) }, "×"));
  }

  function tell(why) {
    problem.hidden = !why;
    problem.textContent = why;
  }

  // How long it takes: a few real steps on this computer

  function measureSoon() {
    clearTimeout(waiting);
    measuring?.abort();
    measuring = null;
    const text = JSON.stringify([planOf(asked), parent?.name]);
    if (text === measured) return void estimate.classList.remove("busy");
    if (chosen().tab !== "train") return;
    estimate.classList.add("busy");
    waiting = setTimeout(() => measure(text), PAUSE);
  }

  async function measure(text) {
    const mine = measuring = new AbortController();
    if (!time.textContent) words.textContent = "Measuring how long it takes here …";
    try {
      const found = await road.estimate(planOf(asked), mine.signal);
      if (measuring !== mine) return;
      measured = text;
      time.textContent = durationText(found.seconds * (1 + othersOf(found)));
      words.textContent = told(found);
      estimate.title = `Measured here: ${(1000 * found.per_step).toFixed(found.per_step < 0.01 ? 1 : 0)} ms for each step of this training`;
      estimate.classList.remove("busy", "bad");
    } catch (error) {
      if (measuring !== mine || error.name === "AbortError") return;
      measured = text;
      time.textContent = "";
      words.textContent = error.message;
      estimate.title = "";
      estimate.classList.remove("busy");
      estimate.classList.add("bad");
      waiting = setTimeout(() => { measured = ""; if (chosen().tab === "train") measureSoon(); }, AGAIN); // a server that is busy now is not so for ever
    }
  }

  /** The measure in words: what is trained, and who is before it. */
  function told({ steps, parameters, sharing, ahead }) {
    const size = parameters >= 1e6 ? `${(parameters / 1e6).toFixed(1)} M` : `${Math.max(1, Math.round(parameters / 1000))} k`;
    const others = othersOf({ sharing, ahead }), before = ahead > 1 ? `after ${ahead} trainings of yours` : ahead ? "after the one of yours that goes on" : "", turns = others ? `taking turns with ${others === 1 ? "one other person" : `${others} others`}` : "";
    return `on this ${form.device === "CPU" ? "computer" : form.device}, ${[before, turns].filter(Boolean).join(", ") || "nobody is before you"}. ${steps.toLocaleString("en")} steps, ${size} numbers to learn.`;
  }

  async function begin() {
    if (button.disabled) return;
    starting = true;
    drawButton();
    try {
      const plan = planOf(asked), title = titleOf(asked);
      const name = parent ? await road.fork(parent.name, plan, title) : await road.start(plan, { title });
      parent = null;
      onBegun(name);
    } catch (error) {
      say(error.message, "problem");
    } finally {
      starting = false;
      measured = ""; // one more is before the next one
      draw();
    }
  }

  /** From now on the form begins where this run ended; null: from nothing. */
  function fork(row) {
    parent = row;
    draw();
    if (!row) return;
    element.scrollIntoView({ block: "nearest" });
    button.focus({ preventScroll: true });
  }

  /** There are other data sets than before. @param {string} learn the one to learn from now: it is chosen once the form knows it */
  async function reload(learn) {
    road.forgetForm();
    form = await road.form().catch((error) => { say(error.message, "problem"); return form; });
    choose({ learn, knobs: "" }, false);
    settle();
    draw();
  }

  /** A link may name a data set or a family that is not here. */
  function settle() {
    const { learn, kin } = chosen(), wrong = {};
    if (learn && !form.datasets.some(({ id }) => id === learn)) {
      if (/^[\w.-]+\/[\w.-]+/.test(learn)) form = { ...form, datasets: [...form.datasets, bring.ofHub(learn)] };
      else [wrong.learn] = [""], say("The pictures that the link asks for are not here: they were brought by somebody else, or deleted.", "problem");
    }
    if (kin && !form.families.some(({ id }) => id === kin)) [wrong.kin] = [""], say(`There is no family “${kin}” here.`, "problem");
    if (Object.keys(wrong).length) choose(wrong, false);
  }

  onChange((_, changed) => {
    if (!form || !MINE.some((name) => changed.has(name))) return;
    if (changed.has("learn")) settle();
    draw();
  });
  road.listen(() => { if (form && chosen().tab === "train") drawButton(); });

  return {
    element, fork,
    /** What a data set is called here, without what stands in brackets. @param {string} id */
    called: (id) => short(form?.datasets.find((one) => one.id === id)?.title ?? id),
    show(next) { form = next; settle(); draw(); },
    /** What would be trained now: "a VAE on handwritten digits". */
    inWords: () => { const name = shortFamily(asked.family.title), of = short(asked.data.title); return `${/^[AEIO]/.test(name) ? "an" : "a"} ${/[a-z] /.test(name) ? lower(name) : name} on ${lower(of)}`; },
  };
}
