// The server's shelf of fetched models: what lies there, and the errand that it runs for this visitor, asked for, followed and stopped.

import { liveUrl, reloadCatalogue } from "./catalogue.js";
import { fetched } from "./roads.js";

/**
 * @typedef {{kind: "fetch"|"publish", text: string, state: "waiting"|"working"|"stopping"|"done"|"failed"|"stopped", ahead: number,
 *   done: number, total: number, unit: string, sentence: string, outcome: Object}} Errand
 * @typedef {{name: string, repo: string, revision: string, commit: string, account: string[], bytes: number, fetched: string, delete: true|string}} Fetched
 * @typedef {{fetched: Fetched[], errand: Errand|null, fetch: true|string, publish: true|string,
 *   licences: Object<string, string[]>}} State fetch, publish: true, or why not; licences: by the models that may be published
 */
const OFTEN = 300, SELDOM = 2000; // milliseconds between two looks at an errand; and while the server does not answer
const UNDER_WAY = ["waiting", "working", "stopping"];

/** @param {Errand|null} errand */
export const isUnderWay = (errand) => !!errand && UNDER_WAY.includes(errand.state);

/** Throws a sentence, also for what the server says is a problem. */
async function ask(method, path, values, signal) {
  const body = values && JSON.stringify(values), answer = await (await fetched(liveUrl(`hub/${path}`), { method, body, signal })).json();
  if (answer?.problem) throw new Error(answer.problem);
  return answer;
}

export const look = (text, signal) => ask("POST", "look", { text }, signal);
export const draft = (values) => ask("POST", "draft", values);

/** Everybody who listens sees the same state. */
export function createShelf() {
  const listeners = new Set();
  /** @type {State|null} */
  let state = null;
  let following = 0, lost = false;

  const tell = () => { for (const listener of listeners) listener(state, lost); };

  /** All of it again. Throws a sentence if the server does not answer. */
  async function refresh() {
    state = await ask("GET", "state");
    lost = false;
    tell();
    follow();
  }

  /** Look at the errand again and again while it is under way. */
  function follow() {
    clearTimeout(following);
    if (isUnderWay(state.errand)) following = setTimeout(again, lost ? SELDOM : OFTEN);
  }

  async function again() {
    try {
      const errand = await ask("GET", "errand");
      lost = false;
      await became(errand);
    } catch {
      lost = true;
      tell();
    }
    follow();
  }

  /** @param {Errand|null} errand */
  async function became(errand) {
    const ended = isUnderWay(state.errand) && !isUnderWay(errand);
    state = { ...state, errand };
    if (ended && errand?.kind === "fetch" && errand.state === "done") {
      state = await ask("GET", "state"); // first what lies on the shelf, then the models: whoever hears of the new one finds it there
      await reloadCatalogue();
    }
    tell();
    follow();
  }

  return {
    refresh, state: () => state,
    listen: (listener) => { listeners.add(listener); if (state) listener(state, lost); },
    /** @param {"fetch"|"publish"} kind */
    start: async (kind, values) => became(await ask("POST", kind, values)),
    /** Stop the errand, or forget how it ended. */
    stop: async () => became(await ask("DELETE", "errand")),
    /** @param {string} name */
    remove: async (name) => {
      await ask("DELETE", `models/${encodeURIComponent(name)}`);
      await reloadCatalogue(); // nobody asks for pictures of what is gone
      await refresh();
    },
  };
}
