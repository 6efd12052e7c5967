// Equations: a short text such as "x_t = √(ᾱ_t) x_0 + 0.5 ε" as MathML, which browsers draw and read aloud by themselves.

const NS = "http://www.w3.org/1998/Math/MathML";
const TOKEN = /\s*(?:(\d+(?:\.\d+)?)|(\p{L}[\u0302-\u0304]*)|"([^"]*)"|(.))/uy;
const OPENS = { "(": ")", "{": "}" };

function node(tag, ...children) {
  const element = document.createElementNS(NS, tag);
  element.append(...children);
  return element;
}

/**
 * Letters (also with hats and bars) are variables, "words" in quotes stay upright; a_b and a_{b c} are indices, a^b is a power, √(a) is a root, {a / b} is a fraction.
 * @param {string} text @returns {MathMLElement}
 */
export function formula(text) {
  let at = 0;
  const next = () => { TOKEN.lastIndex = at; const found = TOKEN.exec(text); if (found) at = TOKEN.lastIndex; return found; };
  const peek = () => { TOKEN.lastIndex = at; return TOKEN.exec(text)?.[4] ?? ""; };

  /** All up to a closing sign, which is taken. */
  function row(end) {
    const parts = [];
    for (let found; (found = next());) {
      if (found[4] && found[4] === end) break;
      let part = atom(found);
      const sub = peek() === "_" && (next(), atom(next())), sup = peek() === "^" && (next(), atom(next()));
      if (sub || sup) part = sub && sup ? node("msubsup", part, sub, sup) : node(sub ? "msub" : "msup", part, sub || sup);
      parts.push(part);
    }
    return parts;
  }
  function atom([, number, letter, word, sign]) {
    if (number) return node("mn", number);
    if (letter) return node("mi", letter);
    if (word !== undefined) return node("mtext", word);
    if (sign === "√") { next(); return node("msqrt", ...row(")")); }
    if (sign === "(") return node("mrow", node("mo", "("), ...row(OPENS[sign]), node("mo", ")"));
    if (sign === "{") {
      const parts = row(OPENS[sign]), cut = parts.findIndex((part) => part.localName === "mo" && part.textContent === "/");
      return cut < 0 ? node("mrow", ...parts) : node("mfrac", node("mrow", ...parts.slice(0, cut)), node("mrow", ...parts.slice(cut + 1)));
    }
    return node("mo", sign);
  }
  const math = node("math", ...row(""));
  math.setAttribute("class", "lp-formula");
  if (text.includes("/")) math.setAttribute("displaystyle", "true"); // fractions as large as the rest
  return math;
}

/** A number as it stands in an equation: a true minus sign, always as many digits. @param {number} value @param {number} [digits] */
export const inMath = (value, digits = 3) => {
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && +text !== 0 ? `−${text}` : text;
};
