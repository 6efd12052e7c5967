// How the quantities of one training step are written: by its name the symbol, a few words, and the short equation that gives it.

/** @typedef {{symbol: string, words: string, law: string}} Term symbol and law as formula() reads them; without a symbol the name stands alone */
const TERMS = {
  x: ["x", "pictures of the data", ""], corrupted: ["x̃", "the same, corrupted", ""],
  mean: ["μ", "mean of the code", "μ, \"log\" σ^2 = \"encode\"(x)"], "log variance": ["\"log\" σ^2", "log variance of the code", ""], noise: ["ε", "drawn from N(0, I)", "ε ∼ N(0, I)"],
  code: ["z", "the code", "z = \"encode\"(x)"], reconstruction: ["x̂", "what comes of the code", "x̂ = \"decode\"(z)"], "KL of each dimension, nats": ["\"KL\"_i", "of each dimension, nats", "\"KL\"_i = {μ_i^2 + σ_i^2 − \"log\" σ_i^2 − 1 / 2}"],
  "G(z)": ["G(z)", "what the generator makes", "G: z ↦ \"a picture\""], decoded: ["x̂", "what comes of these codes", ""],
  "D(x)": ["D(x)", "how likely real, says the critic", ""], "D(G(z))": ["D(G(z))", "how likely real, says the critic", ""], "D(decoded)": ["D(x̂)", "how likely real, says the critic", ""],
};

/** @param {string} name of a quantity @param {Set<string>} beside the names of all of them @returns {Term} */
export function termOf(name, beside) {
  if (name === "z" && beside.has("mean")) return { symbol: "z", words: "the code, drawn", law: "z = μ + σ ε" };
  if (name === "z") return { symbol: "z", words: beside.has("G(z)") ? "drawn from N(0, I)" : "latents", law: beside.has("G(z)") ? "z ∼ N(0, I)" : "" };
  if (name === "code" && beside.has("corrupted")) return { symbol: "z", words: "the code", law: "z = \"encode\"(x̃)" };
  const [symbol, words, law] = TERMS[name] ?? ["", name, ""];
  return { symbol, words, law };
}

/** How a loss is put together, where that is short. @param {string[]} parts its terms @param {{beta?: number, free_bits?: number, realism?: number, loss?: string}} model its config @param {string} player */
export function lossLaw(parts, model, player) {
  if (parts.includes("kl") && !model.realism) return `L = "reconstruction" + ${parts.includes("weight of the kl") ? "β" : model.beta ?? 1} ${model.free_bits ? "Σ \"max\"(\"KL\"_i, " + model.free_bits + ")" : "· \"KL\""}`;
  if (model.loss !== "non-saturating") return "";
  return { critic: "L = − \"log\" D(x) − \"log\"(1 − D(G(z)))", generator: "L = − \"log\" D(G(z))" }[player] ?? "";
}

/** What a player is called. */
export const playerName = (name) => ({ critic: "critic D", generator: "generator G" }[name] ?? name);
