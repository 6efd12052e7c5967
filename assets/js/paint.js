// Pictures to canvases: float pixels [C, H, W] in [0, 1] become RGBA.

/**
 * @typedef {{channels: number, height: number, width: number}} Shape
 * @param {number[]} imageShape [C, H, W] @returns {Shape}
 */
export const shapeOf = ([channels, height, width]) => ({ channels, height, width });

/**
 * RGBA bytes of picture number `index` in a batch.
 * @param {Float32Array} pixels [N, C, H, W] @param {Shape} shape @param {ImageData} image @param {number} [index]
 */
export function fill(image, pixels, shape, index = 0) {
  const size = shape.height * shape.width, out = image.data, from = index * size * shape.channels;
  const green = shape.channels === 3 ? size : 0, blue = 2 * green;
  for (let i = 0, o = 0; i < size; i++, o += 4) {
    out[o] = 255 * pixels[from + i];
    out[o + 1] = 255 * pixels[from + green + i];
    out[o + 2] = 255 * pixels[from + blue + i];
    out[o + 3] = 255;
  }
}

/** Grey pictures as ink of one grey level on nothing, so that the page shows through. @param {number} ink 0..255 @param {number} strength 0..1 */
export function fillInk(image, pixels, shape, index, ink, strength) {
  const size = shape.height * shape.width, out = image.data, from = index * size;
  for (let i = 0, o = 0; i < size; i++, o += 4) {
    out[o] = out[o + 1] = out[o + 2] = ink;
    out[o + 3] = 255 * strength * pixels[from + i];
  }
}

/** Draw one picture at its own size on a canvas. @param {HTMLCanvasElement} canvas */
export function paint(canvas, pixels, shape, index = 0) {
  if (canvas.width !== shape.width || canvas.height !== shape.height) {
    canvas.width = shape.width;
    canvas.height = shape.height;
  }
  const context = canvas.getContext("2d");
  const image = context.createImageData(shape.width, shape.height);
  fill(image, pixels, shape, index);
  context.putImageData(image, 0, 0);
}
