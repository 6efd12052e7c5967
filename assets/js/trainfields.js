// Fields of the Train form, each drawn from what its knob says of itself: name, help, range, choices.

import { make } from "./dom.js";
import { called, rangeText, read, written } from "./trainplan.js";

const FINE = 1000; // places of a slider
const WORDS = { int: "a whole number", list: "a list with commas in it" }; // what a field takes, where it is not any number

/** @param {import("./trainplan.js").Field} field whether a slider makes sense of its range */
const slides = ({ kind, low, high }) => ["int", "float"].includes(kind) && low !== null && high !== null && low < high;

/** Between the places of a slider and values: even by ratio where the field says so. @param {import("./trainplan.js").Field} field */
function scaleOf({ low, high, log, kind }) {
  const shift = log && low <= 0 ? 1 : 0, [a, b] = log ? [Math.log(low + shift), Math.log(high + shift)] : [low, high];
  const rounded = (value) => (kind === "int" ? Math.round(value) : Number(value.toPrecision(3)));
  return {
    place: (value) => FINE * ((log ? Math.log(value + shift) : value) - a) / (b - a),
    value: (place) => { const at = a + (b - a) * place / FINE; return Math.min(high, Math.max(low, rounded(log ? Math.exp(at) - shift : at))); },
  };
}

/**
 * @param {import("./trainplan.js").Setting} setting @param {(value: any) => void} onChange once the hand lets go
 * @returns {{element: HTMLElement, show: (setting: import("./trainplan.js").Setting) => void}}
 */
export function createField(setting, onChange) {
  const { field } = setting, id = `lp-knob-${setting.full.replace(".", "-")}`, range = rangeText(field);
  const why = make("small", { class: "lp-knobwhy", role: "alert" }), back = make("button", { class: "lp-quiet lp-knobback", type: "button", title: "As it was", "aria-label": `Set ${called(field.name)} back`, onclick: () => onChange(now.usual) }, "↺");
  const inner = { bool: tick, choice: list }[field.kind]?.() ?? (slides(field) ? sliding() : typed());
  const help = make("small", { id: `${id}-help` }, [field.help, range].filter(Boolean).join(". "));
  const element = make("div", { class: `lp-knob ${field.kind}`, "data-knob": setting.full }, make("label", { for: id }, called(field.name)), back, ...inner.elements, help, why);
  let now = setting;

  function show(next) {
    now = next;
    inner.set(next.value);
    why.textContent = "";
    const other = written(next.value) !== written(next.usual);
    element.classList.toggle("changed", other);
    back.style.visibility = other ? "visible" : "hidden";
    back.title = `Back to ${written(next.usual) || "nothing"}`;
  }

  function take(text) {
    const value = read(field, text);
    why.textContent = value === undefined ? `This is ${WORDS[field.kind] ?? "a number"}${range && `, ${range}`}.` : "";
    if (value !== undefined) onChange(value);
  }

  function tick() {
    const box = make("input", { type: "checkbox", id, "aria-describedby": `${id}-help`, onchange: () => onChange(box.checked) });
    return { elements: [box], set: (value) => { box.checked = value; } };
  }
  function list() {
    const select = make("select", { id, "aria-describedby": `${id}-help`, onchange: () => take(select.value) }, ...field.choices.map((one) => make("option", { value: String(one) }, String(one))));
    return { elements: [select], set: (value) => { select.value = String(value); } };
  }
  function typed() {
    const input = make("input", { type: "text", class: "lp-text", id, inputMode: field.kind === "str" ? "text" : "decimal", spellcheck: false, maxLength: 200, "aria-describedby": `${id}-help`, onchange: () => take(input.value) });
    return { elements: [input], set: (value) => { input.value = written(value); } };
  }
  function sliding() {
    const scale = scaleOf(field), slider = make("input", { type: "range", min: 0, max: FINE, "aria-label": called(field.name), tabIndex: -1, oninput: () => { number.value = scale.value(+slider.value); }, onchange: () => onChange(scale.value(+slider.value)) });
    const number = make("input", { type: "text", inputMode: "decimal", class: "lp-text", id, "aria-describedby": `${id}-help`, onchange: () => take(number.value), onkeydown: (event) => step(event) });
    function step(event) {
      const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
      if (!by) return;
      event.preventDefault();
      const value = read(field, number.value) ?? now.value, next = scale.value(scale.place(value) + by * FINE / 50);
      onChange(next !== value ? next : Math.min(field.high, Math.max(field.low, value + by)));
    }
    return { elements: [number, slider], set: (value) => { number.value = written(value); slider.value = scale.place(value); } };
  }
  show(setting);
  return { element, show };
}
