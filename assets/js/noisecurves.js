// Curves of measured numbers with dots at them, on even or logarithmic axes; marks say where the present picture lies.

import { make } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg", MOST_TICKS = 6;

/**
 * @typedef {{name: string, points: [number, number][]}} Line
 * @typedef {{x: number, y: number|null, words: string}} Mark y null is a line over the whole height
 * @param {{name: string, across: string, logX?: boolean, logY?: boolean, range?: [number, number], back?: boolean, text?: (value: number) => string, onPick?: (x: number) => void}} plot name and across: what is drawn, and over what; range: ends of an even axis across; back: the larger end of it is on the left
 * @returns {{element: HTMLElement, show: (lines: Line[], marks?: Mark[]) => void}}
 */
export function createCurves({ name, across, logX = false, logY = false, range = null, back = false, text = (value) => String(+value.toPrecision(3)), onPick }) {
  const svg = document.createElementNS(SVG, "svg"), legend = make("span", { class: "lp-curveslegend" }), dots = make("div", { class: "lp-curvesdots" });
  svg.setAttribute("viewBox", "0 0 100 100");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  const field = make("div", { class: "lp-curvesfield" }, svg, dots), element = make("figure", { class: "lp-curves" }, make("figcaption", {}, make("b", {}, name), legend), field, make("small", { class: "lp-curvesacross" }, across));
  let scales = null, marked = [];

  function show(lines, marks = []) {
    const all = lines.flatMap(({ points }) => points);
    element.hidden = !all.length;
    if (!all.length) return;
    const near = marks.filter(({ y }) => y !== null).map(({ x, y }) => [x, y]);
    scales = [scale(range ?? [...all, ...near].map(([x]) => x), logX, false, back), scale([...all, ...near].map(([, y]) => y), logY, true)];
    const [x, y] = scales;
    svg.replaceChildren(...lines.map(({ points }, k) => {
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("d", `M${points.map(([a, b]) => `${100 * x.share(a)} ${100 - 100 * y.share(b)}`).join("L")}`);
      path.style.stroke = inkOf(k);
      return path;
    }));
    svg.setAttribute("aria-label", `${name} over ${across}. ${lines.map((line) => `${line.name}: ${line.points.map(([a, b]) => `${text(a)}: ${text(b)}`).join(", ")}`).join(". ")}`);
    legend.replaceChildren(...(lines.length > 1 ? lines.map((line, k) => make("span", { style: `--k: ${inkOf(k)}` }, line.name)) : []));
    const at = (a, b) => `left: ${100 * x.share(a)}%; top: ${100 - 100 * y.share(b)}%`;
    marked = marks.map((mark) => (mark.y === null ? make("b", { class: "lp-curvesline", style: `left: ${100 * x.share(mark.x)}%` }) : make("b", { class: "lp-curvesmark", style: at(mark.x, mark.y), title: mark.words })));
    dots.replaceChildren(
      ...y.ticks.map((value) => make("small", { class: "up", style: `top: ${100 - 100 * y.share(value)}%` }, text(value))),
      ...(range ? evenly(range) : ticksAcross(all.map(([a]) => a), x)).map((value) => make("small", { class: "along", style: `left: ${100 * x.share(value)}%` }, text(value))),
      ...lines.flatMap((line, k) => line.points.map(([a, b]) => make("i", { style: `${at(a, b)}; --k: ${inkOf(k)}`, title: `${line.name}, ${across} ${text(a)}: ${text(b)}` }))), ...marked);
  }

  if (onPick) {
    let box = null;
    const pick = ({ clientX }) => onPick(scales[0].value(Math.min(1, Math.max(0, (clientX - box.left) / box.width))));
    field.classList.add("picks");
    field.addEventListener("pointerdown", (event) => { if (event.button) return; box = field.getBoundingClientRect(); field.setPointerCapture(event.pointerId); pick(event); });
    field.addEventListener("pointermove", (event) => { if (box) pick(event); });
    for (const end of ["pointerup", "pointercancel"]) field.addEventListener(end, () => { box = null; });
  }

  /** Move the line over the height, and nothing else: a hand may be on it. @param {number} x */
  function moveTo(x) {
    for (const mark of marked) if (mark.className === "lp-curvesline") mark.style.left = `${100 * scales[0].share(x)}%`;
  }
  return { element, show, moveTo };
}

/** Colours of lines that stand beside each other, told apart by the colour-blind, too. */
const INKS = ["var(--lp-accent)", "var(--lp-c1)", "var(--lp-c2)", "var(--lp-c7)", "var(--lp-c4)", "var(--lp-c5)"];
export const inkOf = (k) => INKS[k % INKS.length];

/** From values to shares of an axis and back; `round` ends it at numbers that people write. */
function scale(values, log, round, back = false) {
  const least = Math.min(...values), most = Math.max(...values), [from, to] = round ? ends(least, most, log) : [least, most], [a, b] = log ? [Math.log(from), Math.log(to)] : [from, to];
  const turned = (part) => (back ? 1 - part : part), share = (value) => (b > a ? turned(((log ? Math.log(value) : value) - a) / (b - a)) : 0.5);
  const value = (part) => (log ? Math.exp(a + turned(part) * (b - a)) : a + turned(part) * (b - a));
  return { share, value, ticks: round ? ticks(from, to, log) : [] };
}

const steps = (from, to) => {
  const found = [];
  for (let power = Math.floor(Math.log10(from)) - 1; power <= Math.ceil(Math.log10(to)) + 1; power++) for (const k of [1, 2, 5]) found.push(k * 10 ** power);
  return found;
};

function ends(least, most, log) {
  if (!log) return [Math.min(0, least), most > 0 ? steps(most, most).find((value) => value >= most * 1.02) : 1];
  const all = steps(least, most);
  return [all.findLast((value) => value <= least), all.find((value) => value >= most)];
}

function ticks(from, to, log) {
  if (!log) return [0, 0.5, 1].map((part) => from + part * (to - from));
  const all = steps(from, to).filter((value) => value >= from * 0.999 && value <= to * 1.001), powers = all.filter((value) => Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-6);
  return all.length <= MOST_TICKS || powers.length < 2 ? all : powers;
}

const evenly = ([from, to]) => Array.from({ length: 6 }, (_, k) => from + (k / 5) * (to - from));

/** The values themselves, where they are few and far enough from each other. */
function ticksAcross(values, x) {
  const all = [...new Set(values)].sort((a, b) => a - b), shown = [];
  for (const value of all) if (!shown.length || x.share(value) - x.share(shown.at(-1)) > 0.09) shown.push(value);
  return shown;
}
