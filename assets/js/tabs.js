// The tabs of the page: the address opens one, and opening one writes it into the address.

import { say } from "./dom.js";
import { choose, chosen, onChange } from "./store.js";

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
    const button = [...list.querySelectorAll("[data-tab-id]")].find((one) => one.dataset.tabId === tab);
    if (button) return button.click();
    say(`The link asks for the tab “${tab}”, which this page does not have.`, "problem");
    choose({ tab: shown() }, false);
  }
  open();
  new MutationObserver(() => { if (shown() && shown() !== chosen().tab) choose({ tab: shown() }, false); })
    .observe(list, { subtree: true, childList: true, attributeFilter: ["aria-selected"] });
  onChange((_, changed) => { if (changed.has("tab")) open(); });
}
