// A card is dragged to a “+”: there its step goes, with its arms up to where they meet. With Ctrl or Alt it is copied.
// A finger lifts it by resting on it; before that it moves the page, as everywhere.
import { h } from "../../segments/builder/dom.js";

const FAR = 6; // pixels, before a press becomes a drag
const NEAR = 90;
const HOLD = 450; // milliseconds

export function draggable(store, stage, deeds, view) {
  stage.addEventListener("pointerdown", (event) => {
    const card = event.target.closest("[data-card]");
    if (!store.editable || event.button !== 0 || view.narrow) return;
    if (!card?.dataset.card || event.target.closest("a, [data-menu]")) return;
    if (event.pointerType === "touch") hold(card, event);
    else follow(card, event);
  });
  let held = false;
  stage.addEventListener("touchmove", (event) => { if (held) event.preventDefault(); }, { passive: false });
  stage.addEventListener("contextmenu", (event) => { if (held) event.preventDefault(); });

  function hold(card, begun) {
    const stop = () => {
      clearTimeout(timer);
      for (const [name, listener] of listeners) removeEventListener(name, listener, true);
    };
    const timer = setTimeout(() => { stop(); held = true; follow(card, begun, true); }, HOLD);
    const moved = (event) => { if (Math.hypot(event.clientX - begun.clientX, event.clientY - begun.clientY) > FAR * 2) stop(); };
    const listeners = [["pointermove", moved], ["pointerup", stop], ["pointercancel", stop]];
    for (const [name, listener] of listeners) addEventListener(name, listener, true);
  }

  function follow(card, begun, lifted = false) {
    let ghost, target;
    const move = (event) => {
      if (!ghost && Math.hypot(event.clientX - begun.clientX, event.clientY - begun.clientY) < FAR) return;
      ghost ??= lift(card);
      ghost.style.left = `${event.clientX + 12}px`;
      ghost.style.top = `${event.clientY + 12}px`;
      scroll(event);
      target?.classList.remove("cv-target");
      target = nearest(event.clientX, event.clientY);
      target?.classList.add("cv-target");
      ghost.classList.toggle("cv-copies", event.ctrlKey || event.altKey);
    };
    const end = (event) => {
      held = false;
      for (const [name, listener] of listeners) removeEventListener(name, listener, true);
      if (!ghost) return;
      ghost.remove();
      card.classList.remove("cv-dragged");
      stage.classList.remove("cv-dropping");
      target?.classList.remove("cv-target");
      addEventListener("click", swallow, { capture: true, once: true });
      setTimeout(() => removeEventListener("click", swallow, { capture: true }), 50);
      if (target && event.type === "pointerup") deeds.moveTo(card.dataset.card, JSON.parse(target.dataset.place), { copy: event.ctrlKey || event.altKey });
    };
    const key = (event) => { if (event.key === "Escape" && ghost) { event.preventDefault(); event.stopPropagation(); end(event); } };
    const listeners = [["pointermove", move], ["pointerup", end], ["pointercancel", end], ["keydown", key]];
    for (const [name, listener] of listeners) addEventListener(name, listener, true);
    if (lifted) { ghost = lift(card); move(begun); }
  }

  function lift(card) {
    card.classList.add("cv-dragged");
    stage.classList.add("cv-dropping");
    getSelection()?.removeAllRanges();
    const ghost = h("div", { class: "cv-ghost" }, store.title(card.dataset.card));
    document.body.append(ghost);
    return ghost;
  }

  function nearest(x, y) {
    let found = null;
    let least = NEAR;
    for (const plus of stage.querySelectorAll(".cv-plus")) {
      const box = plus.getBoundingClientRect();
      const far = Math.hypot(box.left + box.width / 2 - x, box.top + box.height / 2 - y);
      if (far < least) [found, least] = [plus, far];
    }
    return found;
  }

  function scroll(event) {
    const box = stage.getBoundingClientRect();
    const by = (near, far) => (near < 40 ? -14 : far < 40 ? 14 : 0);
    stage.scrollBy(by(event.clientX - box.left, box.right - event.clientX), by(event.clientY - box.top, box.bottom - event.clientY));
  }
}

function swallow(event) {
  event.preventDefault();
  event.stopPropagation();
}
