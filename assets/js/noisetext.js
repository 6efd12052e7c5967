// What the Denoise page writes into an address: each key with its default, what it may be, and the sentence for what it may not.

const number = (value, least, most, whole = false) => value.trim() !== "" && +value >= least && +value <= most && (!whole || Number.isInteger(+value));
/** A way of sampling as a text: sampler, steps, eta and guidance, of which the model's own are left empty. */
const isManner = (value) => {
  const [sampler, steps, eta, guidance, ...rest] = value.split(",");
  return !value || (guidance !== undefined && !rest.length && /^[a-z+0-9]{0,16}$/.test(sampler) && (!steps || number(steps, 1, 200, true)) && number(eta, 0, 1) && (!guidance || number(guidance, 0, 20)));
};

/** @type {Object<string, {first: any, fits: (value: string) => boolean, read?: (value: string) => any, why: (value: string) => string}>} */
export const NOISE = {
  part: { first: "clean", fits: (value) => ["clean", "forward", "reverse", "noise", "repair", "learned"].includes(value), why: (value) => `The link asks for the part “${value}” of Denoise; there are clean, forward, reverse, noise, repair and learned.` },
  // The picture that parts work on (subject.js); "" is the page's choice
  subject: { first: "", fits: (value) => /^(own|(seed|atlas):\d{1,6})$/.test(value), why: (value) => `The link asks for the picture “${value}”; it is seed: or atlas: and a number, or own.` },
  // Clean
  corrupt: { first: "gaussian", fits: (value) => ["gaussian", "saltpepper", "masking", "block", "blur"].includes(value), why: (value) => `The link asks for the noise “${value}”; there are gaussian, saltpepper, masking, block and blur.` },
  level: { first: 0.5, fits: (value) => number(value, 0, 1), read: Number, why: (value) => `The link asks for the noise level “${value}”; it is a number from 0 to 1.` },
  noise: { first: 1, fits: (value) => number(value, 0, 999999, true), read: Number, why: (value) => `The link asks for the draw “${value}” of the noise; it is a whole number from 0 to 999999.` },
  plain: { first: "", fits: (value) => /^[\w.-]{0,120}$/.test(value), why: (value) => `The link asks for the plain model “${value}”, which is no name.` },
  // Forward
  t: { first: 300, fits: (value) => number(value, 0, 1000, true), read: Number, why: (value) => `The link asks for the moment “${value}”; it is a whole number from 0 to 1000.` },
  grows: { first: "cosine", fits: (value) => ["cosine", "linear"].includes(value), why: (value) => `The link asks for noise that grows “${value}”; there are cosine and linear.` },
  // Reverse: how many seeds, attributes that the model is told as +1 or (with -) as -1, DDIM's share of fresh noise, the same seeds made otherwise as sampler,steps,eta,guidance, the place on the way, whether its step is open
  seeds: { first: 1, fits: (value) => number(value, 1, 4, true), read: Number, why: (value) => `The link asks for “${value}” seeds at once; it is a whole number from 1 to 4.` },
  tell: { first: "", fits: (value) => /^(-?\w{1,40}(,-?\w{1,40}){0,59})?$/.test(value), why: () => "What the link tells the model could not be read; it is names of attributes such as Smiling,-Beard." },
  eta: { first: 0, fits: (value) => number(value, 0, 1), read: Number, why: (value) => `The link asks for eta “${value}”; it is a number from 0 (no fresh noise) to 1.` },
  versus: { first: "", fits: isManner, why: (value) => `The link asks for “${value}” beside it; it is a sampler, 1 to 200 steps, eta from 0 to 1 and guidance from 0 to 20, such as ddpm,50,1,1.5.` },
  moment: { first: 1, fits: (value) => number(value, 0, 1), read: Number, why: (value) => `The link asks for the place “${value}” on the way from noise to picture; it is a number from 0 to 1.` },
  opened: { first: 0, fits: (value) => value === "0" || value === "1", read: Number, why: (value) => `The link says “${value}” to opening a step; it is 1 or 0.` },
  // Noise as a latent: steps of the way back to the noise, how much of a picture is drowned, and the ends of a walk between two noises
  trip: { first: 50, fits: (value) => number(value, 5, 200, true), read: Number, why: (value) => `The link asks for “${value}” steps to the noise; it is a whole number from 5 to 200.` },
  strength: { first: 0.5, fits: (value) => number(value, 0.05, 1), read: Number, why: (value) => `The link asks for the strength “${value}”; it is a number from 0.05 to 1.` },
  from: { first: "picture", fits: (value) => value === "picture" || /^seed:\d{1,6}$/.test(value), why: (value) => `The link asks for a walk from “${value}”; it is picture, or seed: and a number.` },
  to: { first: "seed:2", fits: (value) => /^seed:\d{1,6}$/.test(value), why: (value) => `The link asks for a walk to “${value}”; it is seed: and a number.` },
  // Repair: what is taken from the picture, which pixels a brush or a block hides (bits in base64url; "" is the lower middle), and how often a step is repeated ("" as often as is best for the damage)
  damage: { first: "block", fits: (value) => ["brush", "block", "2", "4"].includes(value), why: (value) => `The link asks for the damage “${value}”; there are brush, block, 2 and 4.` },
  mask: { first: "", fits: (value) => /^[\w-]{0,3000}$/.test(value), why: () => "What the link hides of the picture could not be read; it was left out." },
  repeats: { first: "", fits: (value) => number(value, 1, 10, true), read: Number, why: (value) => `The link asks for “${value}” repeats of a step; it is a whole number from 1 to 10.` },
};

/** @type {Object<string, any>} */
export const NOISE_DEFAULTS = Object.fromEntries(Object.entries(NOISE).map(([name, { first }]) => [name, first]));
