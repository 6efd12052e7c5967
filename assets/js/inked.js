// Drawn things as the data sets make them: light on black, scaled into a box without changing their shape, and centred (MNIST, Fashion-MNIST).

const EMPTY = 0.25; // of the brightest: less is no ink
const BLOCKS = 8; // across, in each of which the paper's own brightness is looked for
const SPECK = 0.03; // of the largest stroke's area: less is dirt
const PALE = 0.12; // contrast below which nothing is told from paper

/**
 * Light on black. What lies on light ground is inverted, uneven paper and its shadows are taken away, and of strokes the dirt between them too.
 * @param {Uint8Array} grey [side, side] @param {number} side @param {boolean} strokes whether there is nothing between ink and paper @param {boolean|null} inverted null: as the border says
 * @returns {{ink: Float32Array, inverted: boolean, pale: boolean}} ink 0..1
 */
export function onBlack(grey, side, strokes, inverted = null) {
  const border = [];
  for (let k = 0; k < side; k++) border.push(grey[k], grey[side * (side - 1) + k], grey[side * k], grey[side * k + side - 1]);
  const ground = border.sort((a, b) => a - b)[border.length >> 1], turned = inverted ?? ground > 127, seen = (value) => (turned ? 255 - value : value) / 255;
  const values = Float32Array.from(grey, seen), paper = strokes ? paperOf(values, side) : new Float32Array(values.length).fill(seen(ground));
  const above = values.map((value, k) => Math.max(0, value - paper[k])), top = Float32Array.from(above).sort()[Math.floor(0.999 * (above.length - 1))];
  const pale = top < PALE, [least, full] = strokes ? [0.3 * top, 0.7 * top] : [0.04, 1];
  if (pale) return { ink: new Float32Array(side * side), inverted: turned, pale };
  const ink = above.map((value) => (strokes ? Math.min(1, Math.max(0, (value - least) / (full - least))) : value < least ? 0 : Math.min(1, value / Math.max(top, 0.5))));
  return { ink: strokes ? withoutSpecks(ink, side) : ink, inverted: turned, pale };
}

/** How bright the empty paper is everywhere: the darker end of each block, or of the darkest neighbour where strokes fill one, and between blocks what lies between. */
function paperOf(values, side) {
  const size = side / BLOCKS, dark = Array.from({ length: BLOCKS ** 2 }, (_, k) => {
    const here = [], [top, left] = [Math.floor(Math.floor(k / BLOCKS) * size), Math.floor((k % BLOCKS) * size)];
    for (let i = top; i < Math.min(side, top + Math.ceil(size)); i++) for (let j = left; j < Math.min(side, left + Math.ceil(size)); j++) here.push(values[i * side + j]);
    return here.sort((a, b) => a - b)[Math.floor(here.length / 5)];
  });
  const at = (i, j) => dark[Math.min(BLOCKS - 1, Math.max(0, i)) * BLOCKS + Math.min(BLOCKS - 1, Math.max(0, j))];
  const least = dark.map((_, k) => { let found = 1; for (let a = -1; a < 2; a++) for (let b = -1; b < 2; b++) found = Math.min(found, at(Math.floor(k / BLOCKS) + a, (k % BLOCKS) + b)); return found; });
  return Float32Array.from({ length: side * side }, (_, k) => {
    const [y, x] = [Math.floor(k / side), k % side].map((value) => Math.min(BLOCKS - 1, Math.max(0, (value + 0.5) / size - 0.5))), [i, j] = [Math.floor(y), Math.floor(x)], [v, u] = [y - i, x - j];
    const [below, right] = [Math.min(BLOCKS - 1, i + 1), Math.min(BLOCKS - 1, j + 1)];
    return (least[i * BLOCKS + j] * (1 - u) + least[i * BLOCKS + right] * u) * (1 - v) + (least[below * BLOCKS + j] * (1 - u) + least[below * BLOCKS + right] * u) * v;
  });
}

/** Pieces of ink that hang together, but for those that are tiny beside the largest. */
function withoutSpecks(ink, side) {
  const piece = new Int32Array(ink.length), areas = [0], stack = [];
  for (let start = 0; start < ink.length; start++) {
    if (piece[start] || ink[start] < EMPTY) continue;
    let area = 0;
    piece[start] = areas.length;
    stack.push(start);
    while (stack.length) {
      const k = stack.pop(), column = k % side;
      area++;
      for (const next of [k - side, k + side, column ? k - 1 : -1, column < side - 1 ? k + 1 : -1]) {
        if (next >= 0 && next < ink.length && !piece[next] && ink[next] >= EMPTY) { piece[next] = areas.length; stack.push(next); }
      }
    }
    areas.push(area);
  }
  const most = Math.max(...areas);
  return ink.map((value, k) => (piece[k] && areas[piece[k]] < SPECK * most ? 0 : value));
}

/**
 * Ink in the form of a data set: the smallest box around it is scaled so that its longer side is `box`, and put into the middle by its centre of mass, or by the box.
 * @param {Float32Array} ink [side, side] in 0..1 @param {number} side @param {{box: number, centre: "mass"|"box"}} form @param {number} n
 * @returns {Uint8Array|null} [n, n, 1]; null where there is no ink
 */
export function formed(ink, side, { box, centre }, n) {
  const around = boundsOf(ink, side);
  if (!around) return null;
  const scale = box / Math.max(around.width, around.height), [width, height] = [around.width, around.height].map((length) => Math.max(1, Math.round(length * scale)));
  const small = shrunk(ink, side, around, width, height), middle = centre === "mass" ? massOf(small, width, height) : [width / 2, height / 2];
  const [left, top] = [[middle[0], width], [middle[1], height]].map(([at, length]) => Math.min(n - length, Math.max(0, centre === "mass" ? Math.ceil(n / 2 - at) : Math.round(n / 2 - at)))); // in MNIST all centres of mass lie between 14 and 15
  const out = new Uint8Array(n * n);
  for (let i = 0; i < height; i++) for (let j = 0; j < width; j++) out[(top + i) * n + left + j] = Math.round(255 * small[i * width + j]);
  return out;
}

function boundsOf(ink, side) {
  let [left, top, right, bottom] = [side, side, -1, -1];
  ink.forEach((value, k) => {
    if (value < EMPTY) return;
    [left, right] = [Math.min(left, k % side), Math.max(right, k % side)];
    [top, bottom] = [Math.min(top, Math.floor(k / side)), Math.max(bottom, Math.floor(k / side))];
  });
  return right < 0 ? null : { left, top, width: right - left + 1, height: bottom - top + 1 };
}

/** A part of a picture at another size: every pixel is the mean of the area that it covers, shares of pixels included. */
function shrunk(ink, side, { left, top, width, height }, wide, high) {
  const across = sharesOf(left, width, wide), down = sharesOf(top, height, high), out = new Float32Array(wide * high);
  for (let i = 0; i < high; i++) for (let j = 0; j < wide; j++) for (const [row, a] of down[i]) for (const [column, b] of across[j]) out[i * wide + j] += a * b * ink[row * side + column];
  return out;
}

/** For each of n equal parts of a line the pixels that it covers, with their shares. @returns {[number, number][][]} */
function sharesOf(from, length, n) {
  return Array.from({ length: n }, (_, k) => {
    const [start, end] = [from + (k * length) / n, from + ((k + 1) * length) / n], shares = [];
    for (let at = Math.floor(start); at < end - 1e-9; at++) shares.push([at, (Math.min(end, at + 1) - Math.max(start, at)) / (end - start)]);
    return shares;
  });
}

function massOf(values, width, height) {
  let [x, y, all] = [0, 0, 0];
  for (let i = 0; i < height; i++) for (let j = 0; j < width; j++) {
    const value = values[i * width + j];
    x += value * (j + 0.5);
    y += value * (i + 0.5);
    all += value;
  }
  return [x / all, y / all];
}
