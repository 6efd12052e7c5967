// A map of a latent space, flat or round: a centre and two axes of length one. Positions are (x, y) in sigmas.

/**
 * A round one is half of the sphere of radius sqrt(D), on which nearly all of N(0, I) lies where D is large (White 2016, "Sampling
 * generative networks"): z(x, y) = x u + y v + sqrt(D - x^2 - y^2) w, with w the rest of the present point. Its centre is zero.
 * @typedef {{u: Float32Array, v: Float32Array, centre: Float32Array, reach: number, across: string, up: string, round?: boolean}} Plane
 */
const ROUND_REACH = 0.7, EDGE = 0.98; // shares of the radius, and of its square: the corners stay on the sphere
export const dot = (a, b) => { let sum = 0; for (let i = 0; i < a.length; i++) sum += a[i] * b[i]; return sum; };
const minus = (a, b) => a.map((value, i) => value - b[i]);
const unit = (size, index) => { const axis = new Float32Array(size); if (index < size) axis[index] = 1; return axis; };
const scaled = (a, by) => a.map((value) => value * by);

/** Two dimensions of the latent itself; a latent of one number has no second. @returns {Plane} */
export function planeOfDims(size, i, j, reach = 3.2) {
  return { u: unit(size, i), v: unit(size, j), centre: new Float32Array(size), reach, across: `z${i}`, up: `z${j}` };
}

/** The two axes along which the codes of an atlas spread most. @param {import("./catalogue.js").Atlas} atlas @returns {Plane} */
export function planeOfAtlas(atlas, size) {
  const names = size === 2 ? ["z0", "z1"] : ["first axis", "second axis"];
  return { u: atlas.axes.slice(0, size), v: atlas.axes.slice(size, 2 * size), centre: atlas.centre, reach: atlas.reach, across: names[0], up: names[1] };
}

/** Through three points; null where they lie on one line. @returns {Plane|null} */
export function planeOfPoints(a, b, c) {
  const first = minus(b, a), length = Math.sqrt(dot(first, first));
  if (length < 1e-4) return null;
  const u = scaled(first, 1 / length), towards = minus(c, a), off = minus(towards, scaled(u, dot(towards, u))), height = Math.sqrt(dot(off, off));
  if (height < 1e-4) return null;
  const v = scaled(off, 1 / height), centre = a.map((value, i) => (value + b[i] + c[i]) / 3);
  const plane = { u, v, centre, reach: 1, across: "A to B", up: "towards C" };
  plane.reach = 1.5 * Math.max(...[a, b, c].flatMap((z) => coordinates(plane, z).map(Math.abs)), 1);
  return plane;
}

/** Two axes as a round map. @param {[Float32Array, Float32Array]} axes of length one, at right angles @returns {Plane} */
export function roundPlane([u, v], reach = ROUND_REACH) {
  return { u, v, centre: new Float32Array(u.length), reach: reach * Math.sqrt(u.length), across: "first axis", up: "second axis", round: true };
}

/** Half of a sphere through three points, its middle between them; null where they span none. @returns {Plane|null} */
export function sphereOfPoints(a, b, c) {
  const middle = a.map((value, i) => value + b[i] + c[i]), w = scaled(middle, 1 / Math.sqrt(dot(middle, middle)));
  const tangent = (z) => minus(z, scaled(w, dot(z, w))), flat = planeOfPoints(...[a, b, c].map(tangent));
  if (!flat) return null;
  const plane = roundPlane([flat.u, flat.v]), out = Math.max(...[a, b, c].flatMap((z) => coordinates(plane, z).map(Math.abs)));
  return { ...plane, reach: Math.min(0.95 * Math.sqrt(a.length), 1.1 * out) };
}

/** Two latents as axes: of length one, at right angles. @returns {[Float32Array, Float32Array]} */
export function orthonormal(a, b) {
  const u = scaled(a, 1 / Math.sqrt(dot(a, a))), rest = minus(b, scaled(u, dot(b, u)));
  return [u, scaled(rest, 1 / Math.sqrt(dot(rest, rest)))];
}

/** Where a latent lies on the plane: [x, y]. @param {Plane} plane @param {Float32Array} z */
export function coordinates(plane, z) {
  let x = 0, y = 0;
  for (let i = 0; i < z.length; i++) {
    const d = z[i] - plane.centre[i];
    x += d * plane.u[i];
    y += d * plane.v[i];
  }
  return [x, y];
}

/** What of a latent is at right angles to both axes. @returns {Float32Array} */
export function offAxes({ u, v }, z) {
  const [x, y] = [dot(z, u), dot(z, v)];
  return z.map((value, i) => value - x * u[i] - y * v[i]);
}

/** The latent at (x, y) that differs from z only within the plane. @returns {Float32Array} */
export function moved(plane, z, x, y) {
  if (plane.round) return onSphere(plane, offAxes(plane, z), x, y);
  const [fromX, fromY] = coordinates(plane, z);
  return z.map((value, i) => value + (x - fromX) * plane.u[i] + (y - fromY) * plane.v[i]);
}

/** The point of a round map at (x, y), beyond its edge the one there. @param {Float32Array} rest of the present point, off both axes */
function onSphere({ u, v }, rest, x, y) {
  const square = u.length, back = Math.max(1, Math.sqrt((x * x + y * y) / (EDGE * square)));
  const high = Math.sqrt(square - (x * x + y * y) / (back * back)) / Math.sqrt(Math.max(dot(rest, rest), 1e-12));
  return rest.map((value, i) => (x * u[i] + y * v[i]) / back + high * value);
}

/** Coordinates of all codes of an atlas. @returns {Float32Array} [N, 2] */
export function project(plane, atlas) {
  const size = plane.u.length, out = new Float32Array(2 * atlas.count);
  for (let k = 0; k < atlas.count; k++) [out[2 * k], out[2 * k + 1]] = coordinates(plane, atlas.codes.subarray(k * size, (k + 1) * size));
  return out;
}

/** The covariance on the plane [xx, xy, yy] of a latent with these standard deviations. */
export function spreadOn(plane, std) {
  let xx = 0, xy = 0, yy = 0;
  for (let i = 0; i < std.length; i++) {
    const s = std[i] * std[i];
    xx += plane.u[i] * plane.u[i] * s;
    xy += plane.u[i] * plane.v[i] * s;
    yy += plane.v[i] * plane.v[i] * s;
  }
  return [xx, xy, yy];
}

/** The k nearest codes among the first rows of an atlas to a latent: [{index, distance}], nearest first. */
export function nearest(atlas, z, k, among = atlas.count) {
  const best = [];
  for (let n = 0, at = 0; n < among; n++) {
    let sum = 0;
    for (let i = 0; i < z.length; i++, at++) { const d = atlas.codes[at] - z[i]; sum += d * d; }
    if (best.length < k || sum < best[best.length - 1].distance) {
      best.push({ index: n, distance: sum });
      best.sort((a, b) => a.distance - b.distance);
      if (best.length > k) best.pop();
    }
  }
  return best.map(({ index, distance }) => ({ index, distance: Math.sqrt(distance) }));
}

/** How often the five nearest others on the map share a code's class (leave one out): a share from 0 to 1, or null for too few codes. */
export function neighbourAccuracy(xy, labels, k = 5) {
  const n = labels.length;
  if (n <= k) return null;
  const distances = new Float64Array(k), indices = new Int32Array(k);
  let right = 0;
  for (let a = 0; a < n; a++) {
    distances.fill(Infinity);
    for (let b = 0; b < n; b++) {
      if (a === b) continue;
      const dx = xy[2 * a] - xy[2 * b], dy = xy[2 * a + 1] - xy[2 * b + 1], d = dx * dx + dy * dy;
      if (d >= distances[k - 1]) continue;
      let at = k - 1;
      while (at > 0 && distances[at - 1] > d) { distances[at] = distances[at - 1]; indices[at] = indices[at - 1]; at--; }
      distances[at] = d;
      indices[at] = b;
    }
    const votes = {};
    let winner = -1;
    for (const index of indices) {
      votes[labels[index]] = (votes[labels[index]] ?? 0) + 1;
      if (winner < 0 || votes[labels[index]] > votes[winner]) winner = labels[index];
    }
    if (winner === labels[a]) right++;
  }
  return right / n;
}
