// Animated WebP: still pictures that the browser has encoded, put into one file (WebP container specification).

const ANIMATION = 0x02, ALPHA = 0x10;
const three = (value) => [value & 255, value >> 8 & 255, value >> 16 & 255];
const letters = (bytes, at) => String.fromCharCode(...bytes.subarray(at, at + 4));

/** Whether this browser encodes WebP. */
export const canEncodeWebp = () => document.createElement("canvas").toDataURL("image/webp").startsWith("data:image/webp");

/** A chunk: its name, its length, its content, and a zero where the length is odd. */
function chunk(name, content) {
  const out = new Uint8Array(8 + content.length + content.length % 2);
  out.set(new TextEncoder().encode(name));
  new DataView(out.buffer).setUint32(4, content.length, true);
  out.set(content, 8);
  return out;
}

/** The chunks of a still picture that are the picture itself, and whether it says that it is not opaque. @param {Uint8Array} file */
function pictureIn(file) {
  const view = new DataView(file.buffer, file.byteOffset, file.length), parts = [];
  let alpha = false;
  if (letters(file, 0) !== "RIFF" || letters(file, 8) !== "WEBP") throw new Error("This browser did not encode the picture as WebP.");
  for (let at = 12; at + 8 <= file.length;) {
    const name = letters(file, at), length = view.getUint32(at + 4, true), end = at + 8 + length + length % 2;
    if (["ALPH", "VP8 ", "VP8L"].includes(name)) parts.push(file.subarray(at, end));
    if (name === "ALPH" || (name === "VP8L" && file[at + 12] & 0x10)) alpha = true;
    at = end;
  }
  return { parts, alpha };
}

function joined(parts) {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** Still pictures as one that moves, for ever. @param {Uint8Array[]} files WebP, all of one size @param {number} ms how long each is shown @returns {Blob} */
export function animatedWebp(files, width, height, ms) {
  const pictures = files.map(pictureIn), flags = ANIMATION | (pictures.some(({ alpha }) => alpha) ? ALPHA : 0), size = [...three(width - 1), ...three(height - 1)];
  const frames = pictures.map(({ parts }) => chunk("ANMF", joined([Uint8Array.from([0, 0, 0, 0, 0, 0, ...size, ...three(ms), 0x02]), ...parts])));
  const body = joined([new TextEncoder().encode("WEBP"), chunk("VP8X", Uint8Array.from([flags, 0, 0, 0, ...size])), chunk("ANIM", Uint8Array.from([255, 255, 255, 255, 0, 0])), ...frames]);
  return new Blob([chunk("RIFF", body)], { type: "image/webp" });
}
