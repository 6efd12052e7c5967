// Animated GIF: frames with one palette of 256 colours, packed by LZW (GIF89a specification).

const LARGEST_CODE = 4096, BITS = 5; // bits of each colour that choose a palette

/**
 * A palette for these frames and the way into it: all greys where every pixel is grey, else 256 colours by median cut (Heckbert 1982).
 * @param {Uint8ClampedArray[]} frames RGBA @returns {{colours: Uint8Array, indexOf: (r: number, g: number, b: number) => number}} colours [256, 3]
 */
export function paletteOf(frames) {
  const grey = frames.every((rgba) => { for (let i = 0; i < rgba.length; i += 4) if (rgba[i] !== rgba[i + 1] || rgba[i] !== rgba[i + 2]) return false; return true; });
  if (grey) return { colours: Uint8Array.from({ length: 768 }, (_, i) => Math.floor(i / 3)), indexOf: (r) => r };
  const counts = new Uint32Array(1 << (3 * BITS)), sums = new Float64Array(3 << (3 * BITS)), binOf = (r, g, b) => (r >> 3) << 10 | (g >> 3) << 5 | b >> 3;
  for (const rgba of frames) for (let i = 0; i < rgba.length; i += 4) {
    const bin = binOf(rgba[i], rgba[i + 1], rgba[i + 2]);
    counts[bin]++;
    for (let c = 0; c < 3; c++) sums[3 * bin + c] += rgba[i + c];
  }
  let boxes = [measured([...counts.keys()].filter((bin) => counts[bin]), counts)];
  while (boxes.length < 256) {
    const widest = boxes.reduce((best, box) => (box.weight > (best?.weight ?? 0) ? box : best), null);
    if (!widest) break;
    boxes = [...boxes.filter((box) => box !== widest), ...halves(widest, counts)];
  }
  const colours = new Uint8Array(768), places = new Uint8Array(counts.length);
  boxes.forEach(({ bins }, k) => {
    const many = bins.reduce((sum, bin) => sum + counts[bin], 0);
    for (let c = 0; c < 3; c++) colours[3 * k + c] = Math.round(bins.reduce((sum, bin) => sum + sums[3 * bin + c], 0) / many);
    for (const bin of bins) places[bin] = k;
  });
  return { colours, indexOf: (r, g, b) => places[binOf(r, g, b)] };
}

const partOf = (bin, channel) => bin >> (2 - channel) * BITS & 31;

/** A box of colours with its longest side; weight says how much is won by cutting it. */
function measured(bins, counts) {
  const sides = [0, 1, 2].map((channel) => { const parts = bins.map((bin) => partOf(bin, channel)); return Math.max(...parts) - Math.min(...parts); });
  const longest = Math.max(...sides);
  return { bins, channel: sides.indexOf(longest), weight: longest * Math.sqrt(bins.reduce((sum, bin) => sum + counts[bin], 0)) };
}

/** Both halves of a box, each with half of its pixels. */
function halves({ bins, channel }, counts) {
  const sorted = [...bins].sort((a, b) => partOf(a, channel) - partOf(b, channel)), half = sorted.reduce((sum, bin) => sum + counts[bin], 0) / 2;
  let sum = 0, cut = 0;
  while (cut < sorted.length - 1 && sum < half) sum += counts[sorted[cut++]];
  cut = Math.max(1, cut);
  return [measured(sorted.slice(0, cut), counts), measured(sorted.slice(cut), counts)];
}

/** Palette indices as a GIF's image data: LZW with codes of 9 to 12 bits, in blocks of at most 255 bytes. @param {Uint8Array} indices @returns {number[]} */
function packed(indices) {
  const CLEAR = 256, END = 257, next = new Int16Array(LARGEST_CODE * 256), out = [8];
  let free, bits, held = 0, count = 0, block = [], prefix = indices[0];
  const write = (code) => {
    held |= code << count;
    for (count += bits; count >= 8; count -= 8, held >>>= 8) {
      block.push(held & 255);
      if (block.length === 255) flush();
    }
  };
  const flush = () => { out.push(block.length, ...block); block = []; };
  const clear = () => { next.fill(0); free = END + 1; bits = 9; };
  clear();
  write(CLEAR);
  for (let i = 1; i < indices.length; i++) {
    const at = prefix << 8 | indices[i];
    if (next[at]) { prefix = next[at]; continue; }
    write(prefix);
    if (free === LARGEST_CODE) {
      write(CLEAR);
      clear();
    } else {
      if (free === 1 << bits) bits++;
      next[at] = free++;
    }
    prefix = indices[i];
  }
  write(prefix);
  if (free === 1 << bits && bits < 12) bits++; // the reader adds a code for this one, too
  write(END);
  if (count) block.push(held & 255);
  if (block.length) flush();
  out.push(0);
  return out;
}

/** A GIF that grows frame by frame. @param {{colours: Uint8Array, indexOf: Function}} palette @param {string} comment stands in the file */
export function createGif(width, height, { colours, indexOf }, comment) {
  const word = (value) => [value & 255, value >> 8 & 255], text = (letters) => [...new TextEncoder().encode(letters)];
  const said = text(comment), lines = [];
  for (let i = 0; i < said.length; i += 255) lines.push(Math.min(255, said.length - i), ...said.slice(i, i + 255));
  const parts = [Uint8Array.from([...text("GIF89a"), ...word(width), ...word(height), 0xf7, 0, 0, ...colours,
    0x21, 0xff, 11, ...text("NETSCAPE2.0"), 3, 1, 0, 0, 0, 0x21, 0xfe, ...lines, 0])]; // again for ever
  return {
    /** @param {Uint8ClampedArray} rgba @param {number} ms how long it is shown, in steps of 10 */
    add(rgba, ms) {
      const indices = new Uint8Array(width * height);
      for (let i = 0; i < indices.length; i++) indices[i] = indexOf(rgba[4 * i], rgba[4 * i + 1], rgba[4 * i + 2]);
      parts.push(Uint8Array.from([0x21, 0xf9, 4, 4, ...word(Math.round(ms / 10)), 0, 0, 0x2c, 0, 0, 0, 0, ...word(width), ...word(height), 0, ...packed(indices)]));
    },
    blob: () => new Blob([...parts, Uint8Array.of(0x3b)], { type: "image/gif" }),
  };
}
