// Presets of the lectures: hair colour, glasses on and off, a smile, the age, a beard, the pen; offered where a model has these directions.

import { make } from "./dom.js";

const FAR = 2.5; // sigmas of a preset
/** Directions by title, each with its choices; a choice pushes along some directions and takes back the other pushes of its title. */
const PRESETS = [
  ["Hair", { Blond: { Blond_hair: FAR }, Black: { Black_hair: FAR }, Brown: { Brown_hair: FAR }, Gray: { Gray_hair: FAR } }],
  ["Glasses", { on: { Eyeglasses: FAR }, off: { Eyeglasses: -FAR } }], ["Smile", { smiling: { Smiling: FAR }, serious: { Smiling: -FAR } }],
  ["Age", { younger: { Young: FAR }, older: { Young: -FAR } }], ["Beard", { on: { Beard: FAR }, off: { Beard: -FAR } }],
  ["Strokes", { thick: { Thickness: FAR }, thin: { Thickness: -FAR } }], ["Slant", { left: { Slant: -FAR }, right: { Slant: FAR } }], ["Sky", { day: { Daylight: FAR }, night: { Daylight: -FAR } }],
];

/** The presets of a model that has these directions. @param {string[]} names @returns {{title: string, choices: [string, Object<string, number>][], all: string[]}[]} */
function presetsOf(names) {
  return PRESETS.map(([title, choices]) => {
    const has = Object.entries(choices).filter(([, pushes]) => Object.keys(pushes).every((name) => names.includes(name)));
    return { title, choices: has, all: has.flatMap(([, pushes]) => Object.keys(pushes)) };
  }).filter(({ choices }) => choices.length);
}

/** @param {(pushes: Map<string, number>) => void} onChoose the pushes as they should be */
export function createPresets(onChoose) {
  const element = make("div", { class: "lp-presets", role: "group", "aria-label": "Presets" });
  let now = new Map(), buttons = [];

  /** @param {string[]} names of all directions */
  function of(names) {
    buttons = [];
    element.replaceChildren(...presetsOf(names).map(({ title, choices, all }) => make("div", { class: "lp-preset", role: "group", "aria-label": title }, make("span", {}, title),
      ...choices.map(([text, pushes]) => {
        const button = make("button", { class: "lp-toggle", "data-testid": `preset-${title}-${text}`.toLowerCase(), "aria-pressed": "false", onclick: () => press(pushes, all) }, text);
        buttons.push({ button, pushes, all });
        return button;
      }))));
    element.hidden = !buttons.length;
  }

  const isOn = (pushes, all) => all.every((name) => (now.get(name) ?? 0) === (pushes[name] ?? 0));

  /** A preset replaces the others of its title; pressed again it is taken back. */
  function press(pushes, all) {
    const next = new Map([...now].filter(([name]) => !all.includes(name)));
    if (!isOn(pushes, all)) for (const [name, sigmas] of Object.entries(pushes)) next.set(name, sigmas);
    onChoose(next);
  }

  /** @param {Map<string, number>} pushes @param {Set<string>} locked */
  function show(pushes, locked) {
    now = pushes;
    for (const { button, pushes: wished, all } of buttons) {
      const held = Object.keys(wished).find((name) => locked.has(name));
      button.setAttribute("aria-pressed", String(isOn(wished, all)));
      button.disabled = !!held;
      button.title = held ? `${held.replaceAll("_", " ")} is kept as it is; unlock its row first.` : "";
    }
  }

  return { element, of, show };
}
