// Take a walk away: a strip as PNG, an animation as GIF, WebP or video, each with what walked written beside.

import { download, fileName, make, say } from "./dom.js";
import { frameAt } from "./frames.js";
import { createGif, paletteOf } from "./gif.js";
import { withText } from "./keep.js";
import { paint } from "./paint.js";
import { link } from "./store.js";
import { animatedWebp, canEncodeWebp } from "./webp.js";

const ONE_WAY = 41, ACROSS = 11, EDGE = 112, GAP = 10, LABELS = 170, FOOT = 22; // frames of an animation, pictures of a strip, and pixels
const INK = "#333", PALE = "#777";
const VIDEOS = ["video/webm;codecs=vp9", "video/webm;codecs=vp8", "video/webm", "video/mp4"];
const videoType = () => (typeof MediaRecorder === "function" && HTMLCanvasElement.prototype.captureStream ? VIDEOS.find((type) => MediaRecorder.isTypeSupported(type)) : undefined);
const breath = () => new Promise((done) => setTimeout(done)); // the page answers between two frames

/** @typedef {{rows: import("./walkrow.js").Row[], name: string, seconds: number, goesBack: boolean}} Scene seconds for one way */

/** @param {() => Scene|null|Promise<Scene|null>} scene what there is to take; null says why itself @param {string} [name] of the page in the test ids */
export function createTakeaway(scene, name = "interpolate") {
  const kinds = [["PNG strip", strip, null], ["GIF", gif, null],
    ["WebP", webp, canEncodeWebp() ? null : "This browser cannot write WebP pictures; take the GIF."],
    ["Video", video, videoType() ? null : "This browser has no recorder for videos; take the GIF."]];
  const buttons = kinds.map(([text, run, lacking]) => {
    const button = make("button", { class: "lp-button", "data-testid": `${name}-save-${text.split(" ")[0].toLowerCase()}`, "aria-disabled": String(!!lacking), title: lacking ?? `Save as ${text}`, onclick: async () => {
      if (lacking) return say(lacking);
      if (busy) return;
      busy = true;
      button.setAttribute("aria-busy", "true");
      try {
        const now = await scene();
        if (now) await run(now);
      } catch (error) {
        say(`The ${text} could not be made: ${error.message}`, "problem");
      }
      busy = false;
      button.removeAttribute("aria-busy");
    } }, text);
    return button;
  });
  let busy = false;
  return { element: make("div", { class: "lp-row lp-takeaway lp-save", role: "group", "aria-label": "Save the walk" }, make("span", {}, "Save as"), ...buttons) };
}

/** A canvas for pictures on white, and a pencil. */
function sheet(width, height) {
  const canvas = make("canvas", { width, height }), context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  const small = make("canvas");
  return { canvas, context,
    picture({ frames, shape }, t, x, y, edge) {
      paint(small, frames.pixels, shape, frameAt(frames, t));
      context.drawImage(small, x, y, edge, edge * shape.height / shape.width);
    },
    write(text, x, y, width, colour = INK, font = "12px") {
      context.fillStyle = colour;
      context.font = `${font} system-ui, sans-serif`;
      let shown = text;
      while (context.measureText(shown).width > width && shown.length > 2) shown = `${shown.slice(0, -2)}…`;
      context.fillText(shown, x, y);
    } };
}

const png = async (canvas) => new Uint8Array(await (await blobOf(canvas, "image/png")).arrayBuffer());
const blobOf = (canvas, type, quality) => new Promise((done, failed) => { canvas.toBlob((blob) => (blob ? done(blob) : failed(new Error("the browser made no picture of it."))), type, quality); });

/** Rows under each other, pictures from start to end. @param {Scene} scene */
async function strip({ rows, name }) {
  const edge = EDGE / 2, step = edge + 3, page = sheet(LABELS + ACROSS * step + GAP, rows.length * step + FOOT + GAP);
  rows.forEach((row, k) => {
    const y = GAP / 2 + k * step;
    page.write(row.title, GAP, y + 24, LABELS - 2 * GAP, INK, "600 13px");
    page.write(row.frames.how, GAP, y + 41, LABELS - 2 * GAP, PALE, "10px");
    const still = row.frames.n === 1; // stands there once
    for (let i = 0; i < (still ? 1 : ACROSS); i++) page.picture(row, i / (ACROSS - 1), LABELS + i * step, y, edge);
  });
  page.write("Latent Playground; the link is in the file", GAP, page.canvas.height - 8, page.canvas.width - 2 * GAP, PALE, "11px");
  download(new Blob([withText(await png(page.canvas), "Source", link())], { type: "image/png" }), `${fileName(name)}.png`);
}

/** The places of an animation's frames. @param {Scene} scene @returns {number[]} */
function places({ goesBack }) {
  const there = Array.from({ length: ONE_WAY }, (_, k) => k / (ONE_WAY - 1));
  return goesBack ? [...there, ...there.slice(1, -1).reverse()] : there;
}
const pause = ({ seconds }) => Math.round(1000 * seconds / (ONE_WAY - 1) / 10) * 10; // milliseconds; a GIF counts in tens

/** A sheet that shows all rows at one place, side by side; draw(t) changes it. @param {Scene} scene */
function stage({ rows }) {
  const across = rows.length <= 6 ? rows.length : Math.ceil(rows.length / 2), down = Math.ceil(rows.length / across), high = EDGE + FOOT;
  const page = sheet(across * (EDGE + GAP) + GAP, down * high + GAP + 4), { context, canvas } = page;
  const at = (k) => [GAP + (k % across) * (EDGE + GAP), GAP + Math.floor(k / across) * high];
  rows.forEach((row, k) => page.write(row.title, at(k)[0], at(k)[1] + EDGE + 15, EDGE));
  const draw = (t) => {
    rows.forEach((row, k) => page.picture(row, t, ...at(k), EDGE));
    context.fillStyle = "#ddd";
    context.fillRect(GAP, canvas.height - 6, canvas.width - 2 * GAP, 2);
    context.fillStyle = INK;
    context.fillRect(GAP, canvas.height - 6, t * (canvas.width - 2 * GAP), 2);
  };
  return { canvas, context, draw };
}

async function gif(scene) {
  const { canvas, context, draw } = stage(scene), { width, height } = canvas, frames = [];
  for (const t of places(scene)) {
    draw(t);
    frames.push(context.getImageData(0, 0, width, height).data);
  }
  const file = createGif(width, height, paletteOf(frames), link());
  for (const frame of frames) {
    file.add(frame, pause(scene));
    await breath();
  }
  download(file.blob(), `${fileName(scene.name)}.gif`);
}

async function webp(scene) {
  const { canvas, draw } = stage(scene), files = [];
  for (const t of places(scene)) {
    draw(t);
    files.push(new Uint8Array(await (await blobOf(canvas, "image/webp", 0.92)).arrayBuffer()));
  }
  download(animatedWebp(files, canvas.width, canvas.height, pause(scene)), `${fileName(scene.name)}.webp`);
}

/** Recorded while it plays, as long as it lasts. */
async function video(scene) {
  const { canvas, draw } = stage(scene), type = videoType(), stream = canvas.captureStream(0), [track] = stream.getVideoTracks();
  const recorder = new MediaRecorder(stream, { mimeType: type, videoBitsPerSecond: 4e6 }), parts = [];
  recorder.ondataavailable = ({ data }) => { if (data.size) parts.push(data); };
  const ended = new Promise((done, failed) => { recorder.onstop = done; recorder.onerror = ({ error }) => failed(error); });
  const all = places(scene);
  say(`Recording for ${Math.ceil(all.length * pause(scene) / 1000)} seconds …`);
  draw(0);
  recorder.start();
  for (const t of all) {
    draw(t);
    track.requestFrame();
    await new Promise((done) => setTimeout(done, pause(scene)));
  }
  recorder.stop();
  await ended;
  track.stop();
  download(new Blob(parts, { type: type.split(";")[0] }), `${fileName(scene.name)}.${type.startsWith("video/mp4") ? "mp4" : "webm"}`);
}
