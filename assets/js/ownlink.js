// A link to one's own picture carries its code alone, and says so; whoever opens it sees what the model makes of the code.

import { loadAtlas } from "./catalogue.js";
import { bytesOf, encode } from "./considered.js";
import { say } from "./dom.js";
import { ownPicture } from "./ownstate.js";
import { oneHot, place } from "./place.js";
import { MOST_NUMBERS, textOf } from "./points.js";
import { decodeBehind } from "./roads.js";
import { plainly } from "./samples.js";
import { copyLink } from "./saves.js";
import { amend } from "./store.js";

const floats = (bytes, [channels, height, width]) => Float32Array.from({ length: bytes.length }, (_, k) => bytes[(k % (height * width)) * channels + Math.floor(k / (height * width))] / 255);

/** Copy a link with the present model's code of the picture. @param {import("./catalogue.js").Model} model */
export async function linkToCode(model) {
  const own = ownPicture();
  if (model.abilities.encode !== true) return say(`A link carries the picture's code, and ${model.title} has no encoder that would say it; choose a model that has one.`, "problem");
  if (model.latent_dim > MOST_NUMBERS) return say(`A link carries the picture's code, and that of ${model.title} has ${model.latent_dim.toLocaleString("en")} numbers, too many for a link; choose another model.`, "problem");
  try {
    const code = await encode(model, floats(own.pixels, own.shape), null, 1);
    await copyLink({ own: textOf(code) });
    return say(`The link carries the code of your picture in ${model.title}, ${model.latent_dim} numbers: whoever has it sees what the model makes of them. The picture itself stays here.`);
  } catch (error) {
    return say(error.message, "problem");
  }
}

/** What a link's code is as a picture; null, and a sentence, where it is none. @param {import("./catalogue.js").Model} model @param {string} point @returns {Promise<import("./ownstate.js").Own|null>} */
export async function fromLink(model, point) {
  try {
    const z = place(model, await loadAtlas(model), point, false), pixels = await decodeBehind(model, z, oneHot(model, [""]), 1, plainly(model));
    return { pixels: bytesOf(pixels, model.image_shape, 1), shape: model.image_shape, what: "link", sentences: [`It came with the link, as a code: this is what ${model.title} makes of that. The picture itself was not sent.`] };
  } catch (error) {
    say(`The picture of the link cannot be shown: ${error.message}`, "problem");
    amend({ own: "" });
    return null;
  }
}
