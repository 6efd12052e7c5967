// Arrays as the server sends them: one line of JSON that lists them, then their numbers.

const KINDS = { float32: Float32Array, uint8: Uint8Array, uint32: Uint32Array, int32: Int32Array };

/**
 * A line of JSON, {"arrays": [{name, dtype, shape, offset}]}, then the arrays, little-endian; an offset counts from the start and is a multiple of 8.
 * @param {ArrayBuffer} buffer
 * @returns {{values: Object<string, Float32Array|Uint8Array|Uint32Array|Int32Array>, shapes: Object<string, number[]>}} by name
 */
export function readArrays(buffer) {
  const bytes = new Uint8Array(buffer), end = bytes.indexOf(10);
  const { arrays } = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)));
  const values = {}, shapes = {};
  for (const { name, dtype, shape, offset } of arrays) {
    values[name] = new KINDS[dtype](buffer, offset, shape.reduce((a, b) => a * b, 1));
    shapes[name] = shape;
  }
  return { values, shapes };
}
