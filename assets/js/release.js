// When a slider is let go: at once after a hand, a moment after the last of many keys.

const KEY_REST = 300; // milliseconds after the last key that make one release of many

/**
 * @param {HTMLElement} element what holds the sliders @param {() => void} onRelease
 * @returns {{release: () => void, forget: () => void}} release: for every change of a slider; forget: what the keys did before is over
 */
export function releases(element, onRelease) {
  let keyed = false, resting = 0;
  element.addEventListener("keydown", ({ target }) => { keyed = target.matches("input"); });
  element.addEventListener("pointerdown", () => { keyed = false; });
  const forget = () => clearTimeout(resting);
  const release = () => {
    forget();
    if (keyed) resting = setTimeout(onRelease, KEY_REST);
    else onRelease();
  };
  return { release, forget };
}
