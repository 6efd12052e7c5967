// A square of a picture, anywhere and turned any way, as a small picture: every pixel is the mean of what it covers.

/**
 * @typedef {{data: Uint8ClampedArray, width: number, height: number}} Pixels RGBA
 * @typedef {{x: number, y: number, side: number, turn: number}} Square its middle and its side in pixels of the picture; turn clockwise, in radians
 */
const FINEST = 12; // looks across one small pixel, at most

/** Beyond the picture's edge the edge goes on. @param {Pixels} pixels @param {Square} square @param {number} n @param {1|3} channels @returns {Uint8Array} [n, n, channels] */
export function cut({ data, width, height }, { x, y, side, turn }, n, channels) {
  const looks = Math.min(FINEST, Math.max(1, Math.ceil(side / n))), step = side / n / looks, [along, below] = [step * Math.cos(turn), step * Math.sin(turn)];
  const out = new Uint8Array(n * n * channels), sum = new Float64Array(3), half = (n * looks - 1) / 2;
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) {
    sum.fill(0);
    for (let a = 0; a < looks; a++) for (let b = 0; b < looks; b++) {
      const down = i * looks + a - half, right = j * looks + b - half;
      add(sum, data, width, height, x + right * along - down * below - 0.5, y + right * below + down * along - 0.5);
    }
    const [red, green, blue] = sum.map((value) => value / looks ** 2), at = (i * n + j) * channels;
    if (channels === 3) out.set([Math.round(red), Math.round(green), Math.round(blue)], at);
    else out[at] = Math.round(0.299 * red + 0.587 * green + 0.114 * blue);
  }
  return out;
}

/** Add the colour between four pixels. */
function add(sum, data, width, height, x, y) {
  const left = Math.min(width - 1, Math.max(0, x)), top = Math.min(height - 1, Math.max(0, y));
  const i = Math.floor(top), j = Math.floor(left), v = top - i, u = left - j;
  const here = 4 * (i * width + j), right = j + 1 < width ? 4 : 0, under = i + 1 < height ? 4 * width : 0;
  for (let c = 0; c < 3; c++) {
    const k = here + c;
    sum[c] += (data[k] * (1 - u) + data[k + right] * u) * (1 - v) + (data[k + under] * (1 - u) + data[k + under + right] * u) * v;
  }
}

/**
 * The square in which the eyes come to lie where those of the data do.
 * @param {[number, number][]} eyes of the person, the one on the left of the picture first, from its corner @param {[number, number][]} wanted (column, row) of pixels, both in one row @param {number} n pixels of the small picture
 * @returns {Square}
 */
export function squareOfEyes([[leftX, leftY], [rightX, rightY]], wanted, n) {
  const [[left, row], [right]] = wanted, turn = Math.atan2(rightY - leftY, rightX - leftX), scale = Math.hypot(rightX - leftX, rightY - leftY) / (right - left);
  const [across, down] = [scale * (n / 2 - (left + right) / 2 - 0.5), scale * (n / 2 - row - 0.5)]; // 0.5: a pixel's number is where it begins
  return {
    x: (leftX + rightX) / 2 + across * Math.cos(turn) - down * Math.sin(turn), y: (leftY + rightY) / 2 + across * Math.sin(turn) + down * Math.cos(turn), side: n * scale, turn,
  };
}

/** The largest square in the middle of a picture. @returns {Square} */
export const middleSquare = ({ width, height }) => ({ x: width / 2, y: height / 2, side: Math.min(width, height), turn: 0 });

/** The pixels of a picture that has been loaded. @param {HTMLImageElement|HTMLCanvasElement} image @returns {Pixels} */
export function pixelsOf(image) {
  const [width, height] = [image.naturalWidth || image.width, image.naturalHeight || image.height];
  const canvas = Object.assign(document.createElement("canvas"), { width, height }), context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, width, height);
}
