// One training step by hand: who learns is pressed, and every quantity is shown in the order in which it is computed, up to the update and what it changed.

import { make, say } from "./dom.js";
import { formula, inMath } from "./formula.js";
import { bytesOf } from "./lines.js";
import { measured } from "./noising.js";
import { lossLaw, playerName, termOf } from "./trainhandterms.js";
import { mosaic } from "./trainpictures.js";
import { sheet } from "./traincharts.js";
import { short, stepText } from "./trainscales.js";

const AFTER = ", after the step"; // as genmodels/train/hand.py names what the new weights make of the same pictures
const FAR = [[1, "the planned step"], [10, "10 times as far"], [100, "100 times as far"]], SAID = 4, HIGH = 64; // numbers that are written out; pixels of bars

/** Numbers or bytes of a quantity as they came, or as text. */
const valuesOf = ({ kind, data, values }) => values ?? (typeof data !== "string" ? data : kind === "picture" ? bytesOf(data) : new Float32Array(bytesOf(data).buffer));

/** The stage whose turn it is; of a training that is done, its last one. @param {Object} row */
function stageOf(row) {
  const stages = row?.recipe?.stages ?? [];
  let left = row?.step ?? 0;
  return stages.find(({ steps }) => (left -= steps) < 0) ?? stages.at(-1);
}

/** Who learns in it. @param {Object} row @returns {string[]} */
const learning = (row) => stageOf(row)?.players ?? [];

/** @param {{hand: Function, refresh: Function}} road @returns {{element: HTMLElement, show: (row: Object) => void}} */
export function createHand(road) {
  const buttons = make("div", { class: "lp-row lp-handbuttons" }), far = make("select", { "aria-label": "How far the step goes", "data-testid": "hand-far" }, ...FAR.map(([value, text]) => make("option", { value }, text)));
  const words = make("p", { class: "lp-fact", role: "status", "data-testid": "hand-words" }), flow = make("div", { class: "lp-handflow", role: "group", "aria-label": "What the step computes, in order", "data-testid": "hand-flow" }), after = make("div", { class: "lp-handafter" });
  const element = make("section", { class: "lp-card lp-byhand", "data-testid": "run-byhand", hidden: true }, make("h2", {}, "One step by hand"), make("div", { class: "lp-handhead" }, buttons, make("label", {}, "Rate: ", far)), words, flow, after);
  let row = null, answer = null, picked = 0, busy = false, of = "";

  /** A button for each player, and one for all. */
  function lay() {
    const players = learning(row), one = players.length < 2;
    const press = (text, who, title) => make("button", { class: "lp-button main", "data-testid": `hand-${who.join("-")}`, title, onclick: () => act(who) }, text);
    buttons.replaceChildren(...(one ? [press("Do one step", players.length ? players : ["model"], "Take the next pictures, compute, and learn")] : [...players.map((who) => press(`Only the ${playerName(who)}`, [who], `The next pictures, and only the ${who} learns`)), press("Both", players, "One after the other, as in the training")]));
  }

  async function act(players) {
    if (busy) return;
    busy = true;
    state();
    const { name } = row; // another run may be open when the answer comes
    try {
      const rate = +far.value === 1 ? {} : { rate: +far.value * (stageOf(row)?.rate ?? 1e-3) * (row.rate_factor ?? 1) };
      const found = await road.hand(name, { players, ...rate });
      if (row?.name === name) { [answer, of] = [found, name]; draw(); }
      road.refresh?.().catch(() => {});
    } catch (error) {
      say(error.message, "problem");
    }
    busy = false;
    if (row) state();
  }

  function state() {
    const still = ["paused", "stopped", "finished"].includes(row.state), able = row.by_hand && still && row.mine !== false;
    for (const button of buttons.children) button.disabled = busy || !able;
    far.disabled = busy || !able;
    words.textContent = busy ? "Computing the step …" : row.mine === false ? "Only its owner takes steps of this training." : !row.by_hand && still ? "This stage finds its weights in one go, so there is no single step to take." : row.state === "failed" ? "This training failed, so there is no next step to take." : !able ? "Pause the training first: then you take the next step yourself, and see every quantity of it."
      : answer && of === row.name ? `Step ${stepText(answer.step)} is done and kept. Press a picture to follow another one; every press is one more step.` : buttons.children.length > 1 ? "Take the next step yourself: let one of the players learn, or both." : "Take the next step yourself: encode, decode, compare, and change the weights.";
  }

  function show(next) {
    const other = row?.name !== next?.name, was = JSON.stringify(learning(row));
    row = next;
    element.hidden = !row;
    if (!row) return;
    if (other) { [answer, picked] = [null, 0]; flow.replaceChildren(); after.replaceChildren(); }
    if (other || was !== JSON.stringify(learning(row))) lay();
    state();
  }

  /** A flow for each player that learned. */
  function draw() {
    const { quantities, parts, update } = answer, players = Object.keys(update), several = players.length > 1, count = Math.min(...quantities.map(({ shape }) => shape[0]));
    if (picked >= count) picked = 0;
    flow.replaceChildren(...players.map((player) => {
      const mine = quantities.filter((one) => one.player === player && !one.name.endsWith(AFTER)), beside = new Set(mine.map(({ name }) => name));
      const tiles = [...mine.map((one) => quantityTile(one, termOf(one.name, beside))), lossTile(partsOf(parts, player), player), updateTile(player, update[player])];
      return make("div", { class: "lp-handrow" }, several ? make("h3", {}, `The ${playerName(player)} learns`) : null, make("div", { class: "lp-handtiles" }, ...tiles));
    }));
    drawAfter();
    repaint();
  }

  const repaint = () => requestAnimationFrame(() => { for (const one of element.querySelectorAll(".lp-handtile")) one.paint?.(); });

  function tile(head, caption, ...body) {
    return make("figure", { class: "lp-handtile" }, make("figcaption", {}, ...(head ? [head] : []), make("small", {}, caption)), ...body);
  }

  function quantityTile(quantity, { symbol, words: text, law }) {
    const isPicture = quantity.kind === "picture", canvas = make("canvas", { role: "img", class: isPicture ? "lp-handpicture" : "lp-handbars" }), values = valuesOf(quantity), shape = pictureShape(quantity), numbers = make("div", { class: "lp-handnumbers" });
    const choice = isPicture && make("button", { class: "lp-handpick", title: "Follow another picture", onclick: follow }, canvas);
    const one = tile(symbol ? formula(symbol) : null, text, choice || canvas, numbers, law ? make("div", { class: "lp-handlaw" }, formula(law)) : null), each = values.length / quantity.shape[0];
    one.dataset.name = quantity.name;
    /** The picture under the hand; a key goes to the next one. */
    function follow(event) {
      if (!event.detail) return pick((picked + 1) % shape[0], shape[0]);
      const box = canvas.getBoundingClientRect(), [across, down] = gridOf(shape[0]);
      return pick(Math.floor((event.clientY - box.top) / box.height * down) * across + Math.floor((event.clientX - box.left) / box.width * across), shape[0]);
    }
    one.paint = () => {
      if (isPicture) { pictures(canvas, values, shape, picked); canvas.setAttribute("aria-label", `${quantity.name}: ${shape[0]} pictures, number ${picked + 1} is followed`); return; }
      const mine = values.subarray(picked * each, (picked + 1) * each), { mean, spread } = measured(mine);
      bars(canvas, mine);
      numbers.replaceChildren(...(each <= SAID ? Array.from(mine, (value) => make("b", {}, inMath(value, 3))) : [make("small", {}, `${each} numbers: ${inMath(mean, 2)} ± ${inMath(spread, 2)}`)]));
      canvas.setAttribute("aria-label", `${quantity.name} of picture ${picked + 1}: ${Array.from(mine.slice(0, 8), (value) => inMath(value, 2)).join(", ")}${each > 8 ? " …" : ""}`);
    };
    return one;
  }

  function pick(index, count) {
    if (index < 0 || index >= count) return;
    picked = index;
    repaint();
  }

  function lossTile(parts, player) {
    const law = lossLaw(Object.keys(parts), row.model ?? {}, player);
    const one = tile(formula("L"), "what is to become small", make("dl", { class: "lp-handparts", "data-testid": "hand-parts" }, ...Object.entries(parts).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, precise(value))])), law ? make("div", { class: "lp-handlaw" }, formula(law)) : null);
    one.classList.add("wide");
    return one;
  }

  function updateTile(player, { gradient, change }) {
    return tile(formula("θ"), player === "model" ? "the weights" : `the weights of the ${playerName(player)}`, make("dl", { class: "lp-handparts" }, make("dt", {}, "length of the gradient"), make("dd", {}, short(gradient)), make("dt", {}, "length of the change"), make("dd", {}, short(change))), make("div", { class: "lp-handlaw" }, formula("θ ← θ − η \"Adam\"(∇L)")));
  }

  /** The same pictures with the old weights and with the new ones. */
  function drawAfter() {
    const { quantities, parts, after: losses } = answer, later = quantities.filter(({ name }) => name.endsWith(AFTER)).map((one) => [one, quantities.find(({ name, player }) => name + AFTER === one.name && player === one.player)]);
    const made = later.find(([{ kind }]) => kind === "picture"), shown = made ? [...(made[1].name === "reconstruction" ? [["The pictures", quantities.find(({ name }) => name === "x")]] : []), ["Before the step", made[1]], ["After it", made[0]]] : [];
    const figures = shown.map(([text, one]) => {
      const canvas = make("canvas", { class: "lp-handpicture one", role: "img" }), figure = make("figure", { class: "lp-handtile" }, make("figcaption", {}, make("small", {}, text)), canvas), values = valuesOf(one), shape = pictureShape(one);
      figure.paint = () => { mosaic(canvas, [{ bytes: values, index: picked }], shape, 1); canvas.setAttribute("aria-label", `${text}: picture ${picked + 1}`); };
      return figure;
    });
    const several = Object.keys(answer.update).length > 1, single = later.filter(([{ kind }]) => kind !== "picture").map(([now, before]) => {
      const line = make("p", { class: "lp-handfell lp-handtile" });
      line.paint = () => line.replaceChildren(formula(termOf(before.name, new Set()).symbol || `"${before.name}"`), ` of picture ${picked + 1}${several ? `, as the ${playerName(now.player)} learns` : ""}: `, make("b", {}, inMath(valuesOf(before)[picked], 3)), " before, ", make("b", {}, inMath(valuesOf(now)[picked], 3)), " after.");
      return line;
    });
    const fell = Object.keys(losses).filter((name) => /(^| )loss$/.test(name)).map((name) => make("p", { class: "lp-handfell" }, `${name === "loss" ? "Loss" : playerLoss(name)} of these pictures: `, make("b", {}, precise(parts[name])), " before, ", make("b", {}, precise(losses[name])), ` after the step (${losses[name] < parts[name] ? "less by" : "more by"} ${short(Math.abs(parts[name] - losses[name]))}).`));
    after.replaceChildren(...figures, make("div", { class: "lp-handwords", "data-testid": "hand-after" }, ...fell, ...single));
  }
  return { element, show };
}

/** The loss terms of one player, without its name before them. */
function partsOf(parts, player) {
  const own = Object.entries(parts).filter(([name]) => name.startsWith(`${player} `)).map(([name, value]) => [name.slice(player.length + 1), value]);
  return own.length ? Object.fromEntries(own) : parts;
}

const playerLoss = (name) => `Loss of the ${playerName(name.replace(/ loss$/, ""))}`;

/** So many digits that a single step shows. */
const precise = (value) => (Number.isFinite(value) ? String(+value.toPrecision(5)).replace("-", "−") : "–");
const gridOf = (count) => [Math.min(4, count), Math.ceil(count / Math.min(4, count))];

/** [N, H, W, C], whichever way it came. */
function pictureShape({ kind, shape }) {
  if (kind !== "picture" || !shape) return shape;
  return shape.at(-1) === 1 || shape.at(-1) === 3 ? shape : [shape[0], shape[2], shape[3], shape[1]];
}

/** All pictures, a frame around the one that is followed. */
function pictures(canvas, values, shape, picked) {
  const [across, down] = gridOf(shape[0]);
  mosaic(canvas, Array.from({ length: shape[0] }, (_, index) => ({ bytes: values, index })), shape, across);
  const [width, height] = [canvas.width / across, canvas.height / down], pencil = canvas.getContext("2d");
  Object.assign(pencil, { strokeStyle: getComputedStyle(canvas).getPropertyValue("--lp-c1"), lineWidth: Math.max(1, width / 14) });
  pencil.strokeRect(picked % across * width + 0.5, Math.floor(picked / across) * height + 0.5, width - 1.5, height - 1.5);
}

/** Numbers as bars up and down from zero. */
function bars(canvas, values) {
  const width = canvas.clientWidth || 150, pencil = sheet(canvas, width, HIGH), style = getComputedStyle(canvas), most = Math.max(1, ...values.map(Math.abs)), wide = width / values.length, middle = HIGH / 2;
  pencil.fillStyle = style.getPropertyValue("--lp-line");
  pencil.fillRect(0, middle, width, 1);
  values.forEach((value, k) => {
    pencil.fillStyle = style.getPropertyValue(value < 0 ? "--lp-c7" : "--lp-accent");
    const high = value / most * (middle - 2), gap = wide > 5 ? Math.min(6, 0.15 * wide) : 0;
    pencil.fillRect(k * wide + gap, Math.min(middle, middle - high), Math.max(1, Math.min(wide - 2 * gap, 40)), Math.max(1, Math.abs(high)));
  });
}
