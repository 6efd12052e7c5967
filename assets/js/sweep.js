// A hand that goes across a picture on a page that scrolls: a mouse picks at once, a finger once it goes sideways or lifts, for one that goes up or down scrolls.

/**
 * @param {HTMLElement|SVGElement} field whose touch-action is pan-y
 * @param {(event: PointerEvent, box: DOMRect, done: boolean) => void} onPick box: where the field lies, measured once per press; done: the hand lets go
 * @param {HTMLElement} [of] whose box it is, where it is not the field's
 */
export function sweeps(field, onPick, of = field) {
  let from = null, last = null, box = null; // where the press began, and the newest place that was picked
  const pick = (event, done) => { last = event; onPick(event, box, done); };

  field.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    [from, last, box] = [event, null, of.getBoundingClientRect()];
    field.setPointerCapture(event.pointerId);
    if (event.pointerType !== "touch") pick(event, false);
  });
  field.addEventListener("pointermove", (event) => {
    if (from && (last || Math.abs(event.clientX - from.clientX) > Math.abs(event.clientY - from.clientY))) pick(event, false);
  });
  field.addEventListener("pointerup", (event) => {
    if (!from) return;
    from = null;
    pick(event, true);
  });
  field.addEventListener("pointercancel", () => {
    if (from && last) pick(last, true);
    from = null;
  });
}
