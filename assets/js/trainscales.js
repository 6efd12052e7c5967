// Numbers on an axis: even or logarithmic, with ends and ticks that people write; and curves made smooth.

const NEAR = 0.02, FAR = 0.98; // shares of the values between which an even axis reaches; what lies beyond is cut

/** @typedef {{share: (value: number) => number, ticks: number[], log: boolean}} Scale share: 0 at the lower end, 1 at the upper one */

/** A number as short as it can be said. @param {number} value */
export function short(value) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 1e6) return `${+(value / 1e6).toPrecision(3)}M`;
  if (size >= 1e4) return Math.round(value).toLocaleString("en");
  if (size && size < 1e-3) return value.toExponential(1).replace("e-", "e−").replace(/^-/, "−");
  return String(+value.toPrecision(3)).replace("-", "−");
}

/** Steps as people write them. @param {number} step */
export const stepText = (step) => Math.round(step).toLocaleString("en");

/** A scale on which values below or at zero have a place, too, if there are any: an even one then. @param {number[]} values @param {boolean} log wished @param {[number, number]|null} [range] the ends, where they are known @returns {Scale} */
export function scaleOf(values, log, range = null) {
  const known = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (range) return even(...range);
  if (!known.length) return even(0, 1);
  return log && known[0] > 0 ? logarithmic(known[0], known.at(-1)) : even(...reach(known));
}

/** Where most of the values lie, with a little air. @param {number[]} known rising */
function reach(known) {
  const at = (share) => known[Math.round(share * (known.length - 1))], [low, high] = known.length > 20 ? [at(NEAR), at(FAR)] : [known[0], known.at(-1)];
  const air = (high - low) * 0.08 || Math.abs(high) * 0.1 || 0.5;
  return [low >= 0 && low < 0.4 * high ? 0 : low >= 0 ? Math.max(0, low - air) : low - air, high + air];
}

function even(low, high) {
  const rough = (high - low) / 4, power = 10 ** Math.floor(Math.log10(rough)), step = [1, 2, 2.5, 5, 10].find((k) => k * power >= rough * 0.999) * power;
  const [from, to] = [step * Math.floor(low / step + 1e-6), step * Math.ceil(high / step - 1e-6)], ticks = [];
  for (let k = 0; from + k * step <= to + step / 1e6; k++) ticks.push(+(from + k * step).toPrecision(8));
  return { share: (value) => (value - from) / (to - from), ticks, log: false };
}

function logarithmic(low, high) {
  const all = [];
  for (let power = Math.floor(Math.log10(low)) - 1; power <= Math.ceil(Math.log10(high)) + 1; power++) for (const k of [1, 2, 5]) all.push(+(k * 10 ** power).toPrecision(3));
  const from = all.findLast((value) => value <= low * 1.0001), to = all.find((value) => value >= high * 0.9999 && value > from), span = Math.log(to / from);
  const inside = all.filter((value) => value >= from && value <= to), powers = inside.filter((value) => Math.abs(Math.log10(value) % 1) < 1e-6);
  return { share: (value) => Math.log(value / from) / span, ticks: inside.length <= 6 ? inside : powers.length >= 2 ? powers : [from, to], log: true };
}

/** Ticks of an axis of steps from 0 to its end: whole numbers, at most so many. @param {number} end @param {number} most */
export function stepTicks(end, most) {
  const rough = Math.max(1, end / most), power = 10 ** Math.floor(Math.log10(rough)), by = [1, 2, 5, 10].find((k) => k * power >= rough) * power;
  return Array.from({ length: Math.floor(end / by) + 1 }, (_, k) => k * by);
}

/** A curve made smooth: every value is the mean of those before it, weighed less the older they are (without a bias at the beginning). @param {number[]} values NaN is left out @param {number} weight 0 leaves it as it is; towards 1 it is flatter */
export function smoothed(values, weight) {
  if (!weight) return values;
  const out = new Array(values.length);
  let sum = 0, count = 0;
  for (let k = 0; k < values.length; k++) {
    if (Number.isFinite(values[k])) {
      sum = weight * sum + (1 - weight) * values[k];
      count = weight * count + (1 - weight);
    }
    out[k] = count ? sum / count : NaN;
  }
  return out;
}

/** The last entry of a rising list that is not beyond a value; -1 where all are. @param {number[]} rising @param {number} value */
export function lastUpTo(rising, value) {
  let low = 0, high = rising.length;
  while (low < high) { const middle = (low + high) >> 1; if (rising[middle] <= value) low = middle + 1; else high = middle; }
  return low - 1;
}

/** Of a long curve as many points as can be told apart: of each stretch the lowest and the highest. @param {number[]} steps @param {number[]} values @param {number} most */
export function thinned(steps, values, most) {
  if (steps.length <= 2 * most) return { steps, values };
  const out = { steps: [], values: [] }, by = Math.ceil(steps.length / most);
  for (let from = 0; from < steps.length; from += by) {
    let low = from, high = from;
    for (let k = from; k < Math.min(steps.length, from + by); k++) { if (values[k] < values[low]) low = k; if (values[k] > values[high]) high = k; }
    for (const k of [Math.min(low, high), Math.max(low, high)]) { out.steps.push(steps[k]); out.values.push(values[k]); }
  }
  return out;
}

/** Heights that keep so much distance from each other, as near as may be to the wished ones. @param {number[]} wished @param {number} apart @param {number} most */
export function spread(wished, apart, most) {
  const order = wished.map((_, k) => k).sort((a, b) => wished[a] - wished[b]), out = [...wished];
  order.forEach((k, n) => { if (n) out[k] = Math.max(out[k], out[order[n - 1]] + apart); });
  let edge = most;
  for (const k of order.toReversed()) { out[k] = Math.min(out[k], edge); edge = out[k] - apart; }
  return out;
}
