// The card of one model: pictures that it makes, what it is, how good, under which terms, where it comes from, and what to do with it.

import { make, say } from "./dom.js";
import { ABOUT_SCORES, byWhom, bytesText, latentText, parametersText, pictureText, scores } from "./facts.js";
import { createStrip } from "./samples.js";
import { take } from "./taking.js";

const ORIGINS = { bundled: "Bundled", own: "Trained here", fetched: "From the Hub" }; // of a trained one it says by whom

/**
 * @param {import("./catalogue.js").Model} model @param {{remove: () => Promise<void>, why: string}|null} fetched how to delete it, and why this
 *   visitor may not; null for a model that was not fetched
 */
export function createCard(model, fetched) {
  const { source, error } = model, origin = ORIGINS[model.origin] ?? byWhom(model);
  const head = make("header", {}, make("h3", { title: model.name }, model.title), make("span", { class: `lp-origin ${model.origin}` }, origin));
  const card = make("article", { class: `lp-card lp-model${error ? " broken" : ""}`, "data-model": model.name, "aria-label": model.title });
  if (error) card.append(head, make("p", { class: "lp-modelproblem" }, error));
  else card.append(createStrip(model), head, ...facts(model));
  if (source) card.append(sourceOf(source));
  const row = make("div", { class: "lp-row lp-modeldo" }), openers = error ? [] : [open("Explore", "explore", model), open("Interpolate", "interpolate", model)];
  if (fetched) deleting(row, openers, model, fetched);
  else row.append(...openers);
  card.append(row);
  return card;
}

const open = (text, tab, model) => make("button", { class: "lp-button", title: `Open ${model.title} in ${text}`, onclick: () => { take(model, { tab }); window.scrollTo({ top: 0 }); } }, text);

function facts(model) {
  const measured = scores(model), told = model.conditions.length ? `told the class, one of ${model.conditions.length}` : "";
  return [
    make("p", { class: "lp-modelwhat" }, [model.family_title, model.dataset_title.replace(/ \(.*/, ""), told].filter(Boolean).join("  ·  ")),
    make("dl", { class: "lp-facts" }, ...fact("Latent", latentText(model)), ...fact("Pictures", pictureText(model)),
      ...fact("Size", `${bytesText(model.bytes)}, ${parametersText(model.parameters)}`), ...(measured.length ? fact("Scores", measured.join("  ·  "), ABOUT_SCORES) : []),
      ...fact("Licence", model.licence || "not said"), ...(model.terms && !model.source ? fact("Data", model.terms, model.terms) : [])),
  ];
}

const fact = (name, value, title = null) => [make("dt", {}, name), make("dd", { title }, value)];

/** Where on the Hub it comes from, and on request what was found there. */
function sourceOf({ repo, commit, account }) {
  const address = `https://huggingface.co/${repo}/tree/${commit}`;
  return make("div", { class: "lp-source" },
    make("p", {}, make("a", { href: address, target: "_blank", rel: "noopener noreferrer", title: `Commit ${commit}` }, repo), ` at ${commit.slice(0, 7)}`),
    account.length > 0 && make("details", {}, make("summary", {}, "What was found"), make("ul", {}, ...account.map((sentence) => make("li", {}, sentence)))));
}

/** A row that ends with "Delete", which asks once in place of the row, so that nothing moves. */
function deleting(row, openers, model, { remove, why }) {
  const first = make("button", { class: "lp-quiet lp-last", disabled: !!why, title: why || `Delete ${model.title} from this computer`, onclick: ask }, "Delete");
  const rest = () => row.replaceChildren(...openers, first);
  function ask() {
    const keep = make("button", { class: "lp-button", onclick: () => { rest(); first.focus(); } }, "Keep");
    row.replaceChildren(make("span", { class: "lp-asks" }, "Delete it?"), make("button", { class: "lp-button danger", onclick: go }, "Delete"), keep);
    keep.focus();
  }
  async function go() {
    for (const button of row.querySelectorAll("button")) button.disabled = true;
    try {
      await remove();
    } catch (error) {
      rest();
      say(error.message, "problem");
    }
  }
  rest();
}
