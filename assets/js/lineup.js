// The rows of a walk for which nobody has chosen any: both baselines, the present model, and others that differ from it.

import { isAlike, usable } from "./catalogue.js";
import { isPca } from "./frames.js";

export const CROSSFADE = "crossfade";
const OTHERS = 2; // rows beside cross-fade, PCA and the present model
const TASTE = ["gan", "diffusion", "vae", "flow_matching", "flow"]; // which families come first there

/** @param {import("./catalogue.js").Model} model @returns {string[]} names, and CROSSFADE */
export function usualRows(model) {
  const those = usable().filter((one) => isAlike(one, model)), pca = those.filter(isPca).sort((a, b) => b.latent_dim - a.latent_dim)[0];
  const taste = ({ family }) => (TASTE.includes(family) ? TASTE.indexOf(family) : TASTE.length);
  const rank = (one) => 100 * taste(one) + 50 * (one.conditions.length > 0) - Math.min(one.latent_dim, 40);
  const others = those.filter((one) => one !== model && !isPca(one)).sort((a, b) => rank(a) - rank(b)), families = new Set([model.family]);
  const firsts = others.filter((one) => !families.has(one.family) && families.add(one.family));
  const picked = [...new Set([...firsts, ...others])].slice(0, OTHERS);
  return [...new Set([CROSSFADE, pca?.name, model.name, ...picked.map((one) => one.name)])].filter(Boolean);
}
