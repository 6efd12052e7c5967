// When the page in a tab begins: once the head has read catalogue and address, and there is a model.

const EMPTY = "There is no model to show yet. Fetch one in Models, and this page begins by itself.";

/** The head: the page begins now, or, without any model, later. @param {boolean} any whether there is a model */
export function letBegin(any) {
  window.dispatchEvent(new Event(any ? "latent-ready" : "latent-empty"));
  window[any ? "latentReady" : "latentEmpty"] = true;
}

/** @param {HTMLElement} root where the page will stand @param {() => void} begin */
export function whenReady(root, begin) {
  if (window.latentReady) return begin();
  const wait = () => { const line = root.querySelector(".lp-wait"); if (line) line.textContent = EMPTY; };
  if (window.latentEmpty) wait();
  else window.addEventListener("latent-empty", wait, { once: true });
  window.addEventListener("latent-ready", begin, { once: true });
}
