// A point is an expression: the twin of genmodels/latent/points.py, where the grammar is written down.

const TOKEN = /\s*(?:(z:[A-Za-z0-9_-]*)|((?:seed|atlas):-?[\w.]*)|(mix\s*\()|([\d_]*[A-Za-z]\w*(?![\w:]))|(\d+(?:\.\d+)?)|([-+*,)]))/y;
const KINDS = ["raw", "source", "mix", "name", "number", "sign"];
export const MOST_NUMBERS = 256; // that one text may carry

/** A point that cannot be read or resolved; the message is a sentence for the person. */
export class BadPoint extends Error {}

/**
 * The latent that a text names.
 * @param {string} text @param {(kind: "seed"|"atlas"|"pin"|"direction", key: number|string) => Float32Array|null} lookup
 * @param {number} size numbers in a latent @returns {Float32Array}
 */
export function resolve(text, lookup, size) {
  if (text.length > 4096) throw new BadPoint("A point has at most 4096 characters.");
  const tokens = tokensOf(text);
  let at = 0, places = 0;
  const take = (sign) => { const taken = tokens[at]?.[0] === "sign" && tokens[at][1] === sign; if (taken) at++; return taken; };

  function point(depth) {
    let sum = term(take("-") ? -1 : 1, depth);
    for (;;) {
      const sign = take("+") ? 1 : take("-") ? -1 : 0;
      if (!sign) return sum;
      const next = term(sign, depth);
      sum = sum.map((value, i) => value + next[i]);
    }
  }
  function term(sign, depth) {
    let factor = sign;
    if (tokens[at]?.[0] === "number") {
      factor *= number();
      if (!take("*")) throw new BadPoint("A number in a point needs * and a place after it, as in 2*Smiling.");
    }
    return place(depth).map((value) => factor * value);
  }
  function place(depth) {
    const [kind, found] = tokens[at++] ?? [];
    if (!kind) throw new BadPoint("A point is missing where the text ends; write one such as seed:7.");
    if (++places > 64) throw new BadPoint("A point has at most 64 parts.");
    if (kind === "mix") return mix(depth + 1);
    if (kind === "raw") return sized(rawNumbers(found.slice(2)), found);
    if (kind === "source") {
      const [source, digits] = found.split(":");
      if (!/^\d{1,10}$/.test(digits) || +digits > 2 ** 32 - 1) throw new BadPoint(`${source}: needs a whole number from 0 to 4294967295, not '${digits}'.`);
      return known(source, +digits);
    }
    if (kind === "name") return known(found.length === 1 ? "pin" : "direction", found);
    throw new BadPoint(`A point cannot go on with '${found}'; write seed:7, a pin such as A, or a direction such as 2*Smiling.`);
  }
  function mix(depth) {
    if (depth > 8) throw new BadPoint("Mixes stand inside each other at most 8 deep.");
    const problem = new BadPoint("A mix names two points and a share, as in mix(A, B, 0.4).");
    const a = point(depth);
    if (!take(",")) throw problem;
    const b = point(depth);
    if (!take(",")) throw problem;
    const t = (take("-") ? -1 : 1) * number();
    if (!take(")")) throw problem;
    return a.map((value, i) => value + t * (b[i] - value));
  }
  function number() {
    const [kind, found] = tokens[at] ?? [];
    if (kind !== "number" || !/^\d{1,3}(\.\d{1,6})?$/.test(found)) throw new BadPoint("A number in a point has at most 3 digits and 6 after the point.");
    at++;
    return +found;
  }
  function known(kind, key) {
    const found = lookup(kind, key);
    if (!found) throw new BadPoint(`There is no ${kind} ${key} here.`);
    return sized(found, key);
  }
  function sized(numbers, name) {
    if (numbers.length !== size) throw new BadPoint(`${String(name).slice(0, 40)} has ${numbers.length} numbers, the model's latents have ${size}.`);
    return Float64Array.from(numbers);
  }

  const latent = Float32Array.from(point(0));
  if (at < tokens.length) throw new BadPoint(`A point ends before '${tokens[at][1]}'; one such as seed:7 + 2*Smiling goes on with + or -.`);
  if (!latent.every(Number.isFinite)) throw new BadPoint("The point has numbers that are not finite.");
  return latent;
}

/** Raw numbers as a text. @param {Float32Array} numbers */
export function textOf(numbers) {
  const bytes = new Uint8Array(Float32Array.from(numbers).buffer);
  return "z:" + btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function rawNumbers(text) {
  let bytes;
  try {
    bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
  } catch {
    bytes = new Uint8Array(0);
  }
  if (!bytes.length || bytes.length % 4) throw new BadPoint("z: needs numbers of four bytes each in base64url.");
  if (bytes.length > 4 * MOST_NUMBERS) throw new BadPoint(`z: carries at most ${MOST_NUMBERS} numbers, not ${bytes.length / 4}.`);
  return new Float32Array(bytes.buffer);
}

function tokensOf(text) {
  const tokens = [], end = text.trimEnd().length;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < end) {
    const at = TOKEN.lastIndex, match = TOKEN.exec(text);
    if (!match) throw new BadPoint(`A point cannot be read from '${text.slice(at, at + 40).trim()}'; it looks like seed:7, mix(A, B, 0.4) or seed:7 + 2*Smiling.`);
    const kind = match.slice(1).findIndex((group) => group !== undefined);
    tokens.push([KINDS[kind], match[kind + 1]]);
  }
  return tokens;
}
