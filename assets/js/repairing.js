// Repair: a part of one's own picture is hidden, or it is made small, and a model finds the code that fits what is left, in three ways.

import { answerTile } from "./answertile.js";
import { createDamage } from "./damage.js";
import { make, say, setOptions } from "./dom.js";
import { shortTitle } from "./catalogue.js";
import { canSearch, search } from "./inverting.js";

/** @returns {{element: HTMLElement, show: (pixels: Uint8Array, models: import("./catalogue.js").Model[]) => void}} */
export function createRepairing() {
  const select = make("select", { "aria-label": "Model that repairs", "data-testid": "repair-model", onchange: () => forget() });
  const damage = createDamage({ name: "repair", onChange: () => forget() });
  const go = make("button", { class: "lp-button main", "data-testid": "repair-go", onclick: () => (running ? stop() : run()) }, "Repair");
  const words = make("span", { class: "lp-repairwords", "data-testid": "repair-words", role: "status" }), bar = make("progress", { class: "lp-errandbar", max: 1, value: 0, hidden: true, "aria-label": "How far the repair is" });
  const strip = make("div", { class: "lp-answers", "data-testid": "repair-answers" });
  const element = make("section", { class: "lp-card lp-repair", "data-testid": "repair", "data-state": "idle", hidden: true }, make("h2", {}, "Repair it"),
    make("div", { class: "lp-repairgrid" }, make("div", { class: "lp-repairleft" }, damage.canvas, ...damage.controls),
      make("div", { class: "lp-repairright" }, make("div", { class: "lp-row" }, select, go), bar, words, strip)));
  let pixels = null, shape = [1, 1, 1], running = null, models = [];

  const { factor } = damage, model = () => models.find(({ name }) => name === select.value);

  function show(next, all) {
    const [first] = all;
    element.hidden = !first;
    if (!first) return;
    const other = next !== pixels || first.image_shape.join() !== shape.join();
    models = all;
    setOptions(select, all.map(({ name, ...rest }) => [name, shortTitle({ name, ...rest })]), all.some(({ name }) => name === select.value) ? select.value : first.name);
    if (!other) return;
    stop();
    [pixels, shape] = [next, first.image_shape];
    damage.show(pixels, shape);
    damage.turn("block");
    forget();
  }

  /** What was found belongs to another question. */
  function forget() {
    stop();
    strip.replaceChildren();
    Object.assign(element.dataset, { state: "idle" });
    words.textContent = factor() ? `${model() ? shortTitle(model()) : "The model"} sees the means of blocks ${factor()} pixels wide, and nothing else.` : damage.mask().some(Boolean) ? "What is pink is hidden from the model." : "Hide something first: drag over the picture.";
    go.disabled = !damage.some();
  }

  // The search

  function stop() {
    running?.abort();
    running = null;
  }

  async function run() {
    const mine = running = new AbortController(), known = damage.known();
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
    strip.replaceChildren(...answers.map((one, k) => answerTile(`Answer ${k + 1}`, one.picture, shape, one)), ...beside.map((one) => answerTile(one.title, one.picture, shape, one)), answerTile("Your picture", pixels, shape, { psnr: null, ssim: null }));
  }

  return { element, show: (next, all) => show(next, all.filter((one) => canSearch(one) === true)) };
}
