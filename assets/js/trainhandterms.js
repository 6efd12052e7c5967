// How the quantities of one training step are written: by its name the symbol, a few words, and the short equation that gives it.

/** @typedef {{symbol: string, words: string, law: string}} Term symbol and law as formula() reads them */
const TERMS = {
  x: ["x", "pictures of the data", ""], noisy: ["x̃", "the same with noise", ""], mean: ["μ", "mean of the code", "μ, \"log\" σ^2 = \"encode\"(x)"], "log variance": ["\"log\" σ^2", "log variance of the code", ""],
  noise: ["ε", "drawn from N(0, I)", "ε ∼ N(0, I)"], code: ["z", "the code", "z = \"encode\"(x)"], z: ["z", "drawn from N(0, I)", "z ∼ N(0, I)"],
  reconstruction: ["x̂", "what comes of the code", "x̂ = \"decode\"(z)"], "G(z)": ["G(z)", "what the generator makes", "x̃ = G(z)"], made: ["G(z)", "what the generator makes", "x̃ = G(z)"], fake: ["G(z)", "what the generator makes", "x̃ = G(z)"],
  "D(x)": ["D(x)", "how real the pictures look to the critic", ""], "D(G(z))": ["D(G(z))", "how real the made ones look to it", ""],
};

/** @param {string} name of a quantity @param {Set<string>} beside the names of all of them @returns {Term} */
export function termOf(name, beside) {
  if (name === "z" && beside.has("mean")) return { symbol: "z", words: "the code, drawn", law: "z = μ + σ ε" };
  const [symbol, words, law] = TERMS[name] ?? [`"${name.replaceAll("\"", "")}"`, "", ""];
  return { symbol, words, law };
}

/** How a loss is put together, where its parts say it. @param {string[]} parts @param {{beta?: number}} model its config */
export function lossLaw(parts, model) {
  if (parts.includes("kl")) return `L = "reconstruction" + ${model.beta ?? 1} · "KL"`;
  return "";
}

/** What a player is called. */
export const playerName = (name) => ({ critic: "critic D", generator: "generator G" }[name] ?? name);
