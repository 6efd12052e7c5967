// Give a model away: a form, then the card and the files as they would be sent, then the sending, and the link to what is there.

import { modelNamed } from "./catalogue.js";
import { make, refill, setOptions } from "./dom.js";
import { bytesText } from "./facts.js";
import { createProgress } from "./progress.js";
import { draft, isUnderWay } from "./shelf.js";
import { choose, chosen, onChange } from "./store.js";

const press = (text, onclick, main = false) => make("button", { class: `lp-button${main ? " main" : ""}`, type: "button", onclick }, text);
const field = (text, control, hint = "") => make("label", { class: "lp-field" }, make("span", {}, text), control, hint && make("small", {}, hint));

/** @param {ReturnType<import("./shelf.js").createShelf>} shelf @returns {HTMLElement} */
export function createPublish(shelf) {
  const model = make("select", { "data-testid": "publish-model", onchange: () => follow() });
  const repo = make("input", { type: "text", class: "lp-text", required: true, maxLength: 200, placeholder: "your-name/model-name", spellcheck: false, autocomplete: "off", "data-testid": "publish-repo" });
  const licence = make("select", {}), title = make("input", { type: "text", class: "lp-text", maxLength: 120 });
  const words = make("textarea", { class: "lp-text", rows: 3, maxLength: 4000, placeholder: "What is it good for, and what not? It stands at the top of the card." });
  const form = make("form", { class: "lp-publishform", onsubmit: (event) => { event.preventDefault(); show(); } }, field("Model", model), field("Repository", repo),
    field("Licence of the weights", licence), field("Title", title), field("Words of your own", words), make("div", {}, make("button", { class: "lp-button main", type: "submit" }, "Show what would be sent")));
  const says = make("div", { class: "lp-publishsays", role: "status", "aria-live": "polite", "data-testid": "publish-says" }), closed = make("p", { class: "lp-empty", hidden: true });
  const progress = createProgress(() => shelf.stop().catch(fail));
  const details = make("details", { class: "lp-card lp-publish" }, make("summary", {}, make("h2", {}, "Publish a model on the Hugging Face Hub")), closed, form, says);
  let errand = null, drawn = "", turn = 0, sent = null;

  const values = () => ({ model: model.value, repo: repo.value, licence: licence.value, title: title.value, words: words.value });
  const say = (...nodes) => { drawn = ""; refill(says, nodes.filter(Boolean)); };
  const fail = (error) => say(make("p", { class: "lp-modelproblem" }, error.message));

  /** The choices as the model has them. */
  function follow() {
    const one = modelNamed(model.value), allowed = shelf.state()?.licences[model.value];
    if (!one || !allowed) return;
    setOptions(licence, allowed.map((text) => [text, text]), allowed.includes(one.licence) ? one.licence : allowed[0]);
    title.placeholder = one.title;
    turn += 1;
    say();
  }

  /** What would be sent, before anything is. */
  async function show() {
    const mine = ++turn, asked = values();
    say(make("p", {}, "Writing the card …"));
    try {
      if (errand && !isUnderWay(errand)) await shelf.stop(); // how the last one ended is known
      const { card, files } = await draft(asked);
      if (mine !== turn) return;
      const open = make("input", { type: "checkbox" });
      say(make("h3", {}, `${files.length} files for ${asked.repo}, ${bytesText(files.reduce((sum, { bytes }) => sum + bytes, 0))}`),
        make("ul", { class: "lp-files" }, ...files.map(({ path, bytes }) => make("li", {}, make("span", {}, path), make("small", {}, bytesText(bytes))))),
        make("h3", {}, "The card"), make("pre", { class: "lp-cardtext", tabIndex: 0, "aria-label": "The card" }, card),
        make("div", { class: "lp-row" }, make("label", { class: "lp-openly" }, open, "Visible to everybody at once; otherwise it is private, and you open it on the Hub"),
          press("Publish", () => send({ ...asked, private: !open.checked }), true), press("Not now", () => say())));
    } catch (error) {
      if (mine === turn) fail(error);
    }
  }

  function send(asked) {
    sent = asked;
    shelf.start("publish", asked).catch(fail);
  }

  function ended({ state, sentence, outcome, text }) {
    const shut = press("Close", () => shelf.stop().catch(fail)), over = outcome.exists && sent && press("Publish on top of it", () => send({ ...sent, over: true }));
    if (state === "failed") return [make("p", { class: "lp-modelproblem" }, sentence), make("div", { class: "lp-row" }, over, press("Show it again", show), shut)];
    if (state === "stopped") return [make("p", {}, `Sending ${text} was stopped. ${sentence}`), shut];
    return [make("p", {}, outcome.late ? `It was too late to stop: ${outcome.repo} is published: ` : `${outcome.repo} is published: `,
      make("a", { href: outcome.url, target: "_blank", rel: "noopener noreferrer" }, outcome.url)), shut];
  }

  /** What another tab wants to give away. */
  function wanted() {
    const { give } = chosen();
    if (!give || chosen().tab !== "models" || !shelf.state()) return;
    choose({ give: "" }, false);
    details.open = true;
    details.scrollIntoView({ block: "center" });
    if (!shelf.state().licences[give]) return fail(new Error("This training cannot be published from here."));
    model.value = give;
    follow();
    repo.focus({ preventScroll: true });
  }
  onChange((_, changed) => { if (changed.has("give") && chosen().give) shelf.refresh().catch(fail); }); // a training that has just stopped may be published only now

  /** The models that may be published, one's own first. @param {string[]} names */
  function offer(names) {
    const can = names.map(modelNamed).filter(Boolean).sort((a, b) => (a.origin === "bundled") - (b.origin === "bundled")), before = model.value, wish = before || chosen().model;
    setOptions(model, can.map((one) => [one.name, ["own", "trained"].includes(one.origin) ? `${one.title} (trained ${one.mine ? "by you" : "here"})` : one.title]), can.some(({ name }) => name === wish) ? wish : can[0]?.name ?? "");
    if (model.value !== before) follow();
  }

  shelf.listen((state, lost) => {
    errand = state.errand?.kind === "publish" ? state.errand : null;
    closed.hidden = state.publish === true;
    closed.textContent = state.publish === true ? "" : state.publish;
    form.hidden = state.publish !== true;
    offer(Object.keys(state.licences));
    wanted();
    const key = isUnderWay(errand) ? "under way" : errand ? JSON.stringify(errand) : "";
    if (isUnderWay(errand)) {
      progress.show(errand, lost);
      details.open = true;
    }
    if (key === drawn) return;
    refill(says, isUnderWay(errand) ? [progress.element] : errand ? ended(errand) : []);
    drawn = key;
  });
  return details;
}
