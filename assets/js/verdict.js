// What a classifier sees in a picture, in words: its likeliest class, or all attributes that are rather there than not.

import { classifierNamed } from "./catalogue.js";

const THERE = 0.5;

/**
 * @param {string} name of the classifier @param {ArrayLike<number>} chances a probability per class or attribute
 * @returns {{many: boolean, text: string, sure: number|null}} many: it sees attributes, of which `sure` says nothing
 */
export function verdictOf(name, chances) {
  const { classes, kind } = classifierNamed(name);
  if (kind === "attributes") return { many: true, text: classes.filter((_, k) => chances[k] >= THERE).join(", ") || "none of these", sure: null };
  const sure = Math.max(...chances);
  return { many: false, text: classes[chances.indexOf(sure)] ?? "?", sure };
}
