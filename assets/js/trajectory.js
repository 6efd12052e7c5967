// The way of some pictures from noise to picture as it was computed: every step is kept, so that one can go back and forth through it.

import { followPath } from "./path.js";

/**
 * @typedef {Object} Frame one moment of n pictures; pictures are uint8 [n, H, W, C]
 * @property {number} t @property {number} alpha @property {number} sigma @property {import("./path.js").Moment|null} next null at the end, as are the following
 * @property {number} spread @property {Uint8Array} x @property {Uint8Array} x0 @property {Uint8Array|null} noise @property {Uint8Array|null} [mean] @property {Uint8Array|null} [fresh]
 * @typedef {{sampler: string, steps: number, eta: number, guidance: number|null}} Manner how it is made; guidance is null where nothing is told
 * @typedef {"waiting"|"running"|"done"|"stopped"|"failed"} State waiting: a model so slow that a person says when it begins
 */

/**
 * @param {{model: import("./catalogue.js").Model, z: Float32Array, y: Float32Array|null, n: number, manner: Manner}} asked z [n, D], y [n, K]
 * @param {(trajectory: Trajectory) => void} onChange called with every step, and at the end
 */
export class Trajectory {
  constructor({ model, z, y, n, manner }, onChange) {
    Object.assign(this, { model, z, y, n, manner, onChange });
    /** @type {Frame[]} */
    this.frames = [];
    this.steps = manner.steps; // until the server says how many there are
    this.times = model.steps.times ?? null;
    /** @type {State} */
    this.state = "waiting";
    this.problem = "";
    this.size = model.image_shape.reduce((a, b) => a * b, 1);
    this.work = new AbortController();
  }

  /** Compute it, once. */
  async run() {
    const { model, z, y, n, manner: { sampler, steps, eta, guidance } } = this;
    this.state = "running";
    this.onChange(this);
    try {
      await followPath(model, { z, y, n, sampler, steps, eta, ...(guidance !== null && { guidance }) }, (line) => this.hear(line), this.work.signal);
    } catch (error) {
      if (this.work.signal.aborted) return;
      [this.state, this.problem] = ["failed", error.message];
      this.onChange(this);
    }
  }

  hear(line) {
    if (this.work.signal.aborted) return;
    if (line.steps) this.steps = line.steps;
    else if (line.done) {
      this.frames.push({ t: 0, alpha: 1, sigma: 0, next: null, spread: 0, x: line.x, x0: line.x, noise: null });
      this.state = "done";
    } else this.frames.push(line);
    this.onChange(this);
  }

  /** No further step is computed after the present one; what is there stays. */
  stop() {
    if (this.state !== "running") return;
    this.work.abort();
    this.state = "stopped";
    this.onChange(this);
  }

  /** The frame at a place from 0, the noise, to 1, the picture: the nearest one that is there; -1 while there is none. @param {number} place */
  at(place) { return Math.min(this.frames.length - 1, Math.round(place * this.steps)); }

  /** The frame whose moment is nearest to t; -1 while there is none. */
  near(t) {
    let best = -1;
    this.frames.forEach((frame, k) => { if (best < 0 || Math.abs(frame.t - t) < Math.abs(this.frames[best].t - t)) best = k; });
    return best;
  }

  /** One picture of a frame; noise that is not there, at the end, is none: grey. @param {number} k @param {"x"|"x0"|"noise"|"mean"|"fresh"} what @param {number} [row] */
  picture(k, what, row = 0) {
    const all = this.frames[k][what];
    return all ? all.subarray(row * this.size, (row + 1) * this.size) : new Uint8Array(this.size).fill(128);
  }
}
