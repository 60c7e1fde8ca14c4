// Drag: a card's letter or its chip, moved onto a tier with mouse, pen or finger. Keys, taps and the menu do the same.

import { element } from "./dom.js";
import { letter } from "./messages.js";
import { ASIDE } from "./state.js";

const FAR_ENOUGH = 6; // pixels before a press becomes a drag

/** Let everything with data-drag be dragged; a drop is told as `act(action, input)`. */
export function enableDragging(root, act) {
  let drag = null;

  root.addEventListener("pointerdown", (event) => {
    const handle = event.target.closest?.("[data-drag]");
    if (!handle || event.button !== 0) return;
    drag = { card: Number(handle.dataset.drag), x: event.clientX, y: event.clientY, ghost: null, pointer: event.pointerId };
  });

  root.addEventListener("pointermove", (event) => {
    if (!drag || event.pointerId !== drag.pointer) return;
    if (!drag.ghost) {
      if (Math.hypot(event.clientX - drag.x, event.clientY - drag.y) < FAR_ENOUGH) return;
      drag.ghost = element("div", { class: "ghost", "aria-hidden": "true" }, letter(drag.card));
      document.body.append(drag.ghost);
      document.body.dataset.dragging = "";
    }
    event.preventDefault();
    drag.ghost.style.transform = `translate(${event.clientX - 18}px, ${event.clientY - 18}px)`;
    mark(slotAt(event));
  });

  root.addEventListener("pointerup", (event) => {
    const done = end();
    if (!done?.ghost) return;
    swallowClick();
    const place = slotAt(event)?.dataset.slot;
    const input = event.pointerType === "touch" ? "touch" : "pointer";
    if (place === "") act({ type: "unplace", card: done.card }, input);
    else if (place === ASIDE) act({ type: "aside", card: done.card }, input);
    else if (place) act({ type: "place", card: done.card, tier: Number(place) }, input);
  });

  root.addEventListener("pointercancel", end);
  root.addEventListener("keydown", (event) => event.code === "Escape" && end());

  function end() {
    const done = drag;
    drag?.ghost?.remove();
    delete document.body.dataset.dragging;
    mark(null);
    drag = null;
    return done;
  }
}

function slotAt(event) {
  return document.elementFromPoint(event.clientX, event.clientY)?.closest("[data-slot]") ?? null;
}

function mark(slot) {
  for (const other of document.querySelectorAll("[data-over]")) if (other !== slot) other.removeAttribute("data-over");
  slot?.setAttribute("data-over", "");
}

// A drop ends in a click on whatever lies below; it was no click.
function swallowClick() {
  const swallow = (event) => (event.stopPropagation(), event.preventDefault());
  window.addEventListener("click", swallow, { capture: true, once: true });
  setTimeout(() => window.removeEventListener("click", swallow, { capture: true }), 0);
}
