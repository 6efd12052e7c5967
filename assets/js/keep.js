// Take things away: the picture with its link inside, the codes as CSV.

import { className } from "./catalogue.js";
import { crc } from "./crc.js";
import { download, fileName, make } from "./dom.js";
import { link } from "./store.js";

const LARGE = 448;

/** A PNG of the picture, large enough to look at, with a line that says where it comes from. @param {HTMLCanvasElement} canvas */
export async function savePicture(canvas, model, point) {
  const times = Math.max(1, Math.round(LARGE / canvas.width)), band = 44;
  const large = make("canvas", { width: canvas.width * times, height: canvas.height * times + band }), context = large.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, large.width, large.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(canvas, 0, 0, large.width, large.height - band);
  context.fillStyle = "#333";
  context.font = "13px system-ui, sans-serif";
  context.fillText(`${model.name} · ${point.length > 40 ? `${point.slice(0, 38)}…` : point}`, 10, large.height - band + 18);
  context.fillStyle = "#777";
  context.fillText("Latent Playground; the link is in the file", 10, large.height - 10);
  const png = new Uint8Array(await (await new Promise((done) => large.toBlob(done, "image/png"))).arrayBuffer());
  download(new Blob([withText(png, "Source", link())], { type: "image/png" }), `${fileName(`${model.name}-${point.slice(0, 30)}`)}.png`);
}

/** A PNG with a text chunk after its header (PNG specification, 11.3.4.3). @param {Uint8Array} png */
export function withText(png, keyword, text) {
  const content = new TextEncoder().encode(`tEXt${keyword}\0${text}`), chunk = new Uint8Array(content.length + 8), view = new DataView(chunk.buffer);
  view.setUint32(0, content.length - 4);
  chunk.set(content, 4);
  view.setUint32(content.length + 4, crc(content));
  const head = 33; // signature and IHDR
  const out = new Uint8Array(png.length + chunk.length);
  out.set(png.subarray(0, head));
  out.set(chunk, head);
  out.set(png.subarray(head), head + chunk.length);
  return out;
}

/** All codes of the atlas, the pins and the present point, one row each. */
export function saveCodes(model, atlas, xy, here) {
  const D = model.latent_dim, row = (name, label, position, z) => [name, label, ...position.map((v) => v.toFixed(4)), ...Array.from(z, (v) => v.toFixed(5))].map(quoted).join(",");
  const lines = [["point", "class", "map_x", "map_y", ...Array.from({ length: D }, (_, k) => `z${k}`)].join(",")];
  for (const { name, label, position, z } of here) lines.push(row(name, label, position, z));
  for (let k = 0; atlas && k < atlas.count; k++) {
    lines.push(row(`atlas:${k}`, className(model, atlas.labels[k]), [xy[2 * k], xy[2 * k + 1]], atlas.codes.subarray(k * D, (k + 1) * D)));
  }
  download(new Blob([lines.join("\n") + "\n"], { type: "text/csv" }), `${fileName(model.name)}-codes.csv`);
}

const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
