// The tabs of the page: the address opens one, and opening one writes it into the address.

import { reveal, say } from "./dom.js";
import { amend, choose, chosen, onChange } from "./store.js";

const WHOLE_ONLY = ["models", "train"]; // where something is deleted, published or begun: not in a frame on another site, which could lead a click astray
const TAB = '[role="tablist"] [data-tab-id]';

/** Open the tab that the address names, and from now on let store and tabs agree. Gradio draws its tabs when it likes: wait for them. */
export function followTabs() {
  const tabs = [...document.querySelectorAll(TAB)];
  if (!tabs.length) return requestAnimationFrame(followTabs);
  const list = tabs[0].closest('[role="tablist"]');
  const shown = () => list.querySelector('[data-tab-id][aria-selected="true"]')?.dataset.tabId;
  function open() {
    const { tab } = chosen();
    if (tab === shown()) return;
    if (chosen().embed && WHOLE_ONLY.includes(tab)) {
      say("This is done on the whole page; the link at the top leads there.", "problem");
      return choose({ tab: shown() }, false);
    }
    const button = [...list.querySelectorAll("[data-tab-id]")].find((one) => one.dataset.tabId === tab);
    if (button) return button.click();
    if (new URLSearchParams(location.search).has("tab")) say(`The link asks for the tab “${tab}”, which this page does not have.`, "problem");
    amend({ tab: shown() });
  }
  const inSight = () => reveal(list, list.querySelector('[aria-selected="true"]')); // on a phone the list scrolls
  open();
  inSight();
  new MutationObserver(() => {
    if (!shown()) return;
    inSight();
    if (shown() === chosen().tab) return;
    choose({ tab: shown() }, false);
    open(); // where a lesson has locked the tab
  })
    .observe(list, { subtree: true, childList: true, attributeFilter: ["aria-selected"] });
  onChange((_, changed) => { if (changed.has("tab")) open(); });
}
