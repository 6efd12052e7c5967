// Repair: a part of one's own picture is hidden, or it is made small, and a model finds the code that fits what is left, in three ways.

import { make, say, setOptions } from "./dom.js";
import { shortTitle } from "./catalogue.js";
import { paintBytes } from "./errormap.js";
import { canSearch, qualityText, search } from "./inverting.js";

const WAYS = [["brush", "Brush", "Paint over what shall be hidden"], ["block", "Block", "Hide a block: drag over the picture"], ["2", "2 ×", "Make it half as large, and enlarge it"], ["4", "4 ×", "Make it a quarter as large, and enlarge it"]];
const HIDDEN = [236, 72, 153]; // a pink that no grey and few pictures have

/** @returns {{element: HTMLElement, show: (pixels: Uint8Array, models: import("./catalogue.js").Model[]) => void}} */
export function createRepairing() {
  const select = make("select", { "aria-label": "Model that repairs", "data-testid": "repair-model", onchange: () => forget() });
  const canvas = make("canvas", { class: "lp-repaircanvas", role: "img", tabIndex: 0, "data-testid": "repair-canvas", "aria-label": "Your picture; what is pink is hidden. Arrow keys move the block, Enter hides it." });
  const size = make("input", { type: "range", min: 1, max: 8, value: 3, "aria-label": "Size of the brush" }), clear = make("button", { class: "lp-quiet", onclick: () => { mask.fill(0); forget(); } }, "Show all again");
  const ways = WAYS.map(([key, text, title]) => make("button", { class: "lp-toggle", title, "data-way": key, "aria-pressed": "false", onclick: () => turn(key) }, text));
  const go = make("button", { class: "lp-button main", "data-testid": "repair-go", onclick: () => (running ? stop() : run()) }, "Repair");
  const words = make("span", { class: "lp-repairwords", "data-testid": "repair-words", role: "status" }), bar = make("progress", { class: "lp-errandbar", max: 1, value: 0, hidden: true, "aria-label": "How far the repair is" });
  const strip = make("div", { class: "lp-answers", "data-testid": "repair-answers" });
  const element = make("section", { class: "lp-card lp-repair", "data-testid": "repair", "data-state": "idle", hidden: true }, make("h2", {}, "Repair it"),
    make("div", { class: "lp-repairgrid" }, make("div", { class: "lp-repairleft" }, canvas, make("div", { class: "lp-row" }, ...ways), make("label", { class: "lp-brushsize" }, "Size", size), clear),
      make("div", { class: "lp-repairright" }, make("div", { class: "lp-row" }, select, go), bar, words, strip)));
  let pixels = null, shape = [1, 1, 1], mask = new Uint8Array(1), way = "brush", running = null, from = null, models = [];

  const factor = () => +way || 0, model = () => models.find(({ name }) => name === select.value);

  function show(next, all) {
    const [first] = all;
    element.hidden = !first;
    if (!first) return;
    const other = next !== pixels || first.image_shape.join() !== shape.join();
    models = all;
    setOptions(select, all.map(({ name, ...rest }) => [name, shortTitle({ name, ...rest })]), all.some(({ name }) => name === select.value) ? select.value : first.name);
    if (!other) return;
    stop();
    [pixels, shape, mask] = [next, first.image_shape, new Uint8Array(first.image_shape[1] * first.image_shape[2])];
    hide(0.25, 0.55, 0.75, 0.9); // something to begin with: the lower middle
    turn("block");
  }

  function turn(next) {
    way = next;
    for (const button of ways) button.setAttribute("aria-pressed", String(button.dataset.way === way));
    size.parentElement.hidden = way !== "brush";
    clear.hidden = factor() > 0;
    forget();
  }

  /** What was found belongs to another question. */
  function forget() {
    stop();
    strip.replaceChildren();
    Object.assign(element.dataset, { state: "idle" });
    words.textContent = factor() ? `${model() ? shortTitle(model()) : "The model"} sees the means of blocks ${factor()} pixels wide, and nothing else.` : mask.some(Boolean) ? "What is pink is hidden from the model." : "Hide something first: drag over the picture.";
    go.disabled = !factor() && (!mask.some(Boolean) || mask.every(Boolean));
    draw();
  }

  function draw() {
    if (!pixels) return;
    const [channels, height, width] = shape, many = factor(), out = Uint8Array.from({ length: 3 * height * width }, (_, k) => {
      const i = Math.floor(k / 3), c = channels === 3 ? k % 3 : 0, y = Math.floor(i / width), x = i % width;
      if (!many) return mask[i] ? HIDDEN[k % 3] : pixels[i * channels + c];
      const [top, left] = [y - y % many, x - x % many];
      let sum = 0;
      for (let dy = 0; dy < many; dy++) for (let dx = 0; dx < many; dx++) sum += pixels[((top + dy) * width + left + dx) * channels + c];
      return sum / many / many;
    });
    paintBytes(canvas, out, [3, height, width]);
  }

  function hide(left, top, right, bottom) {
    const [, height, width] = shape, clip = (value, most) => Math.min(most, Math.max(0, Math.round(value * most)));
    for (let y = clip(top, height); y < clip(bottom, height); y++) mask.fill(1, y * width + clip(left, width), y * width + clip(right, width));
  }

  // The hand on the picture

  const at = ({ clientX, clientY }) => { const box = canvas.getBoundingClientRect(); return [(clientX - box.left) / box.width, (clientY - box.top) / box.height]; };
  function dab([x, y]) {
    const [, height, width] = shape, reach = +size.value / 2;
    for (let i = 0; i < mask.length; i++) if (Math.hypot(i % width + 0.5 - x * width, Math.floor(i / width) + 0.5 - y * height) <= reach) mask[i] = 1;
  }
  function drag(event) {
    if (!from) return;
    const here = at(event), [x, y] = from.at;
    if (way === "brush") for (let t = 0; t <= 1; t += 0.1) dab([x + t * (here[0] - x), y + t * (here[1] - y)]);
    else { mask.set(from.mask); hide(Math.min(x, here[0]), Math.min(y, here[1]), Math.max(x, here[0]), Math.max(y, here[1])); }
    if (way === "brush") from.at = here;
    draw();
  }
  canvas.addEventListener("pointerdown", (event) => {
    if (factor()) return;
    canvas.setPointerCapture(event.pointerId);
    if (way === "block") mask.fill(0);
    from = { at: at(event), mask: mask.slice() };
    drag(event);
  });
  canvas.addEventListener("pointermove", drag);
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { if (from) { from = null; forget(); } });
  let block = [0.25, 0.55];
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1], Enter: [0, 0] }[event.key];
    if (!step || factor()) return;
    event.preventDefault();
    block = block.map((value, k) => Math.min(0.65, Math.max(0, value + step[k])));
    mask.fill(0);
    hide(block[0], block[1], block[0] + 0.35, block[1] + 0.35);
    forget();
  });

  // The search

  function stop() {
    running?.abort();
    running = null;
  }

  async function run() {
    const mine = running = new AbortController(), known = packedBits(mask.map((hidden) => 1 - hidden));
    const over = (state) => { if (running === mine) running = null; element.dataset.state = state; go.textContent = "Repair"; bar.hidden = true; };
    Object.assign(element.dataset, { state: "searching" });
    [go.textContent, bar.hidden, bar.value] = ["Stop", false, 0];
    let beside = [];
    mine.signal.addEventListener("abort", () => { over("stopped"); words.textContent = strip.children.length ? "Stopped; these are the best so far." : "Stopped."; });
    try {
      await search("repair", model(), factor() ? [pixels] : [pixels, known], (news) => {
        if (mine.signal.aborted) return;
        beside = news.beside ?? beside;
        if (news.step) [bar.value, words.textContent] = [news.step / news.steps, `Step ${news.step} of ${news.steps}`];
        fill(beside, news.answers ?? []);
      }, mine.signal, factor() ? `?factor=${factor()}` : "");
      over("found");
      words.textContent = "Three codes that fit what is known, the nearest first. The numbers compare with your whole picture, which the model did not see.";
    } catch (error) {
      if (mine.signal.aborted) return;
      over("idle");
      words.textContent = "";
      say(error.message, "problem");
    }
  }

  function fill(beside, answers) {
    const tile = (title, picture, quality) => {
      const shown = make("canvas", { role: "img", "aria-label": title });
      paintBytes(shown, picture, shape);
      return make("figure", { class: "lp-answer" }, shown, make("figcaption", {}, make("b", {}, title), make("small", {}, qualityText(quality))));
    };
    strip.replaceChildren(...answers.map((one, k) => tile(`Answer ${k + 1}`, one.picture, one)), ...beside.map((one) => tile(one.title, one.picture, one)), tile("Your picture", pixels, { psnr: null, ssim: null }));
  }

  return { element, show: (next, all) => show(next, all.filter((one) => canSearch(one) === true)) };
}

/** Flags as bits, the first of eight the highest. @param {Uint8Array} flags */
function packedBits(flags) {
  const out = new Uint8Array(Math.ceil(flags.length / 8));
  flags.forEach((flag, i) => { if (flag) out[i >> 3] |= 128 >> (i & 7); });
  return out;
}
