// What the Train page has in the address: the run that is open and its moment, those laid over each other, and what the form is set to.

const RUN = "[\\w.-]{1,200}", MOST_OVER = 10;
export const OVER = MOST_OVER; // runs that are laid over each other at most

/** Keys of the address, each with its default, what fits, and what is said of one that does not. */
export const TRAIN = {
  run: { first: "", fits: (value) => new RegExp(`^${RUN}$`).test(value), why: (value) => `The link asks for the training “${value}”, which is no name.` },
  after: { first: "", fits: (value) => /^\d{1,9}$/.test(value), why: (value) => `The link asks how a training stood after “${value}” steps, which is no number.` },
  over: { first: "", fits: (value) => new RegExp(`^${RUN}(,${RUN}){0,${MOST_OVER - 1}}$`).test(value), why: (value) => `The link lays trainings over each other, “${value}”, which are no names.` },
  // The form: a data set, a family, the dial of size, and what is set otherwise than these have it, as name:value;stage.name:value;recipe.name:value
  learn: { first: "", fits: (value) => /^[\w.@#:\/-]{1,200}$/.test(value), why: (value) => `The link asks to learn from “${value}”, which is no name of a data set.` },
  kin: { first: "", fits: (value) => /^\w{1,60}$/.test(value), why: (value) => `The link asks for the family “${value}”, which is no name.` },
  size: { first: "", fits: (value) => ["small", "medium", "large"].includes(value), why: (value) => `The link asks for the size “${value}”; there are small, medium and large.` },
  knobs: { first: "", fits: (value) => value.length <= 1000 && value.split(";").every((one) => /^(stage\.|recipe\.)?\w{1,60}:[^;]*$/.test(one)), why: () => "The settings in the link could not be read; they were left out." },
  give: { first: "", fits: (value) => new RegExp(`^${RUN}$`).test(value), why: (value) => `The link asks to publish “${value}”, which is no name.` },
};

/** Of these what is open is one's own: nobody who follows a teacher takes them on. */
export const PRIVATE = ["run", "after", "over", "give"];

/** @type {Object<string, any>} */
export const TRAIN_DEFAULTS = Object.fromEntries(Object.entries(TRAIN).map(([name, { first }]) => [name, first]));

/** The settings of a text, by their full names. @param {string} text @returns {Map<string, string>} */
export const readKnobs = (text) => new Map(text.split(";").filter(Boolean).map((one) => { const at = one.indexOf(":"); return [one.slice(0, at), one.slice(at + 1)]; }));

/** @param {Map<string, string>} knobs */
export const knobsText = (knobs) => [...knobs].map(([name, value]) => `${name}:${value}`).join(";");
