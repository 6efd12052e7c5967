// Following: one web socket, over which the teacher's view comes to the pages of a class, and a teacher's page leads.

import { liveUrl, modelNamed, nameTrained, reloadCatalogue, usable } from "./catalogue.js";
import { say } from "./dom.js";
import { adopt, chosen, isLocal, onChange, viewWith } from "./store.js";

const PAUSE = 100, LONGEST_WAIT = 8000; // milliseconds: between two views, and between two tries to connect
const LEADS = "latent-playground-leads", TEACHER = "latent-playground-teacher", ALONE = "latent-playground-alone", AFTER = "latent-playground-after"; // kept as long as the tab
const UNSEEN = new Set(["road", "big", "hide", "lock", "embed"]); // of a choice what does not make a view of one's own

/**
 * @typedef {Object} Class what this page knows of its class
 * @property {boolean} open whether it is connected @property {boolean} teacher whether this page may lead @property {boolean} leads
 * @property {string|null} view what the page that leads shows, as a query @property {boolean} alone whether the person has left it
 * @property {string} lacks the model that the teacher shows and this page has not @property {string[]} addresses where others open the page @property {number} pages of students @property {number} following of them
 */

const memory = new Map(); // where there is no storage: then a reload forgets
/** What this tab keeps under a name, "" for nothing; with a value it keeps that from now on. @param {string} name @param {string} [value] */
function kept(name, value) {
  try {
    if (value !== undefined) sessionStorage.setItem(name, value);
    return sessionStorage.getItem(name) ?? "";
  } catch {
    if (value !== undefined) memory.set(name, value);
    return memory.get(name) ?? "";
  }
}
/** What lets the page of a teacher on another machine lead; "" on any other. */
export const teacherKey = () => kept(TEACHER);
const randomKey = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** @param {(now: Class) => void} onNews called after everything that changes what the page knows */
export function joinFollowing(onNews) {
  /** @type {Class} */
  const now = { open: false, teacher: false, leads: false, view: null, alone: !!kept(ALONE), lacks: "", addresses: [], pages: 0, following: 0 };
  const asked = new URL(location.href), teacher = asked.searchParams.get("teacher");
  if (teacher !== null) { // a key that no projector should show
    kept(TEACHER, teacher);
    asked.searchParams.delete("teacher");
    history.replaceState(history.state, "", asked);
  }
  let socket = null, wait = 500, life = null, following = false, pressed = false, looking = "";
  let hand = null, due = 0, sent = "", last = 0, told = "";

  const tell = (message) => { if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message)); };

  function connect() {
    const key = teacherKey();
    socket = new WebSocket(liveUrl(`class/follow${key && `?teacher=${encodeURIComponent(key)}`}`).replace(/^http/, "ws"));
    socket.onopen = () => {
      wait = 500;
      if (now.alone) tell({ follows: false });
      if (kept(LEADS)) send(true);
    };
    socket.onmessage = ({ data }) => hear(JSON.parse(data));
    socket.onclose = () => {
      now.open = false;
      onNews(now);
      setTimeout(connect, wait * (0.5 + Math.random())); // not all at once, when a server comes back
      wait = Math.min(LONGEST_WAIT, 2 * wait);
    };
  }

  function hear({ start, resets, first, ...news }) {
    Object.assign(now, news, { open: true });
    if (start !== undefined && life?.start !== start) life = { start, resets };
    if (news.leads === false && kept(LEADS) && start === undefined) kept(LEADS, ""); // another page leads now, or none
    if (resets !== undefined && resets !== life.resets && !now.teacher) return beginAgain(first);
    if ("view" in news || "leads" in news) look();
    onNews(now);
  }

  // Following

  /** Show what the teacher shows, unless this page leads, the person went another way, or holds something right now. */
  async function look() {
    if (now.view === null || now.leads) {
      following = false;
      return Object.assign(now, { alone: !!kept(ALONE, ""), lacks: "" });
    }
    if (now.alone || pressed || kept(LEADS)) return;
    const model = new URLSearchParams(now.view).get("model") ?? "";
    if (nameTrained(now.view) || (model && !modelNamed(model) && looking !== model)) {
      looking = model; // asked for once
      await reloadCatalogue().catch((error) => say(error.message, "problem"));
      return look();
    }
    now.lacks = model && !modelNamed(model) ? model : "";
    if (!now.lacks) {
      adopt(now.view, { models: usable().map(({ name }) => name), firstModel: model || chosen().model }, !following);
      following = true;
      looking = "";
    }
    onNews(now);
  }

  onChange((_, changed, by) => {
    if (now.leads) return soon(null);
    if (by !== "person" || now.view === null || now.alone || [...changed].every((name) => UNSEEN.has(name))) return;
    now.alone = !!kept(ALONE, "yes");
    tell({ follows: false });
    onNews(now);
  });
  document.addEventListener("pointerdown", () => { pressed = true; }, true);
  const release = () => setTimeout(() => { pressed = false; look(); }); // after what the release chooses
  for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, release, true);
  document.addEventListener("pointermove", ({ buttons }) => { if (pressed && !buttons) release(); }, true); // let go outside, or over a list of options

  // Leading

  window.addEventListener("latent-hand", ({ detail }) => { if (now.leads) soon(detail); });

  /** Send the view within PAUSE, with what the hand shows before it is put down. @param {(() => Object)|null} moves */
  function soon(moves) {
    hand = moves;
    due ||= setTimeout(send, Math.max(0, last + PAUSE - performance.now()));
  }

  function send(always = false) {
    clearTimeout(due);
    due = 0;
    if (!kept(LEADS)) return;
    const changes = { fetch: "", hide: [], lock: [], ...hand?.() }, { point } = { ...chosen(), ...changes };
    if (isLocal(point)) {
      if (told !== chosen().model) say("This point has too many numbers for a link, so the class cannot follow there.", "problem");
      told = chosen().model;
      return;
    }
    const view = viewWith(changes);
    if (view === sent && always !== true) return;
    [sent, last] = [view, performance.now()];
    tell({ lead: kept(LEADS), view, ...(always === "take" && { take: true }) });
  }

  /** The next class begins here: nothing of this one is left in the tab. */
  async function beginAgain(first) {
    for (const storage of [sessionStorage, localStorage]) {
      try {
        for (const name of Object.keys(storage)) if (name.startsWith("latent-playground") && name !== "latent-playground-theme") storage.removeItem(name);
      } catch { /* forbidden, so nothing was kept */ }
    }
    await fetch(liveUrl("class/visitor"), { method: "DELETE" }).catch(() => null); // gone already, then
    kept(AFTER, "reset");
    location.replace(`${location.origin}${location.pathname}?${first}`);
  }

  if (kept(AFTER)) {
    kept(AFTER, "");
    say("The teacher has begun again: this is the first view.");
  }
  connect();
  return {
    lead() {
      kept(LEADS, randomKey());
      Object.assign(now, { leads: true, alone: !!kept(ALONE, "") });
      send("take");
      onNews(now);
    },
    stop() {
      kept(LEADS, "");
      now.leads = false;
      tell({ stop: true });
      onNews(now);
    },
    again() {
      [now.alone, following] = [!!kept(ALONE, ""), false];
      tell({ follows: true });
      look();
    },
    /** @param {string} first the query that all pages of students begin again with */
    reset(first) {
      kept(LEADS, "");
      tell({ reset: first });
    },
  };
}
