// The two roads from a latent to a picture: the net in this page (onnxruntime-web), or a short request to the engine.

import { back, fetched } from "./away.js";
import { classifierNamed, liveUrl, runtimeUrl } from "./catalogue.js";
import { say } from "./dom.js";

export { fetched };

/** "auto" takes the browser where it can; "browser" and "server" are a person's choice. */
let wish = "auto";
export const setRoad = (road) => { wish = road; };

let runtime = null;
/** onnxruntime-web, loaded once; after a failure the next call tries again. */
function loadRuntime() {
  runtime ??= (async () => {
    const base = runtimeUrl();
    if (!base || typeof WebAssembly !== "object") throw new Error("This browser or this server has no runtime for nets.");
    const ort = await import(base + "ort.wasm.min.mjs");
    ort.env.wasm.wasmPaths = base;
    ort.env.wasm.numThreads = 1;
    ort.env.logLevel = "error";
    return ort;
  })().catch((error) => { runtime = null; throw error; });
  return runtime;
}

const sessions = new Map();
/** The net behind an address, loaded once. @param {string} address */
function session(address) {
  if (!sessions.has(address)) {
    sessions.set(address, (async () => {
      const ort = await loadRuntime();
      const bytes = new Uint8Array(await (await fetched(liveUrl(address))).arrayBuffer());
      return { ort, net: await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] }) };
    })().catch((error) => { sessions.delete(address); throw error; }));
  }
  return sessions.get(address);
}

/** Whether nets run in the browser, if the runtime loads. */
const wantsBrowser = () => wish !== "server" && !!runtimeUrl();

const ready = new Set(); // addresses of nets that have arrived
/** Loads what the browser road needs, so that the first move is quick. Where that fails the server serves, and nothing is lost. @param {import("./catalogue.js").Model} model */
export async function prepare(model) {
  if (!wantsBrowser()) return;
  const nets = [model.browser && model.onnx, model.classifier && classifierNamed(model.classifier).onnx].filter(Boolean);
  try {
    await Promise.all(nets.map(session));
    nets.forEach((net) => ready.add(net));
  } catch {
    if (wish === "browser") say("This browser could not load what it needs to run the model itself; the server computes the pictures.");
  }
}

/** @returns {"browser"|"server"} the road a decode takes right now; the server serves until the net has arrived */
export const roadOf = (model) => (wantsBrowser() && model.browser && ready.has(model.onnx) ? "browser" : "server");

/** As the model makes pictures by itself. @type {import("./how.js").How} */
const PLAIN = { scale: 1, query: "", steps: 1 };
const scaled = (z, { scale }) => (scale === 1 ? z : z.map((value) => scale * value));

/**
 * Latents to pictures, in front of everything else.
 * @param {import("./catalogue.js").Model} model @param {Float32Array} z [n, D] @param {Float32Array|null} y [n, K] @param {number} n
 * @param {import("./how.js").How} how @param {AbortSignal} [signal] ends a request to the server, where that is where it is
 * @returns {Promise<{pixels: Float32Array, road: "browser"|"server"}>} pixels [n, C, H, W] in [0, 1]
 */
export async function decode(model, z, y, n = 1, how = PLAIN, signal = undefined) {
  const road = roadOf(model);
  if (road === "server") return { pixels: await decodeOnServer(model, z, y, n, how, signal), road };
  const { ort, net } = await session(model.onnx);
  const feeds = { z: new ort.Tensor("float32", scaled(z, how), [n, ...model.latent_shape]) };
  if (model.conditions.length) feeds.y = new ort.Tensor("float32", y ?? new Float32Array(n * model.conditions.length), [n, model.conditions.length]);
  return { pixels: (await net.run(feeds)).x.data, road };
}

const MOST = 4 << 20; // bytes of one request that the server takes

/** In as many requests as it takes: twelve latents of 256 x 256 colours are more than one may carry. */
async function decodeOnServer(model, z, y, n, how, signal) {
  const D = z.length / n, K = model.conditions.length, most = Math.max(1, Math.floor(MOST / (4 * (D + K))));
  if (n <= most) return ask(model, z, y, n, how, signal);
  const out = new Float32Array(n * model.image_shape.reduce((a, b) => a * b, 1));
  for (let k = 0; k < n; k += most) {
    const count = Math.min(most, n - k), part = await ask(model, z.subarray(k * D, (k + count) * D), y?.subarray(k * K, (k + count) * K), count, how, signal);
    out.set(part, k * out.length / n);
  }
  return out;
}

async function ask(model, z, y, n, how, signal) {
  const said = model.conditions.length ? y ?? new Float32Array(n * model.conditions.length) : new Float32Array(0);
  const body = new Float32Array(z.length + said.length);
  body.set(scaled(z, how));
  body.set(said, z.length);
  const path = `decode/${encodeURIComponent(model.name)}`, options = model.steps ? { query: how.query, signal } : { quick: true };
  return planar(new Uint8Array(await asked(path, body, n, options)), model.image_shape, n);
}

/**
 * The server's answer to n rows: a single quick one by the quick road, if it is open and free; what takes long as a request that can be ended.
 * @returns {Promise<ArrayBuffer>}
 */
async function asked(path, body, n, { quick = false, query = "", signal = undefined }) {
  const talk = quick && n === 1 && conversation(path);
  const answer = talk && await talk.ask(body);
  return answer || (await fetched(liveUrl(`${path}?n=${n}${query && `&${query}`}`), { method: "POST", body, signal })).arrayBuffer();
}

const conversations = new Map();
const SILENT = 8000; // milliseconds after which a web socket is taken for broken: a network that was lost says nothing
const REFUSED = 60000; // until one that never opened is tried again: something on the way may not let it pass
/**
 * An open web socket on which one question at a time can be asked, or null while there is none; a request then does.
 * A browser takes milliseconds to set up a request and next to none for a message. Where it breaks in the middle of a question, the answer
 * is null, and a request asks again: a server that has left is waited for, and one that is there is answered at once.
 */
function conversation(path) {
  let talk = conversations.get(path);
  if (!talk) {
    conversations.set(path, talk = { ready: false, opened: false, answer: null });
    const socket = new WebSocket(liveUrl(path).replace(/^http/, "ws"));
    socket.binaryType = "arraybuffer";
    socket.onopen = () => { talk.ready = talk.opened = true; };
    socket.onmessage = ({ data }) => {
      const { resolve, reject, late } = talk.answer;
      clearTimeout(late);
      Object.assign(talk, { answer: null, ready: true });
      if (typeof data === "string") reject(new Error(data));
      else resolve(data);
    };
    const over = async () => {
      socket.onmessage = socket.onclose = null;
      talk.ready = false;
      clearTimeout(talk.answer?.late);
      talk.answer?.resolve(null);
      await back();
      setTimeout(() => conversations.delete(path), talk.opened ? 300 + 1700 * Math.random() : REFUSED); // then it is tried again
    };
    socket.onclose = over;
    talk.ask = (body) => new Promise((resolve, reject) => {
      const late = setTimeout(() => { over(); socket.close(); }, SILENT);
      Object.assign(talk, { answer: { resolve, reject, late }, ready: false });
      socket.send(body);
    });
  }
  return talk.ready ? talk : null;
}

/** uint8 [n, H, W, C] to float32 [n, C, H, W] in [0, 1]. */
function planar(bytes, [channels, height, width], n) {
  const size = height * width, out = new Float32Array(bytes.length);
  for (let k = 0; k < n; k++) for (let i = 0; i < size; i++) for (let c = 0; c < channels; c++) {
    out[(k * channels + c) * size + i] = bytes[(k * size + i) * channels + c] / 255;
  }
  return out;
}

const kept = new WeakMap(); // pictures of atlases, by row

/** What a model makes of a code of its atlas, where the atlas keeps that: [C, H, W] in [0, 1]; else null. @param {string} point such as atlas:3 */
export function keptPicture(model, atlas, point) {
  const [, row] = /^atlas:(\d+)$/.exec(point) ?? [], size = model.image_shape.reduce((a, b) => a * b, 1);
  if (row === undefined || !atlas?.pictures || +row >= atlas.count || atlas.pictures.length !== atlas.count * size) return null;
  if (!kept.has(atlas)) kept.set(atlas, []);
  return kept.get(atlas)[+row] ??= planar(atlas.pictures.subarray(+row * size, (+row + 1) * size), model.image_shape, 1);
}

/** What the classifier sees. @param {Float32Array} pixels [1, C, H, W] @returns {Promise<Float32Array|null>} a probability per class */
export async function classify(model, pixels) {
  if (!model.classifier) return null;
  const classifier = classifierNamed(model.classifier);
  if (wantsBrowser() && ready.has(classifier.onnx)) {
    const { ort, net } = await session(classifier.onnx);
    return (await net.run({ x: new ort.Tensor("float32", pixels, [1, ...model.image_shape]) })).p.data;
  }
  const [channels, height, width] = model.image_shape, size = height * width;
  const body = Uint8Array.from({ length: size * channels }, (_, i) => 255 * pixels[(i % channels) * size + Math.floor(i / channels)] + 0.5);
  return new Float32Array(await asked(`classify/${encodeURIComponent(model.classifier)}`, body, 1, { quick: true }));
}

let tiler = null, lastId = 0, tilerBroken = false;
const waiting = new Map();

/** The worker that decodes behind the page. A browser that cannot run it lets the server do its work. */
function startTiler() {
  const worker = new Worker(new URL("./tiler.js", import.meta.url), { type: "module" });
  worker.onmessage = ({ data: { id, pixels, error } }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error) reject(new Error(error));
    else resolve(pixels);
  };
  worker.onerror = () => {
    tilerBroken = true;
    for (const { reject } of waiting.values()) reject(new Error("The worker could not run."));
    waiting.clear();
  };
  return worker;
}

/** The same as decode for many pictures, off the hand's way: in a worker, or on the server. @returns {Promise<Float32Array>} */
export async function decodeBehind(model, z, y, n, how = PLAIN, signal = undefined) {
  if (roadOf(model) === "browser" && !tilerBroken) {
    try {
      tiler ??= startTiler();
      const id = ++lastId;
      const request = { id, runtime: runtimeUrl(), onnx: liveUrl(model.onnx), z: scaled(z, how), y, n, latent: model.latent_shape, conditions: model.conditions.length };
      return await new Promise((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        tiler.postMessage(request);
      });
    } catch {
      tilerBroken = true; // the server does it from now on
    }
  }
  return decodeOnServer(model, z, y, n, how, signal);
}

/**
 * Runs one request at a time and skips to the newest: a hand never waits behind its own past.
 * @template T @param {(request: T) => Promise<void>} run @returns {(request: T) => void}
 */
export function newestWins(run) {
  let busy = false, next = null;
  return async function ask(request) {
    next = { request };
    if (busy) return;
    busy = true;
    try {
      while (next) {
        const { request: newest } = next;
        next = null;
        await run(newest);
      }
    } finally {
      busy = false;
    }
  };
}
