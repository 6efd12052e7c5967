// The small curve under a row: how sure the classifier is, how far the nearest test picture is, how even the steps are.

const WIDE = 1000, HIGH = 44, BARS = 13; // the drawing's own units; bars stand on the ground
const FAR = 2; // a distance that reaches the top
const SVG = "http://www.w3.org/2000/svg";

const sureness = (chances) => (chances ? Math.max(...chances) : null);

/**
 * Measures of a row whose frames are all there.
 * @param {import("./frames.js").Frames} frames
 * @returns {{changes: Float64Array, unevenness: number, least: {value: number, t: number}|null, farthest: {value: number, t: number}|null}}
 * least is where the classifier is least sure, farthest where the nearest test picture is; changes [n - 1] are root mean square differences of neighbours, in grey levels; unevenness is their standard deviation over their mean
 */
export function measure({ n, size, pixels, chances, distances }) {
  const changes = new Float64Array(n - 1);
  for (let k = 0; k + 1 < n; k++) {
    let sum = 0;
    for (let i = k * size; i < (k + 1) * size; i++) sum += (pixels[i + size] - pixels[i]) ** 2;
    changes[k] = 255 * Math.sqrt(sum / size);
  }
  const mean = changes.reduce((a, b) => a + b, 0) / changes.length, spread = Math.sqrt(changes.reduce((sum, one) => sum + (one - mean) ** 2, 0) / changes.length);
  return { changes, unevenness: mean > 0.01 ? spread / mean : 0, least: extreme(chances.map(sureness), (a, b) => a < b), farthest: distances && extreme([...distances], (a, b) => a > b) };
}

/** The value that beats all others, and where it stands; null where nothing is known. */
function extreme(values, beats) {
  let best = null;
  values.forEach((value, k) => { if (value !== null && !Number.isNaN(value) && (!best || beats(value, best.value))) best = { value, t: k / (values.length - 1) }; });
  return best;
}

/** How high a frame's sureness stands, 0..1 from the ground, or null. */
export const heightAt = (frames, k) => sureness(frames.chances[k]);
export const CURVE_HEIGHT = HIGH;

const path = (name) => {
  const element = document.createElementNS(SVG, "path");
  element.setAttribute("class", name);
  return element;
};

/** @returns {{element: SVGElement, draw: (frames: import("./frames.js").Frames|null) => void}} */
export function createCurve() {
  const element = document.createElementNS(SVG, "svg"), parts = ["lp-steps", "lp-area", "lp-far", "lp-sureness"].map(path);
  element.setAttribute("viewBox", `0 0 ${WIDE} ${HIGH}`);
  element.setAttribute("preserveAspectRatio", "none"); // as wide as the row, and no layout to ask for
  element.setAttribute("class", "lp-curve");
  element.setAttribute("role", "img");
  element.append(...parts);
  const [steps, area, far, line] = parts;

  function draw(frames) {
    const known = frames ? points(frames, (k) => heightAt(frames, k)) : [];
    line.setAttribute("d", known.length ? `M${known.join("L")}` : "");
    area.setAttribute("d", known.length > 1 ? `M${known[0].split(" ")[0]} ${HIGH}L${known.join("L")}L${known.at(-1).split(" ")[0]} ${HIGH}Z` : "");
    const away = frames?.distances ? points(frames, (k) => (Number.isNaN(frames.distances[k]) ? null : Math.min(1, frames.distances[k] / FAR))) : [];
    far.setAttribute("d", away.length ? `M${away.join("L")}` : "");
    steps.setAttribute("d", frames && frames.count === frames.n ? bars(measure(frames).changes) : "");
  }
  return { element, draw };
}

/** The known heights of the frames as "x y". */
function points(frames, height) {
  const out = [];
  for (let k = 0; k < frames.n; k++) {
    const value = frames.done[k] ? height(k) : null;
    if (value !== null) out.push(`${(k / (frames.n - 1) * WIDE).toFixed(1)} ${((1 - value) * (HIGH - 3) + 1.5).toFixed(1)}`);
  }
  return out;
}

/** One bar per step, three times the mean at most, so that even steps are a level row. */
function bars(changes) {
  const mean = changes.reduce((a, b) => a + b, 0) / changes.length || 1, wide = WIDE / changes.length;
  return [...changes].map((change, k) => `M${(k * wide + 0.15 * wide).toFixed(1)} ${HIGH}v${(-BARS * Math.min(3, change / mean) / 3).toFixed(1)}h${(0.7 * wide).toFixed(1)}V${HIGH}Z`).join("");
}
