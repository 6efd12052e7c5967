// The server's absence: it is noticed, said in one line, waited for, and what was asked for meanwhile is asked again.

import { make, says } from "./dom.js";

const HEALTH = new URL("../../../../health", import.meta.url).href; // this file is /live/assets/<hash>/js/away.js
const LONG = 8000; // milliseconds without an answer, after which it is asked whether the server is there at all
const PATIENCE = 4000; // for an answer to that
const PAUSES = [500, 1000, 2000, 4000]; // between two attempts; all pages of a class together must not knock at the same moment
const ATTEMPTS = 3; // of a request that does not come through while the server is there

let waiting = null; // the promise of the server's return
let line = null;
const told = new Set();

/** @param {() => void} listener called each time the server is back after an absence */
export const onReturn = (listener) => { told.add(listener); return () => told.delete(listener); };

const rest = (ms) => new Promise((done) => setTimeout(done, ms));

async function answers() {
  try {
    return (await fetch(HEALTH, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) })).ok;
  } catch {
    return false;
  }
}

/** Resolves as soon as the server answers; at once if it does. While it does not, a line on the page says so. @returns {Promise<boolean>} whether it was away */
export function back() {
  waiting ??= (async () => {
    if (await answers()) return false;
    line = make("div", { class: "lp-say problem", "data-testid": "away" }, navigator.onLine
      ? "The server is restarting or cannot be reached. Nothing is lost; this page goes on by itself when it is back."
      : "This device has no network. Nothing is lost; this page goes on by itself when it is back.");
    says().append(line);
    for (let k = 0; !(await answers()); k++) await rest(PAUSES[Math.min(k, PAUSES.length - 1)] * (0.75 + 0.5 * Math.random()));
    line.remove();
    told.forEach((listener) => listener());
    return true;
  })().finally(() => { waiting = null; });
  return waiting;
}

window.addEventListener("offline", back);

/** Somebody who waits for `signal` no longer waits for us. */
function unless(signal, promise) {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const leave = () => reject(signal.reason);
    if (signal.aborted) return leave();
    signal.addEventListener("abort", leave, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
  });
}

/** One attempt; undefined where it has to be made again, because the server was away or is about to be. */
async function attempt(address, options = {}) {
  const own = new AbortController(), cut = () => own.abort(options.signal.reason);
  if (options.signal?.aborted) throw options.signal.reason;
  options.signal?.addEventListener("abort", cut, { once: true });
  const doubt = setTimeout(back, LONG), forget = onReturn(() => own.abort()); // it was asked for before the server went away
  try {
    const answer = await fetch(address, { ...options, signal: own.signal });
    return answer.status === 503 && answer.headers.has("retry-after") ? undefined : answer;
  } catch (error) {
    if (options.signal?.aborted) throw error; // it is we who hung up
    if (options.once) {
      back();
      throw new Error("The connection broke before an answer came. Look whether it has happened, before you press again.");
    }
    return undefined;
  } finally {
    clearTimeout(doubt);
    forget();
    options.signal?.removeEventListener("abort", cut);
  }
}

/**
 * The answer to a request, if need be after the server's return. An Error with the server's sentence where it refuses.
 * @param {string} address @param {RequestInit & {once?: boolean}} [options] with a body that can be sent again; once: it is not, for the server may have heard it @returns {Promise<Response>}
 */
export async function fetched(address, options) {
  if (options?.once && waiting) await unless(options.signal, waiting);
  for (let failed = 0; failed < ATTEMPTS;) {
    const answer = await attempt(address, options);
    if (answer?.ok) return answer;
    if (answer) {
      const ours = answer.headers.get("content-type")?.startsWith("text/plain");
      throw new Error((ours && await answer.text()) || `The server could not answer (status ${answer.status}).`);
    }
    if (!await unless(options?.signal, back())) await unless(options?.signal, rest(PAUSES[failed++]));
  }
  throw new Error("The server is there, but this request does not come through. Reload the page; something between it and this page may block it.");
}
