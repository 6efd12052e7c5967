// How alike two pictures are: peak signal-to-noise ratio, and structural similarity (Wang et al. 2004) as scikit-image has it.

/** @param {Uint8Array} a @param {Uint8Array} b of the same length @returns {number|null} decibels; null for the very same picture */
export function psnr(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2;
  return sum ? -10 * Math.log10(sum / a.length / 255 ** 2) : null;
}

const WINDOW = 7, FIRST = (0.01 * 255) ** 2, SECOND = (0.03 * 255) ** 2;

/** Sums of everything above and left of each place: table[(y) * (width + 1) + x] is that of the y rows and x columns before it. */
function sums(height, width, value) {
  const table = new Float64Array((height + 1) * (width + 1));
  for (let y = 0; y < height; y++) {
    for (let x = 0, row = 0; x < width; x++) {
      row += value(y * width + x);
      table[(y + 1) * (width + 1) + x + 1] = table[y * (width + 1) + x + 1] + row;
    }
  }
  return table;
}

/** Over squares of 7 pixels, the mean of the channels. @param {Uint8Array} a [H, W, C] @param {number[]} shape [C, H, W] @returns {number|null} 1 for the very same; null for pictures too small */
export function ssim(a, b, [channels, height, width]) {
  const side = Math.min(WINDOW, ...[height, width].map((length) => length - 1 + (length % 2))), n = side * side, wide = width + 1;
  if (side < 3) return null;
  let total = 0;
  for (let c = 0; c < channels; c++) {
    const [one, other] = [a, b].map((pixels) => (i) => pixels[i * channels + c]);
    const tables = [one, other, (i) => one(i) ** 2, (i) => other(i) ** 2, (i) => one(i) * other(i)].map((value) => sums(height, width, value));
    for (let y = 0; y + side <= height; y++) for (let x = 0; x + side <= width; x++) {
      const at = [y * wide + x, y * wide + x + side, (y + side) * wide + x, (y + side) * wide + x + side];
      const [p, q, pp, qq, pq] = tables.map((table) => (table[at[3]] - table[at[2]] - table[at[1]] + table[at[0]]) / n);
      const unbiased = n / (n - 1);
      total += ((2 * p * q + FIRST) * (2 * unbiased * (pq - p * q) + SECOND)) / ((p * p + q * q + FIRST) * (unbiased * (pp - p * p + qq - q * q) + SECOND));
    }
  }
  return total / (channels * (height - side + 1) * (width - side + 1));
}

/** @returns {import("./inverting.js").Quality} without the error */
export const likeness = (made, clean, shape) => ({ psnr: psnr(made, clean), ssim: ssim(made, clean, shape) });
