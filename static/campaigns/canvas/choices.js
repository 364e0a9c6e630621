// What is offered where: kinds of steps and other ways at a “+”, places for what is moved or copied, the menu of a step.
import { h, icon } from "../../segments/builder/dom.js";
import { pick } from "../../segments/builder/picker.js";

const END = " end";

// The list opens beside the anchor; `dc` are the rule builder's colours.
function offer(anchor, entries, choose, title) {
  const holder = h("div", { class: "dc cv-picker" });
  document.querySelector(".cv-page").append(holder);
  new MutationObserver((_, watch) => {
    if (!holder.childElementCount) { watch.disconnect(); holder.remove(); }
  }).observe(holder, { childList: true });
  pick(anchor, holder, entries, { choose, title });
}

// A step as menus name it: one of several with the same title is told by what comes before it, as far as need be.
export function calledIn(store, uid, far = 5) {
  const title = store.title(uid);
  if (!uid) return title;
  if (!far || store.drawing.order.filter((other) => store.title(other) === title).length < 2) return `“${title}”`;
  const line = store.drawing.picture.lines.find((one) => one.to === uid && one.what !== "back");
  if (!line) return `“${title}” to which no way leads`;
  const before = calledIn(store, line.from, far - 1);
  return `“${title}” ${line.label ? `on the way “${line.label}” of` : "that follows"} ${before}`;
}

export function offerKinds(store, anchor, place, { add, lead }) {
  const kinds = store.kinds.map(({ key, label, group, help }) => ({ kind: "kind", key, label, group, note: help }));
  const others = place.into ? [] : store.drawing.order.filter((uid) => uid !== place.from && !leadsTo(store, place, uid));
  const group = "Or lead this way to a step that is there";
  const steps = others.map((uid) => ({ kind: "lead", key: uid, label: calledIn(store, uid), group, note: store.step(uid).label }));
  const end = !place.into && place.from && !leadsTo(store, place, null)
    ? [{ kind: "lead", key: END, label: "The end", group, note: "What follows is not reached this way any more" }] : [];
  offer(anchor, [...kinds, ...steps, ...end], (entry) => {
    if (entry.kind === "kind") add(entry);
    else lead(entry.key === END ? null : entry.key);
  }, "Which step?");
}

function leadsTo(store, place, uid) {
  return store.drawing.picture.lines.some((line) => line.from === place.from && line.arm === place.arm && line.to === uid);
}

export function placeInWords(store, place) {
  if (place.into) return `before ${calledIn(store, place.into)}`;
  const line = store.drawing.picture.lines.find((one) => one.from === place.from && one.arm === place.arm);
  const after = place.from ? `after ${calledIn(store, place.from)}` : "at the beginning";
  return line?.label ? `${after}, way “${line.label}”` : after;
}

// Every place on the flow, in the order in which it is read.
export function offerPlaces(store, anchor, title, choose) {
  const { lines, joins } = store.drawing.picture;
  const entries = ["", ...store.drawing.order].flatMap((uid) => [
    ...joins.filter((one) => one.into === uid).map(() => ({ into: uid })),
    ...lines.filter((line) => line.from === uid && !store.step(uid)?.ends).map(({ from, arm }) => ({ from, arm })),
  ]).map((place, number) => {
    const words = placeInWords(store, place);
    return { key: `${number + 1}`, label: words[0].toUpperCase() + words.slice(1), group: "Where to?", place };
  });
  offer(anchor, entries, (entry) => choose(entry.place), title);
}

// A menu of buttons; arrows walk it, Esc and clicks elsewhere close it.
export function openMenu(anchor, items) {
  const buttons = items.map(([sign, words, act, danger]) => h("button", {
    type: "button", role: "menuitem", class: `cv-menu-item${danger ? " cv-danger" : ""}`, tabindex: "-1",
    onclick: () => { close(); act(); },
  }, icon(sign), words));
  const menu = h("div", { role: "menu", class: "cv-menu", popover: "auto" }, buttons);
  const close = () => { if (menu.isConnected) { menu.hidePopover(); } };
  menu.addEventListener("toggle", (event) => {
    if (event.newState !== "closed") return;
    if (menu.contains(document.activeElement) || document.activeElement === document.body) anchor.focus();
    menu.remove();
  });
  menu.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const here = buttons.indexOf(document.activeElement);
    buttons[(here + step + buttons.length) % buttons.length].focus();
  });
  document.querySelector(".cv-page").append(menu);
  menu.showPopover();
  const { right, bottom, top } = anchor.getBoundingClientRect();
  menu.style.left = `${Math.max(8, Math.min(right - menu.offsetWidth, innerWidth - menu.offsetWidth - 8))}px`;
  menu.style.top = `${bottom + menu.offsetHeight + 8 < innerHeight ? bottom + 4 : Math.max(8, top - menu.offsetHeight - 4)}px`;
  buttons[0].focus();
}
