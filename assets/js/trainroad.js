// The server's trainings: the form, one's own runs as they go on, what happens in one, and all that can be asked of it.

import { readArrays } from "./arrays.js";
import { onReturn } from "./away.js";
import { liveUrl, reloadCatalogue } from "./catalogue.js";
import { fetched } from "./roads.js";
import { chosen, onChange } from "./store.js";

/**
 * @typedef {{name: string, title: string, group: string, state: "waiting"|"running"|"paused"|"stopped"|"finished"|"failed", why: string, step: number,
 *   steps: number, seconds: number, created: number, ahead: number, sharing: number, family: string, dataset: string, model: Object, recipe: Object,
 *   rate_factor: number, shared: boolean, mine: boolean, checkpoint: boolean, parent: string, frames: number, by_hand: boolean}} Row
 * @typedef {{row: Row, events: Object[], frames: number[], went_back: number|null}} News events from the asked number on, frames (their steps) after the asked step
 * @typedef {{samples?: Uint8Array, reconstructions?: Uint8Array, codes?: Float32Array, labels?: Uint8Array, classes?: Float32Array,
 *   readouts: Map<string, Float32Array>, shapes: Object<string, number[]>}} Frame samples and reconstructions [16, H, W, C], codes [N, D];
 *   readouts by their names; shapes by the names of the arrays, of readouts "readout/NAME"
 */
const OFTEN = 500, SELDOM = 3000; // milliseconds between two looks at the runs: on the Train page, and elsewhere or while the server does not answer
const UNDER_WAY = ["waiting", "running"], KEPT = 400; // frames that the page keeps, the oldest out first
const READOUT = "readout/";

/** @param {Row|null} row */
export const isGoingOn = (row) => !!row && UNDER_WAY.includes(row.state);

const ONCE = /(^start|\/(fork|more|hand))$/; // done twice these are two things

/** Throws a sentence, also for what the server says is a problem. @returns {Promise<Response>} */
const request = (method, path, body, signal) => fetched(liveUrl(`train/${path}`), { method, body, signal, once: ONCE.test(path) });

async function ask(method, path, values, signal) {
  const answer = await (await request(method, path, values && JSON.stringify(values), signal)).json();
  if (answer?.problem) throw new Error(answer.problem);
  return answer;
}

const at = (name, rest = "") => `runs/${encodeURIComponent(name)}${rest && `/${rest}`}`;

/** Where a file of a run lies: take.zip, decoder.onnx, snippet.py. @param {string} name @param {string} file */
export const fileUrl = (name, file) => liveUrl(`train/${at(name, file)}`);

/** Everybody who listens sees the same runs. One request tells how all of them stand, again and again only while one goes on and the page is in sight. */
export function createRoad() {
  const listeners = new Set(), frames = new Map(), fixtures = new Map(), deleted = new Set();
  /** @type {Row[]|null} */
  let rows = null;
  const fresher = new Map(); // rows that were told since the newest look began
  let may = true, waiting = 0, lost = false, form = null, told = "", turn = 0;

  const row = (name) => rows?.find((one) => one.name === name) ?? null;

  /** @param {Row[]} next */
  function became(next) {
    const kept = (list) => (list ?? []).filter((one) => one.checkpoint && !isGoingOn(one)).map((one) => `${one.name} ${one.step} ${one.title} ${one.shared}`).join();
    const models = rows !== null && kept(rows) !== kept(next);
    rows = next;
    if (models) reloadCatalogue().catch(() => {}); // a run that stopped is a model from now on; one that was deleted is none
    tell();
  }

  function tell() {
    const now = JSON.stringify([rows, may, lost]);
    if (now === told) return;
    told = now;
    for (const listener of listeners) listener(rows, lost);
  }

  /** Look at the runs again while one of them goes on and somebody sees it. */
  function follow() {
    clearTimeout(waiting);
    if (!(lost || rows?.some(isGoingOn)) || document.hidden) return;
    waiting = setTimeout(() => refresh().catch(() => {}), lost || chosen().tab !== "train" ? SELDOM : OFTEN);
  }

  /** All of it again. Throws a sentence if the server does not answer. */
  async function refresh() {
    clearTimeout(waiting);
    const mine = ++turn;
    fresher.clear();
    try {
      const answer = await ask("GET", "runs");
      if (mine !== turn) return; // a later answer is on its way, or has come
      [may, lost] = [answer.may, false];
      const here = answer.runs.filter(({ name }) => !deleted.has(name)).map((one) => fresher.get(one.name) ?? one);
      became([...here, ...[...fresher.values()].filter((one) => !here.some(({ name }) => name === one.name))]);
    } catch (error) {
      lost = true;
      tell();
      throw error;
    } finally {
      if (mine === turn) follow();
    }
  }

  /** What one answer says of a run. @param {Row} next */
  function replace(next) {
    if (!next?.name || !rows || deleted.has(next.name)) return;
    fresher.set(next.name, next); // a look that is under way may be older
    became(row(next.name) ? rows.map((one) => (one.name === next.name ? next : one)) : [...rows, next]);
    follow();
  }

  /** Ask something of a run. @param {string} name @param {"pause"|"stop"|"resume"|"rename"|"rate"|"share"|"more"} what @returns {Promise<Row>} */
  async function act(name, what, values = {}) {
    const answer = await ask("POST", at(name, what), values);
    replace(answer);
    return answer;
  }

  /** @returns {Promise<News>} */
  async function news(name, events, after) {
    if (deleted.has(name)) throw new Error("This training was deleted.");
    const answer = await ask("GET", `${at(name, "news")}?events=${events}&frames=${after}`);
    if (answer.went_back !== null && answer.went_back !== undefined) for (const [key, one] of frames) if (one.name === name && one.step > answer.went_back) frames.delete(key);
    if (rows && row(name)) replace(answer.row);
    return answer;
  }

  /** @returns {Promise<Frame|null>} kept, so that a slider moves through them at once; null where it is gone: of a long training every second one goes */
  function frame(name, step) {
    const key = `${name} ${step}`;
    if (deleted.has(name)) return Promise.reject(new Error("This training was deleted."));
    if (!frames.has(key)) {
      if (frames.size >= KEPT) frames.delete(frames.keys().next().value);
      const coming = request("GET", at(name, `frames/${step}.bin`)).then(async (answer) => (answer.status === 204 ? null : readFrame(await answer.arrayBuffer())));
      frames.set(key, { name, step, coming });
      coming.catch(() => frames.delete(key));
    }
    return frames.get(key).coming;
  }

  /** @returns {Promise<{pictures: Uint8Array, labels: Uint8Array, shapes: Object<string, number[]>}>} the test pictures that every frame shows, [16, H, W, C], and the labels of those whose codes it has */
  function fixed(name) {
    if (!fixtures.has(name)) {
      const coming = request("GET", at(name, "fixed.bin")).then(async (answer) => { const { values, shapes } = readArrays(await answer.arrayBuffer()); return { ...values, shapes }; });
      fixtures.set(name, coming);
      coming.catch(() => fixtures.delete(name));
    }
    return fixtures.get(name);
  }

  document.addEventListener("visibilitychange", () => { if (!document.hidden && rows?.some(isGoingOn)) refresh().catch(() => {}); });
  onChange((_, changed) => { if (changed.has("tab") && chosen().tab === "train" && rows) refresh().catch(() => {}); });
  onReturn(() => { if (rows) refresh().catch(() => {}); });

  return {
    refresh, row, act, news, frame, fixed,
    /** Families, data sets, fields, presets: asked once. */
    form: () => (form ??= ask("GET", "form.json").catch((error) => { form = null; throw error; })),
    /** Forget the form: a data set has come or gone. */
    forgetForm: () => { form = null; },
    /** How long a plan takes here, measured. @returns {Promise<{seconds: number, per_step: number, steps: number, parameters: number, sharing: number, ahead: number}>} */
    estimate: (plan, signal) => ask("POST", "estimate", { plan }, signal),
    /** @param {Object} plan as recipes/*.json has it @param {{title?: string, group?: string}} [words] @returns {Promise<string>} the new run's name */
    start: async (plan, { title = "", group = "" } = {}) => {
      const { name } = await ask("POST", "start", { plan, title: newTitle(title, rows ?? []), group });
      await refresh();
      return name;
    },
    /** Begin where a run ended. @param {string} name @param {Object} plan @param {string} title @returns {Promise<string>} the new run's name */
    fork: async (name, plan, title) => (await act(name, "fork", { title: newTitle(title, rows ?? []), plan })).name,
    /** @returns {Row[]|null} null until the server has answered once */
    runs: () => rows,
    /** @returns {true|string} whether this visitor may train, or why not */
    may: () => may,
    lost: () => lost,
    /** @param {(rows: Row[]|null, lost: boolean) => void} listener called now and after every change @returns {() => void} ends it */
    listen: (listener) => {
      listeners.add(listener);
      if (rows) listener(rows, lost);
      return () => listeners.delete(listener);
    },
    remove: async (name) => {
      deleted.add(name);
      await request("DELETE", at(name)).catch((error) => { deleted.delete(name); throw error; });
      fresher.delete(name);
      rows = rows?.filter((one) => one.name !== name) ?? null;
      tell();
      await reloadCatalogue().catch(() => {}); // nobody asks for pictures of what is gone
      follow();
    },
    /** One training step by hand. @param {{players: string[], rate?: number}} values @returns {Promise<Object>} see the road: quantities, parts, update, after, step */
    hand: (name, values) => ask("POST", at(name, "hand"), values),
    /** The lines of Python that draw samples from a run's model. @returns {Promise<string>} */
    snippet: async (name) => (await request("GET", at(name, "snippet.py"))).text(),
    /** A zip, an npz or pictures as a data set of one's own. @param {Blob} file @param {string} title @returns {Promise<{id: string, title: string, account: string[], count: number}>} */
    bring: async (file, title, signal) => {
      const answer = await (await request("POST", `data?title=${encodeURIComponent(title)}`, file, signal)).json();
      if (answer?.problem) throw new Error(answer.problem);
      form = null;
      return answer;
    },
    forget: async (id) => { await request("DELETE", `data/${encodeURIComponent(id)}`); form = null; },
  };
}

/** A title that none of these runs has: a second "VAE 2-D" is "VAE 2-D (2)", so that rows of models can be told apart. */
function newTitle(title, runs) {
  const taken = new Set(runs.map((one) => one.title));
  let number = 1, next = title;
  while (title && taken.has(next)) next = `${title.slice(0, 74)} (${number += 1})`;
  return next;
}

/** @param {ArrayBuffer} buffer @returns {Frame} */
function readFrame(buffer) {
  const { values, shapes } = readArrays(buffer), readouts = new Map();
  for (const name of Object.keys(values).filter((one) => one.startsWith(READOUT))) readouts.set(name.slice(READOUT.length), values[name]);
  return { ...Object.fromEntries(Object.entries(values).filter(([name]) => !name.startsWith(READOUT))), readouts, shapes };
}
