// The history of one run as the page knows it: its events as curves, its frames fetched once and kept, and the newest of both while it runs.

import { lastUpTo } from "./trainscales.js";

const EVERY = 500; // milliseconds between two looks at a run that goes on
const AT_ONCE = 3, MOST_BYTES = 128e6; // requests for frames at the same time; what is fetched before somebody asks for it
export const NO_LOSS = new Set(["step", "seconds", "rate_factor", "note", "went_back"]); // keys of an event that are not a loss
const GOES_ON = new Set(["waiting", "running"]);
const TRIES = 3, PAUSE = 4000; // of a frame that does not come, and milliseconds between two

/** The lines that still hold: without those of steps that were done again, and without the marks that say so (genmodels/train/events.py). @param {Object[]} events */
export function standing(events) {
  const kept = [], isReport = (one) => !("rate_factor" in one);
  for (const event of events) {
    for (let last = kept.at(-1); last && (last.step > event.step || (last.step === event.step && isReport(last) && isReport(event) && !event.went_back)); last = kept.at(-1)) kept.pop();
    if (!event.went_back) kept.push(event);
  }
  return kept;
}

/**
 * @typedef {{samples?: Uint8Array, reconstructions?: Uint8Array, codes?: Float32Array, labels?: Uint8Array, classes?: Float32Array, readouts: Map<string, Float32Array>, shapes: Object<string, number[]>}} Frame
 *   samples and reconstructions [16, H, W, C], codes [500, D], classes: share of each class among samples
 * @typedef {{steps: number[], values: number[], seconds: number[]}} Curve values are NaN where one was not a number
 * @typedef {{step: number, words: string}} Mark
 */
export class History {
  /** @param {{news: Function, frame: Function, fixed: Function}} road @param {Object} row of the runs' list @param {(what: "news"|"frame") => void} onChange @param {() => boolean} isSeen whether anybody looks */
  constructor(road, row, onChange, isSeen) {
    Object.assign(this, { road, row, onChange, isSeen });
    this.count = 0; // events heard
    /** @type {Map<string, Curve>} */
    this.losses = new Map();
    /** @type {Mark[]} */
    this.marks = [];
    /** @type {number[]} */
    this.steps = []; // of the frames, rising
    /** @type {Map<number, Frame>} */
    this.kept = new Map();
    this.fixed = null;
    this.asked = new Map(); // frames on their way or not to be had: how often they were asked for
    this.busy = this.bytes = this.turn = 0;
    this.whole = false; // whether all that has happened so far is here
    this.ended = false;
    this.wanted = [];
    this.hear();
  }

  get goesOn() { return GOES_ON.has(this.row.state); }
  get latest() { return Math.max(this.row.step ?? 0, this.steps.at(-1) ?? 0, this.last ?? 0); }

  /** Nothing is asked for any more. */
  end() {
    this.ended = true;
    clearTimeout(this.timer);
  }

  /** Somebody knows more of the run. */
  become(row) {
    const other = this.row.state !== row.state || (row.step > this.latest && !this.goesOn);
    this.row = row;
    if (other && !this.hearing) this.soon(0); // its own questions bring the rest
  }

  soon(ms) {
    clearTimeout(this.timer);
    if (!this.ended) this.timer = setTimeout(() => this.hear(), ms);
  }

  /** What has happened since the last time. One question at a time; while the page is out of sight none. */
  async hear() {
    if (this.hearing || this.ended) return;
    if (this.whole && !this.isSeen()) return this.soon(EVERY);
    this.hearing = true;
    try {
      const news = await this.road.news(this.row.name, this.count, this.steps.at(-1) ?? -1);
      if (this.ended) return;
      this.take(news);
    } catch (error) {
      this.problem = error.message;
    } finally {
      this.hearing = false;
    }
    if (this.goesOn || this.problem) this.soon(this.problem ? PAUSE : EVERY);
    this.problem = "";
    this.fetch();
  }

  take({ row, events = [], frames = [], went_back: back = null }) {
    if (back !== null && back !== undefined) this.forget(back);
    for (const event of events) this.add(event);
    this.steps.push(...frames.filter((step) => step > (this.steps.at(-1) ?? -1)));
    this.row = row ?? this.row;
    this.whole = true;
    this.onChange("news");
  }

  /** One line of what was reported: losses, a change of the rate, or that the run went back and does again what came after. */
  add(event) {
    this.count += 1;
    const { step, seconds = 0 } = event, names = Object.keys(event).filter((key) => !NO_LOSS.has(key));
    if (event.went_back) return this.cut(step);
    if ("rate_factor" in event || event.note) this.marks.push({ step, words: event.note || `rate ×${+event.rate_factor.toPrecision(3)}` });
    if (!names.length) return undefined;
    if (step <= this.last) this.cut(step - 1);
    for (const name of names) {
      if (!this.losses.has(name)) this.losses.set(name, { steps: [], values: [], seconds: [] });
      const curve = this.losses.get(name);
      curve.steps.push(step);
      curve.values.push(event[name] ?? NaN);
      curve.seconds.push(seconds);
    }
    this.last = step;
    return undefined;
  }

  /** The run went back to a step, and does again what came after. */
  forget(step) {
    this.cut(step);
    for (const later of this.steps.filter((one) => one > step)) { this.kept.delete(later); this.asked.delete(later); }
    this.steps = this.steps.filter((one) => one <= step);
  }

  cut(step) {
    for (const curve of this.losses.values()) {
      let keep = curve.steps.length;
      while (keep && curve.steps[keep - 1] > step) keep -= 1;
      for (const list of Object.values(curve)) list.length = keep;
    }
    this.marks = this.marks.filter((mark) => mark.step <= step);
    this.last = Math.min(step, this.last ?? step);
  }

  // Frames

  /** The test pictures that all frames show: there are some as soon as there is a frame. */
  async originals() {
    if (this.fixed || this.fixing) return;
    this.fixing = true;
    try {
      this.fixed = await this.road.fixed(this.row.name);
      if (!this.ended) this.onChange("frame");
    } catch { /* the next frame asks again */ }
    this.fixing = false;
  }

  /** Where a step lies among the frames: the last one up to it, and how far it is to the next one, 0..1. @param {number} step @returns {{at: number, part: number}} at is -1 without any */
  place(step) {
    const at = Math.max(lastUpTo(this.steps, step), this.steps.length ? 0 : -1), from = this.steps[at], to = this.steps[at + 1];
    return { at, part: to > from ? Math.min(1, Math.max(0, (step - from) / (to - from))) : 0 };
  }

  /** The kept frame nearest to a place in the list, and its step; null without any. @param {number} at */
  nearest(at) {
    for (let by = 0; by < this.steps.length; by++) for (const k of [at - by, at + by]) {
      const step = this.steps[k];
      if (this.kept.has(step)) return { step, frame: this.kept.get(step), exact: by === 0 };
    }
    return null;
  }

  /** What is looked at comes first. @param {number[]} steps */
  want(steps) {
    this.wanted = steps.filter((step) => step !== undefined && !this.kept.has(step));
    this.fetch();
  }

  fetch() {
    while (this.busy < AT_ONCE && !this.ended) {
      const step = this.next();
      if (step === undefined) return;
      this.get(step);
    }
  }

  /** The frame to ask for next: a wanted one, the newest, else coarsely over all of them and ever more finely. */
  next() {
    const free = (step) => step !== undefined && !this.kept.has(step) && !this.asked.has(step);
    const wanted = [...this.wanted, this.steps.at(-1), this.steps[0]].find(free);
    if (wanted !== undefined || this.bytes > MOST_BYTES || !this.isSeen()) return wanted;
    for (let stride = 64; stride >= 1; stride /= 2) for (let k = 0; k < this.steps.length; k += stride) if (free(this.steps[k])) return this.steps[k];
    return undefined;
  }

  async get(step) {
    this.asked.set(step, 1);
    this.busy += 1;
    try {
      await this.tried(step);
    } finally {
      this.busy -= 1;
    }
    this.fetch();
  }

  async tried(step) {
    for (let k = 0; k < TRIES && !this.ended; k++) {
      try {
        const frame = await this.road.frame(this.row.name, step);
        if (this.ended || !this.steps.includes(step)) return;
        if (!frame) return void (this.steps = this.steps.filter((one) => one !== step));
        this.kept.set(step, frame);
        this.originals();
        this.bytes += [frame.samples, frame.reconstructions, frame.codes].reduce((sum, one) => sum + (one?.byteLength ?? 0), 0);
        return this.onChange("frame");
      } catch {
        if (k + 1 < TRIES) await new Promise((done) => setTimeout(done, PAUSE));
      }
    }
  }

  /** All frames of these steps, fetched where they are not here yet. @param {number[]} steps @returns {Promise<{step: number, frame: Frame}[]>} */
  async all(steps) {
    const out = [];
    for (const step of steps) {
      if (!this.kept.has(step)) await this.tried(step);
      if (this.kept.has(step)) out.push({ step, frame: this.kept.get(step) });
    }
    return out;
  }

  /** A readout of one number over time, from the frames that are here. @param {string} name @returns {Curve} */
  curve(name) {
    const steps = this.steps.filter((step) => this.kept.get(step)?.readouts.has(name));
    return { steps, values: steps.map((step) => this.kept.get(step).readouts.get(name)[0]), seconds: [] };
  }
}
