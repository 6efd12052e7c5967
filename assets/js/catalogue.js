// What models there are, and the codes of the pictures they have seen (their atlas).

import { readArrays } from "./arrays.js";
import { fetched, onReturn } from "./away.js";
import { say } from "./dom.js";
import { latents } from "./normal.js";

const LIVE = new URL("../../../", import.meta.url); // this file is /live/assets/<hash>/js/catalogue.js

/** An address below /live. @param {string} path */
export const liveUrl = (path) => new URL(path.replace(/^\/live\//, ""), LIVE).href;

/**
 * @typedef {Object} Model one entry of /live/catalogue.json
 * @property {string} name @property {string} title @property {string} family @property {string} family_title @property {string} dataset
 * @property {number} latent_dim all numbers of a latent @property {number[]} latent_shape @property {number[]} image_shape @property {string[]} conditions @property {string[]} classes @property {Object<string, true|string>} abilities
 * @property {number} parameters @property {string} hash @property {Object} metrics @property {string|null} classifier
 * @property {string[]} samplers what random points can be drawn from: normal, gaussian, mixture
 * @property {{samplers: string[], default: number, guidance: number|null, times: number|null, betas: string, predicts: string}|null} steps null for a model of one step
 * @property {string|null} scaled "Truncation" or "Temperature" where latents may be scaled
 * @property {boolean} linear whether its pictures are linear in its latents: PCA
 * @property {string|null} onnx @property {string|null} atlas @property {boolean} browser @property {boolean} heavy a picture is a second's work @property {string} [error]
 * @property {number} bytes of its weights @property {string} licence of these @property {string} terms of its data @property {"bundled"|"own"|"fetched"|"trained"} origin @property {boolean} [mine] of a trained one: whether this visitor trained it
 * @property {{drawn?: "strokes"|"shades", box?: number, centre?: "mass"|"box", eyes?: [number, number][]}|null} own how a person's own picture takes the form of its data; null is a square of it
 * @property {{repo: string, revision: string, commit: string, account: string[]}|null} source where on the Hub it was fetched, and what was found there
 */

/** @type {{models: Model[], classifiers: Object, runtime: string|null, device: string, roads: string[]}} roads: what else answers below /live */
let catalogue = { models: [], classifiers: {}, runtime: null, device: "CPU", roads: [] };
let loading = null, looks = 0; // looks: how often it was asked for

export function loadCatalogue() {
  if (loading) return loading;
  const mine = ++looks;
  loading = fetched(liveUrl("catalogue.json")).then(async (answer) => {
    const { models, ...rest } = await answer.json(), trained = rest.roads.includes("train") ? await trainedModels() : [];
    if (mine !== looks) return loading ?? catalogue; // a later look knows more
    const known = new Map(catalogue.models.map((model) => [JSON.stringify(model), model]));
    catalogue = { ...rest, models: [...models, ...trained].map((model) => known.get(JSON.stringify(model)) ?? model) }; // what has not changed stays the same object
    return catalogue;
  }).catch(() => {
    if (mine === looks) loading = null;
    throw new Error("The list of models could not be loaded. Is the server still running? Reload the page when it is.");
  });
  return loading;
}

const TRAINED = /[\w.-]{1,180}-[0-9a-f]{16}(?![\w.-])/g, MOST_NAMED = 20; // how a model of somebody's training is called, and how many a page asks for
const named = new Set();

/** Names of trainings in an address: if they are shared, their models are in the catalogue from the next look on. @param {string} search @returns {boolean} whether it names new ones */
export function nameTrained(search) {
  const fresh = [...new Set(decodeURIComponent(search).match(TRAINED) ?? [])].filter((name) => !named.has(name)).slice(0, Math.max(0, MOST_NAMED - named.size));
  for (const name of fresh) named.add(name);
  return fresh.length > 0;
}

/** The models of this visitor's own trainings, and those that others have shared by a link. Only this visitor sees them. @returns {Promise<Model[]>} */
async function trainedModels() {
  nameTrained(location.search.replace(/%(?![0-9a-f]{2})/gi, "%25"));
  const answer = await fetched(liveUrl(`train/models.json?names=${encodeURIComponent([...named].join(","))}`)).catch(() => null); // whoever may not train has none
  return answer ? (await answer.json()).models : [];
}

/** Look again: models come and go while a page is open. The window hears "latent-catalogue" if any did. */
export async function reloadCatalogue() {
  const before = catalogue.models;
  loading = null;
  await loadCatalogue();
  if (before.length !== catalogue.models.length || before.some((model, k) => model !== catalogue.models[k])) window.dispatchEvent(new Event("latent-catalogue"));
}

/** Whether a model was deleted meanwhile, after which nothing can be asked of it: the head then says so and takes another. @param {Model} model */
export async function isGone(model) {
  await reloadCatalogue().catch(() => {}); // the server is away: what it was asked for says so
  return !modelNamed(model.name);
}

/** A server that was away may be another one by now: this page's scripts and models are those of the one before. */
onReturn(async () => {
  const { assets, models } = catalogue, now = await fetched(liveUrl("catalogue.json")).then((answer) => answer.json(), (error) => say(error.message, "problem"));
  const other = models.some((model) => now?.models.some(({ name, hash }) => name === model.name && hash !== model.hash));
  if (!now) return;
  if (assets && (now.assets !== assets || other)) {
    say("The server is back, and this page was updated. Reload it to see the new one; your view is kept.", "problem", { text: "Reload", act: () => location.reload() });
  } else say("The server is back.");
});

/** All models, also those that cannot be used, which have a sentence under "error". */
export const allModels = () => catalogue.models;
export const usable = () => catalogue.models.filter((model) => !model.error);
/** @param {string} name @returns {Model|undefined} */
export const modelNamed = (name) => usable().find((model) => model.name === name);
export const classifierNamed = (name) => catalogue.classifiers[name];
export const runtimeUrl = () => catalogue.runtime && liveUrl(catalogue.runtime);
export const device = () => catalogue.device;
export const hasRoad = (name) => catalogue.roads.includes(name);

/**
 * @typedef {{codes: Float32Array, code: (k: number) => Float32Array, seeded: boolean, labels: Uint8Array, xy: Float32Array, axes: Float32Array,
 *            centre: Float32Array, std?: Float32Array, pictures?: Uint8Array, reach: number, count: number}} Atlas seeded: its codes are draws, not those of test pictures;
 *            pictures [N, H, W, C]: what the model makes of its codes
 */
const atlases = new Map();

/** Whether a latent is like a picture, or as long as one: then its numbers mean nothing one by one, and N(0, I) lies on a thin shell. @param {Model} model */
export const isRound = (model) => model.latent_shape.length > 1 || model.latent_dim > 256;

/** Whether N(0, I) decodes to pictures. Where it does not, the places of a model come from pictures that it was shown. @param {Model} model */
export const hasPrior = (model) => model.abilities.random === true;
/** Whether a picture takes so long that no hand waits for it. @param {Model} model */
export const isSlow = (model) => !!model.steps || model.heavy;
/** Whether the pictures of two models can stand side by side. @param {Model} one @param {Model} other */
export const isAlike = (one, other) => one.dataset === other.dataset && one.image_shape.join() === other.image_shape.join();

/** The model's atlas; null where it has none, or where it cannot be had now (then a sentence says so). @param {Model} model @returns {Promise<Atlas|null>} */
export function loadAtlas(model) {
  if (!model.atlas) return Promise.resolve(null);
  if (!atlases.has(model.atlas)) {
    atlases.set(model.atlas, fetched(liveUrl(model.atlas)).then(async (answer) => readAtlas(await answer.arrayBuffer())).catch(() => {
      atlases.delete(model.atlas);
      say(`The codes of ${model.title} could not be loaded, so its map has none. Reload the page to try again.`, "problem");
      return null;
    }));
  }
  return atlases.get(model.atlas);
}

/** @param {ArrayBuffer} buffer */
function readAtlas(buffer) {
  const atlas = readArrays(buffer).values;
  atlas.reach = atlas.reach ? atlas.reach[0] : 3;
  atlas.count = atlas.labels.length;
  atlas.seeded = !!atlas.seed;
  const D = atlas.centre.length, [seed] = atlas.seed ?? [];
  let all = atlas.codes; // those of a seed are drawn when they are asked for: hundreds of thousands of numbers take a while
  Object.defineProperty(atlas, "codes", { get: () => (all ??= latents(seed, atlas.count, D)) });
  atlas.code = (k) => (atlas.seeded ? latents(seed, 1, D, k) : all.slice(k * D, (k + 1) * D));
  return atlas;
}

/** The name of a class as a person reads it. @param {Model} model @param {number} label */
export const className = (model, label) => model.classes[label] ?? String(label);

/** The names of all classes of an atlas. @param {Model} model @param {Atlas|null} atlas */
export const classNames = (model, atlas) => (atlas ? Array.from({ length: Math.max(...atlas.labels) + 1 }, (_, label) => className(model, label)) : []);

/** A model's title where its data set is clear. @param {Model} model */
export function shortTitle({ title, dataset, source, origin }) {
  if (source || origin === "trained") return title; // as its owner wrote it
  const short = title.toLowerCase().startsWith(`${dataset} `) ? title.slice(dataset.length + 1) : title;
  return short[0].toUpperCase() + short.slice(1);
}
