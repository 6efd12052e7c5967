// A class: the teacher's button and its large sheet for the projector, and a quiet line that says who follows whom.

import { liveUrl } from "./catalogue.js";
import { copyText, make, refill } from "./dom.js";
import { joinFollowing, teacherKey } from "./follow.js";
import { createLessonMaker } from "./lessonmaker.js";
import { liveInClass } from "./outer.js";

const of = (count) => `${count} ${count === 1 ? "page" : "pages"}`;
const press = (text, onclick, more = {}) => make("button", { class: "lp-button", onclick, ...more }, text);

/** This page is one of a class's. @param {HTMLElement} place where the teacher's button stands */
export function joinClass(place) {
  const says = make("span"), act = press("", () => acting()), line = make("div", { class: "lp lp-classline", role: "status", hidden: true, "data-testid": "class-line" }, says, act);
  let acting = () => {}, sheet = null;
  place.closest(".lp-head").append(line); // inside of Gradio's container, where rules for small screens hold
  const following = joinFollowing(show);

  function show(now) {
    if (now.teacher && !sheet) {
      sheet = createSheet(following, line.parentNode);
      place.replaceChildren(press("Class", () => sheet.open(), { "data-testid": "class", title: "Address and code for the students, follow me, lessons" }));
    }
    if (now.teacher && now.addresses.length && ["127.0.0.1", "localhost", "[::1]"].includes(location.hostname)) liveInClass(now.addresses[0]);
    sheet?.show(now);
    const [text, button, action] = lineFor(now);
    line.hidden = !text;
    document.body.classList.toggle("lp-inclass", !!text);
    if (says.textContent !== text) says.textContent = text;
    act.hidden = !button;
    [act.textContent, acting] = [button, action];
  }

  /** What the line says, and what its button does. @param {import("./follow.js").Class} now */
  function lineFor({ open, leads, view, alone, lacks, pages, following: many }) {
    if (leads) return [open ? `You lead: ${many} of ${of(pages)} follow.` : "The connection is lost; it is tried again.", "Stop", following.stop];
    if (view === null) return ["", "", null];
    if (alone) return ["You are on your own.", "Follow again", following.again];
    if (lacks) return [`The teacher shows the model ${lacks}, which this page does not have.`, "", null];
    return [open ? "You see what the teacher shows. Choose anything to go your own way." : "The connection to the teacher is lost; it is tried again.", "", null];
  }
}

/** The teacher's sheet, over the whole page. @param {ReturnType<typeof joinFollowing>} following @param {HTMLElement} place */
function createSheet(following, place) {
  const code = make("img", { class: "lp-code", alt: "QR code of the address" }), address = make("p", { class: "lp-classaddress", "data-testid": "class-address" });
  const others = make("div", { class: "lp-row" }), pages = make("p", { class: "lp-classpages", "data-testid": "class-pages" });
  const lead = press("", () => leading(), { "data-testid": "class-lead" }), does = make("output", { class: "lp-aloud", "aria-live": "polite" });
  const reset = press("Reset for the next class …", () => ask(true), { "data-testid": "class-reset" }), sure = make("div", { class: "lp-sure-reset", role: "group", hidden: true, "aria-label": "Reset" });
  const lesson = press("Make a lesson link …", () => fold(maker.element.hidden), { "aria-expanded": "false", "data-testid": "class-lesson" });
  const maker = createLessonMaker({ onLink: (link) => { lessonLink = link; draw(); }, copy: (text) => copyText(text, dialog) });
  const close = make("button", { class: "lp-icon", "aria-label": "Close", title: "Close (Esc)", onclick: () => dialog.close() }, "×");
  const dialog = make("dialog", { class: "lp lp-class", "aria-label": "Class" }, close,
    make("div", { class: "lp-classtop" }, code, make("div", {}, make("h2", {}, "Open this on your computer, tablet or telephone"), address, others, pages,
      make("div", { class: "lp-row" }, lead, lesson, reset), sure, does)), maker.element);
  let leading = () => {}, addresses = [], chosenAddress = "", lessonLink = "", count = 0, drawn = "";
  place.append(dialog);
  dialog.addEventListener("keydown", (event) => { if (event.key !== "Escape") event.stopPropagation(); }); // the page's keys are not meant
  dialog.addEventListener("click", ({ target }) => { if (target === dialog) dialog.close(); });

  /** @param {import("./follow.js").Class} now */
  function show(now) {
    [addresses, count] = [now.addresses, now.pages];
    if (!addresses.includes(chosenAddress)) chosenAddress = addresses[0] ?? "";
    pages.textContent = now.open ? `${of(count)} of students ${count === 1 ? "is" : "are"} open${now.view === null ? "" : `, ${now.following} of them ${now.following === 1 ? "follows" : "follow"}`}.` : "The connection is lost; it is tried again.";
    lead.textContent = now.leads ? "Stop leading" : "Follow me";
    lead.classList.toggle("main", !now.leads);
    lead.title = now.leads ? "Their pages keep what they show" : "All pages show what this one shows, until somebody goes their own way";
    leading = now.leads ? following.stop : () => { following.lead(); dialog.close(); };
    draw();
  }

  function draw() {
    maker.at(chosenAddress);
    const target = (!maker.element.hidden && lessonLink) || (chosenAddress && `${chosenAddress}/`), state = JSON.stringify([target, addresses, chosenAddress]);
    if (state === drawn) return;
    drawn = state;
    address.textContent = chosenAddress || "This machine is in no network.";
    code.hidden = !target || target.length > 1200;
    if (!code.hidden) code.src = liveUrl(`class/qr.svg?text=${encodeURIComponent(target)}&teacher=${encodeURIComponent(teacherKey())}`);
    code.alt = `QR code of ${target === lessonLink ? "the lesson" : chosenAddress}`;
    refill(others, !addresses.length ? [make("span", {}, "Join one, or let this machine make one (a hotspot); then start again.")]
      : addresses.length < 2 ? [] : [make("span", {}, "It does not open? Try"), ...addresses.filter((one) => one !== chosenAddress).map((one) => press(one, () => { chosenAddress = one; draw(); }, { "data-key": one }))]);
  }

  /** Show or fold away the making of a lesson. */
  function fold(open) {
    maker.element.hidden = !open;
    lesson.setAttribute("aria-expanded", String(open));
    draw();
  }

  /** Say what a reset does before it is done. */
  function ask(open) {
    sure.hidden = !open;
    if (!open) return reset.focus();
    const where = !maker.element.hidden && lessonLink ? "your lesson" : "the first view", go = press(`Reset ${of(count)}`, () => {
      following.reset(where === "your lesson" ? new URL(lessonLink).search.slice(1) : "");
      ask(false);
      does.textContent = "The students' pages begin again.";
      does.className = "lp-classdone";
    }, { "data-testid": "class-reset-now" });
    const leave = press("Leave them", () => ask(false));
    sure.replaceChildren(make("p", {}, `Every page of a student goes back to ${where}. Their points, pins and what Undo would bring back are gone, for good; nobody is led any more. Your own page stays.`),
      make("div", { class: "lp-row" }, go, leave));
    leave.focus();
  }

  return { show, open: () => { does.textContent = ""; sure.hidden = true; dialog.showModal(); } };
}
