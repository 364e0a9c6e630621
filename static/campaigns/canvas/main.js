// The canvas: reads what the page brings along, draws it, and joins the parts.
import { draw } from "./draw.js";
import { Deeds } from "./deeds.js";
import { showKeys } from "./dialogs.js";
import { draggable } from "./dragging.js";
import { Keys } from "./keys.js";
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
  if (show !== undefined) view.show(keys.card(show)?.closest("[data-card]"));
}

function mark() {
  for (const card of plane.querySelectorAll("[data-card]")) {
    const open = store.selected !== null && card.dataset.card === store.selected && !document.querySelector("[data-panel]").hidden;
    card.querySelector(".cv-open").toggleAttribute("aria-current", open);
  }
}

// What is wrong with the whole, what can be undone, what is saved.
function tell() {
  const wrong = [...store.drawing.problems, ...store.drawing.entry.problems];
  const steps = Object.values(store.drawing.steps).filter((step) => step.problems.length).length;
  if (steps) wrong.push(`${steps === 1 ? "1 step is" : `${steps} steps are`} not complete yet; ${steps === 1 ? "it is" : "they are"} marked below.`);
  const gone = Object.entries(store.numbers ?? {}).filter(([uid, found]) => found.waiting && !store.step(uid));
  const people = gone.reduce((sum, [, found]) => sum + found.waiting, 0);
  if (people) wrong.push(`${people === 1 ? "1 person waits" : `${people} people wait`} in steps that are not drawn any more; publishing asks what becomes of them.`);
  notes.hidden = !wrong.length || !store.editable;
  notes.replaceChildren(...(wrong.length ? [list(wrong)] : []));
  if (!store.editable) return;
  button("undo").disabled = !store.past.length;
  button("redo").disabled = !store.future.length;
  button("save").disabled = !store.dirty && !store.new && !panel.dirty;
  state.textContent = store.dirty ? "Not saved yet" : store.new ? "" : "Saved";
}

function list(sentences) {
  const shown = document.createElement("ul");
  for (const sentence of sentences) shown.append(Object.assign(document.createElement("li"), { textContent: sentence }));
  return shown;
}

function refuse(sentence) {
  said.textContent = sentence;
  state.textContent = sentence;
  state.classList.add("cv-refused");
}

store.addEventListener("drawn", ({ detail }) => redraw(detail ?? {}));
store.addEventListener("selected", () => {
  mark();
  if (store.selected) requestAnimationFrame(() => view.show(keys.card(store.selected)?.closest("[data-card]")));
});
store.addEventListener("focus", ({ detail }) => keys.focus(detail));
store.addEventListener("remove", ({ detail }) => deeds.remove(detail));
store.addEventListener("refused", ({ detail }) => refuse(detail));
store.addEventListener("said", ({ detail }) => { said.textContent = detail; state.classList.remove("cv-refused"); tell(); });
store.addEventListener("saved", ({ detail }) => { said.textContent = detail; state.classList.remove("cv-refused"); tell(); state.textContent = detail; });
find("[data-panel]").addEventListener("input", tell);

const DEEDS = {
  undo: () => store.undo(),
  redo: () => store.redo(),
  save: () => saving.save(),
  larger: () => view.zoom(view.scale * 1.2),
  smaller: () => view.zoom(view.scale / 1.2),
  fit: () => view.fit(),
  keys: showKeys,
};
find(".cv-bar").addEventListener("click", (event) => DEEDS[event.target.closest("[data-do]")?.dataset.do]?.());

stage.addEventListener("click", (event) => {
  const target = event.target.closest("[data-place], [data-menu], [data-go], [data-open-step]");
  if (!target) return;
  if (target.dataset.place) deeds.add(JSON.parse(target.dataset.place), target);
  else if (target.dataset.menu) deeds.menu(target.dataset.menu, target);
  else if (target.dataset.go) view.show(keys.focus(target.dataset.go));
  else if (target.dataset.openStep) panel.open("step", target.dataset.openStep);
  else panel.open("entry", "");
});

const typing = (element) => element.closest?.("input, select, textarea, [contenteditable], dialog, [popover]");
document.addEventListener("keydown", (event) => {
  const wide = event.ctrlKey || event.metaKey;
  if (wide && event.key.toLowerCase() === "s" && store.editable) { event.preventDefault(); saving.save(); return; }
  if (event.key === "Escape" && !panel.dirty && find("[data-panel]").contains(event.target)) { panel.close(); return; }
  if (typing(event.target)) return;
  if (wide && store.editable && event.key.toLowerCase() === "z") { event.preventDefault(); (event.shiftKey ? DEEDS.redo : DEEDS.undo)(); return; }
  if (wide && store.editable && event.key.toLowerCase() === "y") { event.preventDefault(); DEEDS.redo(); return; }
  if (wide || event.altKey) return;
  const deed = { "+": "larger", "=": "larger", "-": "smaller", 0: "fit", "?": "keys" }[event.key];
  if (deed && !find("[data-panel]").contains(event.target)) { event.preventDefault(); DEEDS[deed](); }
});

new ResizeObserver(() => view.size()).observe(stage);
redraw();
keys.mark("");
view.begin();
draggable(store, stage, deeds, view);
follow(store, plane);
store.addEventListener("numbers", tell);
if (store.new) panel.open("entry", "", { fresh: true });
document.querySelector(".cv-page").toggleAttribute("data-ready", true);
