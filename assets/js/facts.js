// What is known about a model, in a few words each: its size, its scores, where it comes from.

/** What the scores mean, for whoever points at them. */
export const ABOUT_SCORES = "Measured on the test set; lower is better, but for shares. FD is the Fréchet distance of samples to test pictures, "
  + "beside that of PCA with a mixture; sure are samples of which the classifier is at least 90 % sure. The model card has the rest.";

/** @param {number} count */
export const parametersText = (count) => (count >= 1e6 ? `${(count / 1e6).toFixed(1)} M parameters` : `${Math.round(count / 1000)} k parameters`);

/** Bytes as a person says them. @param {number} bytes */
export const bytesText = (bytes) => (bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : bytes >= 1e7 ? `${Math.round(bytes / 1e6)} MB` : bytes >= 1e5 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.max(1, Math.round(bytes / 1e3))} kB`);

/** Under which terms its weights are: a licence, or where it has no name of one, what the data's terms come to. @param {import("./catalogue.js").Model} model */
export const termsText = ({ licence, terms }) => (licence === "other" && terms ? terms.split("; ").pop() : licence);

/** What was measured, a few words each. @param {import("./catalogue.js").Model} model @returns {string[]} */
export function scores({ metrics: m }) {
  return [
    m.fd_ratio && `FD ${m.fd_ratio.toFixed(2)} of PCA's`, m.sure && `${Math.round(100 * m.sure)} % of samples sure`,
    m.bits_per_dim && `${m.bits_per_dim.toFixed(2)} bits per pixel`,
    m.nelbo > 0 ? `negative ELBO ${m.nelbo.toFixed(1)} nats` : m.mse && `squared error ${m.mse.toFixed(4)}`,
    m.attributes_kept && `${Math.round(100 * m.attributes_kept)} % of attributes kept by reconstructions`,
    m.label_kept && `${Math.round(100 * m.label_kept)} % of reconstructions keep their class`,
  ].filter(Boolean);
}

/** Who trained a model, where that is known. @param {import("./catalogue.js").Model} model */
export const byWhom = ({ origin, mine }) => (origin !== "trained" ? "" : mine ? "Trained by you" : "Shared with you");

/** What its latents look like: 16 numbers, or 4 × 32 × 32. @param {import("./catalogue.js").Model} model */
export const latentText = ({ latent_shape: shape, latent_dim: count }) => (shape.length > 1 ? shape.join(" × ") : `${count} number${count === 1 ? "" : "s"}`);

/** What its pictures look like. @param {import("./catalogue.js").Model} model */
export const pictureText = ({ image_shape: [channels, height, width] }) => `${height} × ${width} ${channels === 1 ? "grey" : "colour"}`;
