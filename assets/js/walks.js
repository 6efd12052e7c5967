// Ways to walk from one latent to another, and through several: the twin of genmodels/latent/walks.py.

const STRAIGHT_BELOW = 1e-4; // sine of the angle under which an arc has no direction of its own

/** The latent at a share t of the straight line from a to b. */
const line = (a, b) => (t) => a.map((value, i) => value + t * (b[i] - value));

/** The latent at a share t of the great arc from a to b (Shoemake 1985); of the straight line where there is no one arc. */
function circle(a, b) {
  let aa = 0, bb = 0, ab = 0;
  for (let i = 0; i < a.length; i++) { aa += a[i] * a[i]; bb += b[i] * b[i]; ab += a[i] * b[i]; }
  const lengths = Math.sqrt(aa * bb), angle = lengths > 0 ? Math.acos(Math.min(1, Math.max(-1, ab / lengths))) : 0, sine = Math.sin(angle);
  if (sine < STRAIGHT_BELOW) return line(a, b);
  return (t) => {
    const from = Math.sin((1 - t) * angle) / sine, to = Math.sin(t * angle) / sine;
    return a.map((value, i) => from * value + to * b[i]);
  };
}

/** Ways from a to b: each gives a function from a share in [0, 1] to a latent. */
export const WAYS = { line, circle };

/**
 * A walk of that kind through all stops, n latents from each to the next, each stop on it once.
 * @param {Float32Array[]} stops two or more @param {number} n two or more @param {"line"|"circle"} kind
 * @returns {Float32Array[]} (stops.length - 1) * (n - 1) + 1 latents
 */
export function through(stops, n, kind) {
  if (stops.length < 2 || n < 2) throw new RangeError(`A walk needs at least two stops and two latents from each to the next, not ${stops.length} and ${n}.`);
  const walk = [stops[0]];
  for (let leg = 1; leg < stops.length; leg++) {
    const way = WAYS[kind](stops[leg - 1], stops[leg]);
    for (let k = 1; k < n; k++) walk.push(way(k / (n - 1)));
  }
  return walk;
}

/** The patch between four corners a b / c d at (u, v) in [0, 1]: across first, then down. @param {Float32Array[]} corners @param {"line"|"circle"} kind */
export function patch([a, b, c, d], kind) {
  const top = WAYS[kind](a, b), bottom = WAYS[kind](c, d);
  return (u, v) => WAYS[kind](top(u), bottom(u))(v);
}
