// The outer address: on a Hugging Face Space the page lies in a frame, and what people see and share is the address of the page around it.

const HUB = "https://huggingface.co";
let space = "", classroom = "";

/** The page is this Space. Its frame then takes the height of the window, so that the head and what is said stay in sight. @param {string} name owner/name, "" for none */
export function liveOnSpace(name) {
  space = name;
  if (!name || window.parent === window) return;
  document.documentElement.dataset.gradioCover = ""; // asks Gradio not to stretch the frame to the length of the page
  document.documentElement.classList.add("lp-framed");
}

/** This page is a class's, and its own address is good on this machine alone. @param {string} address under which others open it */
export function liveInClass(address) { classroom = address; }

/** Where others find this page, without a query. */
export const outerAddress = () => (space ? `${HUB}/spaces/${space}` : classroom ? `${classroom}/` : location.origin + location.pathname);

/** Whether a link to another address has to leave the frame around this page. */
export const isFramed = () => window.parent !== window;

/** Keep the address of the page around this one in step. @param {string} query */
export function tellOuter(query) {
  if (space && isFramed() && [HUB, ""].includes(around())) window.parent.postMessage({ queryString: query }, HUB);
}

/** The origin of the page around this one; "" where the browser does not tell. */
function around() {
  if (location.ancestorOrigins?.length) return location.ancestorOrigins[0];
  return document.referrer && new URL(document.referrer).origin;
}
