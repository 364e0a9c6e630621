// The canvas: reads what the page brings along, draws it, and joins the parts.
import { draw } from "./draw.js";
import { Deeds } from "./deeds.js";
import { showKeys } from "./dialogs.js";
import { draggable } from "./dragging.js";
import { Keys } from "./keys.js";
import { listed, marked } from "./notes.js";
import { follow } from "./numbers.js";
import { Panel } from "./panel.js";
import { Saving } from "./saving.js";
import { Store } from "./store.js";
import { View } from "./view.js";
// What those import: named here, too, so that the browser asks for all of them at once.
import "../../segments/builder/dom.js";
import "../../segments/builder/picker.js";
import "./choices.js";
import "./lines.js";
import "./net.js";
import "./reading.js";

const find = (selector) => document.querySelector(selector);
const store = new Store(JSON.parse(find("#canvas-data").textContent));
const [stage, plane, said, state, notes] = ["[data-stage]", "[data-plane]", "[data-said]", "[data-state]", "[data-notes]"].map(find);
const view = new View(stage, plane, find("[data-zoom]"));
const panel = new Panel(store, find("[data-panel]"));
const deeds = new Deeds(store, panel);
const keys = new Keys(store, stage, deeds, panel);
const saving = new Saving(store, panel, find("[data-head]"));
const button = (name) => find(`[data-do="${name}"]`);

function redraw({ show } = {}) {
  const place = keys.remember();
  draw(store, plane);
  view.size();
  keys.restore(place, show);
  mark();
  tell();
  stand();
  if (show !== undefined) view.show(keys.card(show)?.closest("[data-card]"));
}

function mark() {
  for (const card of plane.querySelectorAll("[data-card]")) {
    const open = store.selected !== null && card.dataset.card === store.selected && !document.querySelector("[data-panel]").hidden;
    if (open) card.querySelector(".cv-open").setAttribute("aria-current", "true");
    else card.querySelector(".cv-open").removeAttribute("aria-current");
  }
}

// What is wrong, and what can be undone.
function tell() {
  const wrong = store.editable && store.begun && listed(store);
  notes.hidden = !wrong;
  if (wrong && notes.firstElementChild?.isEqualNode(wrong)) return;
  const here = notes.contains(document.activeElement) && document.activeElement.dataset.goTo;
  notes.replaceChildren(...(wrong ? [wrong] : []));
  if (typeof here === "string") (notes.querySelector(`[data-go-to="${CSS.escape(here)}"]`) ?? keys.card(here) ?? keys.card("")).focus();
}

// Whether all is saved; what was refused stays until something else is done.
function stand(words) {
  state.classList.remove("cv-refused");
  if (!store.editable) return;
  button("undo").disabled = !store.past.length;
  button("redo").disabled = !store.future.length;
  button("save").disabled = !store.dirty && !store.new && !panel.dirty;
  state.textContent = words ?? (store.dirty || panel.dirty ? "Not saved yet" : store.new ? "" : "Saved");
}

// For those who listen; the same sentence is said again, too.
function say(sentence) {
  said.textContent = said.textContent === sentence ? `${sentence}\u00a0` : sentence;
}

function refuse(sentence) {
  say(sentence);
  state.textContent = sentence;
  state.classList.add("cv-refused");
}

// The next step at which something is marked, from the one that has the focus on.
function next() {
  const places = marked(store).map(([uid]) => uid);
  if (!places.length) { say("Nothing is marked."); return; }
  const order = ["", ...store.drawing.order];
  const here = order.indexOf(keys.current);
  goTo(places.find((uid) => order.indexOf(uid) > here) ?? places[0]);
}

function goTo(uid) { view.show(keys.focus(uid)); }

store.addEventListener("drawn", ({ detail }) => redraw(detail ?? {}));
store.addEventListener("selected", () => {
  mark();
  stand();
  if (store.selected) requestAnimationFrame(() => view.show(keys.card(store.selected)?.closest("[data-card]")));
});
store.addEventListener("focus", ({ detail }) => keys.focus(detail));
store.addEventListener("remove", ({ detail }) => deeds.remove(detail));
store.addEventListener("refused", ({ detail }) => refuse(detail));
store.addEventListener("said", ({ detail }) => { say(detail); stand(); });
store.addEventListener("saved", ({ detail }) => { say(detail); stand(detail); panel.refuse(""); });
find("[data-panel]").addEventListener("input", () => stand());

const DEEDS = {
  undo: () => store.undo(),
  redo: () => store.redo(),
  save: () => saving.save(),
  larger: () => view.zoom(view.scale * 1.2),
  smaller: () => view.zoom(view.scale / 1.2),
  fit: () => view.fit(),
  keys: showKeys,
  flow: () => keys.focus(keys.current),
  next,
};
find(".cv-bar").addEventListener("click", (event) => DEEDS[event.target.closest("[data-do]")?.dataset.do]?.());

stage.addEventListener("click", (event) => {
  const target = event.target.closest("[data-place], [data-menu], [data-go], [data-open-step]");
  if (!target) return;
  if (target.dataset.place) deeds.add(JSON.parse(target.dataset.place), target);
  else if (target.dataset.menu) deeds.menu(target.dataset.menu, target);
  else if (target.dataset.go) goTo(target.dataset.go);
  else if (target.dataset.openStep) panel.open("step", target.dataset.openStep);
  else panel.open("entry", "");
});

notes.addEventListener("click", (event) => {
  const target = event.target.closest("[data-go-to]");
  if (target) goTo(target.dataset.goTo);
});

const typing = (element) => element.closest?.("input, select, textarea, [contenteditable], dialog, [popover]");
document.addEventListener("keydown", (event) => {
  const wide = event.ctrlKey || event.metaKey;
  if (wide && event.key.toLowerCase() === "s" && store.editable) { event.preventDefault(); saving.save(); return; }
  if (event.key === "Escape" && !panel.box.hidden && (panel.box.contains(event.target) || stage.contains(event.target))) { panel.escape(); return; }
  if (typing(event.target)) return;
  if (wide && store.editable && event.key.toLowerCase() === "z") { event.preventDefault(); (event.shiftKey ? DEEDS.redo : DEEDS.undo)(); return; }
  if (wide && store.editable && event.key.toLowerCase() === "y") { event.preventDefault(); DEEDS.redo(); return; }
  if (wide || event.altKey) return;
  const deed = { "+": "larger", "=": "larger", "-": "smaller", 0: "fit", "?": "keys", n: "next", N: "next", f: "flow", F: "flow" }[event.key];
  if (deed && !find("[data-panel]").contains(event.target)) { event.preventDefault(); DEEDS[deed](); }
});

new ResizeObserver(() => view.size()).observe(stage);
const above = new ResizeObserver(() => view.end());
for (const part of [find("[data-head]"), find(".cv-bar"), notes]) above.observe(part);
redraw();
keys.mark("");
view.begin();
draggable(store, stage, deeds, view);
follow(store, plane);
store.addEventListener("numbers", tell);
// Who comes back from the people behind a number goes on where they were.
addEventListener("pagehide", () => history.replaceState({ step: keys.current }, ""));
if (store.step(history.state?.step)) goTo(history.state.step);
if (store.new) panel.open("entry", "", { fresh: true });
document.querySelector(".cv-page").toggleAttribute("data-ready", true);
