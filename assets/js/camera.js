// A picture by the camera: seen first, then taken; where the browser lends none, by the camera's own program.

import { make, say } from "./dom.js";

const SIDE = 1280; // pixels that are asked of the camera
const WHY = { NotAllowedError: "The browser may not use the camera; allow it beside the address, then press Camera again.", NotFoundError: "This device has no camera that the browser can use.",
  NotReadableError: "Another program is using the camera." };

/** @param {(picture: Blob) => void} onTake @returns {{button: HTMLElement, element: HTMLElement, close: () => void}} */
export function createCamera(onTake) {
  const lends = !!navigator.mediaDevices?.getUserMedia;
  const file = make("input", { type: "file", accept: "image/*", capture: "user", hidden: true, onchange: () => { if (file.files[0]) onTake(file.files[0]); file.value = ""; } });
  const button = make("button", { class: "lp-button", "data-testid": "camera", onclick: () => (lends ? open() : noLending()) }, "Camera");
  const video = make("video", { class: "lp-video", muted: true, autoplay: true, playsInline: true, "aria-label": "What the camera sees" });
  const element = make("div", { class: "lp-camera", hidden: true }, video, make("div", { class: "lp-row" },
    make("button", { class: "lp-button main", "data-testid": "camera-take", onclick: take }, "Take the picture"), make("button", { class: "lp-button", onclick: close }, "Close the camera")), file);
  let stream = null;

  /** Plain http has no camera in the page; a phone still has its own program for it. */
  function noLending() {
    const phone = matchMedia("(pointer: coarse)").matches, why = window.isSecureContext ? "This browser lends no camera to a page." : "Browsers lend the camera to pages with https only, and this one has none.";
    if (phone) return file.click();
    return say(`${why} Take a picture with the camera's own program and choose its file.`, "problem", { text: "Choose a file", act: () => file.click() });
  }

  async function open() {
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: SIDE }, height: { ideal: SIDE }, facingMode: "user" } });
    } catch (error) {
      return say(WHY[error.name] ?? "The camera could not be opened.", "problem");
    }
    video.srcObject = stream;
    element.hidden = false;
    return element.scrollIntoView({ block: "nearest" });
  }

  function close() {
    stream?.getTracks().forEach((track) => track.stop());
    [stream, video.srcObject, element.hidden] = [null, null, true];
  }

  function take() {
    const canvas = make("canvas", { width: video.videoWidth, height: video.videoHeight });
    if (!canvas.width) return say("The camera has no picture yet; wait a moment.");
    canvas.getContext("2d").drawImage(video, 0, 0);
    return canvas.toBlob((picture) => { close(); onTake(picture); }, "image/jpeg", 0.95);
  }
  return { button, element, close };
}
