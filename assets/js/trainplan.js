// From what the form is set to, to the plan that is trained: defaults of a family, the dial of size, and what a person set otherwise.

import { knobsText, readKnobs } from "./traintext.js";

/**
 * @typedef {{name: string, kind: "int"|"float"|"bool"|"str"|"choice"|"list", default: any, help: string, low: number|null, high: number|null, choices: any[]|null, log: boolean, data?: boolean, items?: string, length?: number|null}} Field data: the data set answers it; items and length: of a list
 * @typedef {{id: string, title: string, about: string, fields: Field[], players: string[], stages?: Object[]}} Family stages: how it is usually trained
 * @typedef {{id: string, title: string, terms: string, image_shape: number[], classes: string[], ready: true|string, fetched?: boolean}} Data fetched: not here yet, and fetched while its training waits
 * @typedef {{families: Family[], datasets: Data[], stage: Field[], recipe: Field[], presets: Object[], sizes: Object, device: string, most: Object}} Form
 * @typedef {{field: Field, full: string, part: "model"|"stage"|"recipe", usual: any, value: any}} Setting full: its name in the address; usual: what it is unless somebody sets it
 * @typedef {{data: Data, family: Family, size: string, settings: Setting[], told: Setting|null}} Asked told: whether the model is told the class
 */
const PLAYERS = "players", TOLD = "conditions"; // who learns is the family's; of the names of classes all are told, or none
export const SIZES = { small: "Small", medium: "Medium", large: "Large" };

/** What a field may be, in words: "0 to 10". @param {Field} field */
export const rangeText = ({ kind, low, high }) => (kind === "str" || (low === null && high === null) || low === undefined ? "" : high === null ? `from ${low}` : low === null ? `up to ${plain(high)}` : `${plain(low)} to ${plain(high)}`);
const plain = (value) => (Math.abs(value) >= 1e4 ? value.toLocaleString("en") : Math.abs(value) < 1e-3 && value ? value.toExponential().replace(".0e", "e") : String(value));

/** A name of a field as a person reads it. @param {string} name */
export const called = (name) => name.replace(/_/g, " ");

/** What is chosen, with the page's choice where nobody has chosen. @param {Form} form @param {{learn: string, kin: string, size: string, knobs: string}} choice @returns {Asked} */
export function askedFor(form, { learn, kin, size, knobs }) {
  const ready = form.datasets.filter(isReady);
  const data = form.datasets.find(({ id }) => id === learn) ?? ready.find(({ id }) => id === "mnist") ?? ready[0] ?? form.datasets[0];
  const family = form.families.find(({ id }) => id === kin) ?? form.families.find(({ id }) => id === "vae") ?? form.families[0];
  const dial = size || "small", set = readKnobs(knobs), sized = form.sizes[dial]?.[family.id] ?? {}, [stage = {}] = family.stages ?? [];
  const settings = [];
  const add = (part, fields, usual) => {
    for (const field of fields) {
      if (field.data || field.name === PLAYERS || field.choices?.length === 1) continue;
      const full = part === "model" ? field.name : `${part}.${field.name}`, first = usual[field.name] ?? field.default;
      const said = set.has(full) ? read(field, set.get(full)) : undefined;
      settings.push({ field, full, part, usual: first, value: said === undefined ? first : said });
    }
  };
  add("model", family.fields, sized);
  add("stage", form.stage, stage);
  add("recipe", form.recipe, {});
  const conditions = family.fields.find(({ name }) => name === TOLD);
  const told = conditions && data.classes.length > 0 ? { field: { ...conditions, kind: "bool", default: false }, full: "conditions", part: "model", usual: false, value: set.get("conditions") === "true" } : null;
  return { data, family, size: dial, settings, told };
}

/** Whether something may be learned from a data set now. @param {Data} data */
export const isReady = ({ ready, fetched }) => ready === true || fetched === true;

/** A value from the address; undefined for one that does not fit. @param {Field} field @param {string} text */
export function read(field, text) {
  const { kind, choices, low, high } = field;
  if (kind === "bool") return text === "true" ? true : text === "false" ? false : undefined;
  if (kind === "choice") return choices.find((one) => String(one) === text);
  if (kind === "str") return text;
  if (kind === "list") {
    const entries = text.split(",").filter((one) => one.trim()).map((one) => read({ ...field, kind: field.items ?? "int" }, one.trim()));
    return entries.includes(undefined) || (field.length && entries.length !== field.length) ? undefined : entries;
  }
  const value = text.trim() === "" ? NaN : Number(text);
  return Number.isFinite(value) && (kind !== "int" || Number.isInteger(value)) && (low === null || value >= low) && (high === null || value <= high) ? value : undefined;
}

export const written = (value) => (Array.isArray(value) ? value.join(",") : String(value));

/** The text of the address after one setting has changed; one that is as usual is not written. @param {string} knobs @param {Setting} setting @param {any} value */
export function withKnob(knobs, { full, usual }, value) {
  const set = readKnobs(knobs);
  if (written(value) === written(usual)) set.delete(full);
  else set.set(full, written(value));
  return knobsText(set);
}

/** @param {Asked} asked @returns {Object} the plan, as recipes/*.json has it */
export function planOf({ data, family, settings, told }) {
  const part = (name) => Object.fromEntries(settings.filter((one) => one.part === name).map(({ field, value }) => [field.name, value]));
  const others = Object.fromEntries(settings.filter((one) => one.part === "stage" && written(one.usual) !== written(one.value)).map(({ field, value }) => [field.name, value]));
  const [first = {}, ...rest] = family.stages ?? [], model = { image_shape: data.image_shape, ...part("model") };
  if (family.fields.some(({ name }) => name === TOLD)) model.conditions = told?.value ? data.classes : [];
  return { format: 1, family: family.id, dataset: data.id, model,
    recipe: { ...part("recipe"), stages: [{ players: family.players, ...first, ...part("stage") }, ...rest.map((stage) => ({ ...stage, ...others }))] }, licence: "apache-2.0" };
}

/** A short title for a new run: what it is, and what was set otherwise. @param {Asked} asked */
export function titleOf({ family, settings, told, size }) {
  const dim = settings.find(({ full }) => full === "latent_dim"), name = shortFamily(family.title);
  const others = settings.filter(({ usual, value, full }) => full !== "latent_dim" && written(usual) !== written(value)).map(({ field, value }) => `${called(field.name)} ${written(value)}`);
  return [`${name}${dim ? ` ${dim.value}-D` : ""}`, size !== "small" && size, told?.value && "told the class", ...others].filter(Boolean).join(", ").slice(0, 80);
}

/** "Variational autoencoder" is VAE where it is short of room. @param {string} title */
export const shortFamily = (title) => ({ "Variational autoencoder": "VAE" })[title] ?? title;

/** What of a run's settings is otherwise than the form has it by itself: the text for the address. @param {Form} form @param {import("./trainroad.js").Row} row */
export function knobsOf(form, row) {
  const asked = askedFor(form, { learn: row.dataset, kin: row.family, size: "", knobs: "" }), { stages = [], ...recipe } = row.recipe, knobs = new Map();
  const values = { model: row.model, stage: stages[0] ?? {}, recipe };
  for (const { part, full, field, usual } of asked.settings) {
    const value = values[part][field.name];
    if (value !== undefined && value !== null && written(value) !== written(usual)) knobs.set(full, written(value));
  }
  if (row.model.conditions?.length) knobs.set("conditions", "true");
  return knobsText(knobs);
}
