// One row of the Interpolate page: who walks, the present picture, a strip of frames, the curve under it.

import { CURVE_HEIGHT, createCurve, heightAt, measure } from "./curve.js";
import { make } from "./dom.js";
import { frameAt } from "./frames.js";
import { fill, paint, shapeOf } from "./paint.js";
import { sweeps } from "./sweep.js";
import { verdictOf } from "./verdict.js";

const percent = (share) => `${Math.floor(100 * share)} %`;
const MEANING = "Farthest: from the nearest test picture in the classifier's features; 1 is usual among test pictures. "
  + "Steps: the change of the picture from frame to frame, its standard deviation as a share of its mean. The pixels' own mix is even by its making.";
const WAY_WORDS = { line: "straight line", circle: "great circle" };

/**
 * @param {{name: string, kind: string, title: string, model: import("./catalogue.js").Model, onScrub: (t: number, done: boolean) => void,
 *          onRemove: () => void, onExplore: (() => void)|null}} row name is a model's or "crossfade"; model is whose pictures have this shape
 */
export function createRow({ name, kind, title, model, onScrub, onRemove, onExplore }) {
  const shape = shapeOf(model.image_shape);
  const now = make("canvas", { class: "lp-now", width: shape.width, height: shape.height, role: "img", "aria-label": `${title}: the present picture` });
  const verdict = make("span", { class: "lp-verdict" }, "\u00a0"), how = make("small", {}), summary = make("p", { class: "lp-walksum" });
  const strip = make("div", { class: "lp-frames" }), curve = createCurve(), problem = make("p", { class: "lp-empty lp-walkproblem", role: "status", hidden: true });
  const dot = make("b"), cursor = make("i", { class: "lp-cursor", "aria-hidden": "true" }, make("i", {}, dot)), progress = make("i", { class: "lp-progress", "aria-hidden": "true" });
  const track = make("div", { class: "lp-track" }, strip, make("div", { class: "lp-curvebox" }, curve.element), cursor, progress);
  const explore = onExplore && make("button", { class: "lp-quiet", title: "Go on with this picture in Explore", "aria-label": `Show the present picture of ${title} in Explore`, onclick: onExplore }, "Explore ↗");
  const remove = make("button", { class: "lp-quiet lp-removerow", title: "Remove this row", "aria-label": `Remove the row ${title}`, onclick: onRemove }, "×");
  const element = make("section", { class: "lp-walkrow", "data-testid": `interpolate-row-${kind}`, "data-model": name, "data-frame": "-1", "data-frames": "0", "aria-label": title },
    make("div", { class: "lp-walkname" }, make("strong", {}, title), how, summary, make("div", { class: "lp-walkdo" }, explore, remove)),
    make("div", { class: "lp-nowbox" }, now, verdict), track, problem);
  const context = now.getContext("2d"), image = context.createImageData(shape.width, shape.height);
  let frames = null, tiles = [], place = 0, shown = -1;

  sweeps(track, (event, box, done) => onScrub(share(event, box), done), strip);
  /** Where a press lies on the walk: its ends are the middles of the first and the last tile. */
  function share({ clientX }, box) {
    const inset = box.width / tiles.length / 2;
    return Math.min(1, Math.max(0, (clientX - box.left - inset) / (box.width - 2 * inset)));
  }

  /** How many tiles the strip has. */
  function tile(count) {
    tiles = Array.from({ length: count }, () => make("canvas", { width: shape.width, height: shape.height, "data-frame": "-1" }));
    strip.replaceChildren(...tiles);
    track.style.setProperty("--tiles", count);
    if (frames) drawStrip();
  }

  function drawStrip() {
    tiles.forEach((canvas, k) => {
      const wish = Math.round(k / (tiles.length - 1) * (frames.n - 1));
      if (!frames.done[wish] || canvas.dataset.frame === `${wish}`) return;
      paint(canvas, frames.pixels, shape, wish);
      canvas.dataset.frame = wish;
    });
  }

  /** A little more is known of the row. @param {import("./frames.js").Frames} next */
  function become(next) {
    const fresh = next !== frames;
    frames = next;
    problem.hidden = true;
    track.hidden = false;
    if (fresh) for (const canvas of tiles) forget(canvas);
    how.textContent = name === "crossfade" ? frames.how : `${frames.how}; ${WAY_WORDS[frames.way]}`;
    element.dataset.frames = frames.count;
    progress.style.transform = `scaleX(${frames.count / frames.n})`;
    progress.hidden = frames.count === frames.n;
    drawStrip();
    curve.draw(frames);
    shown = -1;
    show(place);
  }

  const forget = (canvas) => {
    canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
    canvas.dataset.frame = "-1";
  };

  /** What is there stays in sight, paler, until the next frames come. */
  function wait() {
    element.classList.add("waiting");
    if (!frames) how.textContent = "looking for its latents of both pictures …";
  }

  /** All frames are there. @param {boolean} mostEven whether no other model's steps are as even */
  function finish(mostEven) {
    element.classList.remove("waiting");
    if (!frames || frames.count < frames.n) return;
    const { least, farthest, unevenness } = measure(frames), words = [];
    if (least) words.push(`least sure ${percent(least.value)} at ${least.t.toFixed(2)}`);
    if (farthest) words.push(`farthest ${farthest.value.toFixed(1)} at ${farthest.t.toFixed(2)}`);
    words.push(`steps vary by ${Math.round(100 * unevenness)} %`, mostEven && "most even");
    summary.textContent = words.filter(Boolean).join(" · ");
    summary.title = `${frames.unjudged} ${MEANING}`.trim();
    curve.element.setAttribute("aria-label", `${title}: ${summary.textContent}`);
  }

  /** A row that cannot be walked says why. @param {string} sentence */
  function fail(sentence) {
    frames = null;
    element.classList.remove("waiting");
    Object.assign(element.dataset, { frames: "0", frame: "-1" });
    track.hidden = true;
    problem.hidden = false;
    problem.textContent = sentence;
    how.textContent = summary.textContent = "";
    verdict.textContent = "\u00a0";
    context.clearRect(0, 0, now.width, now.height);
  }

  /** The frame at a place in [0, 1]: paints what is there, asks nobody. */
  function show(t) {
    place = t;
    const k = frames ? frameAt(frames, t) : -1;
    if (k < 0 || k === shown) return;
    shown = k;
    fill(image, frames.pixels, shape, k);
    context.putImageData(image, 0, 0);
    element.dataset.frame = k;
    const sure = heightAt(frames, k), chances = frames.chances[k];
    dot.hidden = sure === null;
    if (sure !== null) dot.style.transform = `translateY(${((1 - sure) * (CURVE_HEIGHT - 3)).toFixed(1)}px)`;
    const seen = sure === null ? null : verdictOf(model.classifier, chances);
    verdict.textContent = !seen ? "\u00a0" : seen.many ? seen.text : `${seen.text} · ${percent(seen.sure)}`;
    verdict.title = seen?.many ? `It shows ${seen.text}` : "";
    verdict.classList.toggle("many", !!seen?.many);
  }

  return { element, name, kind, title, shape, tile, become, wait, finish, fail, show, get frames() { return frames; } };
}
