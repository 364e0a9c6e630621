// The flow on the page: lines below, and a list of cards in the order in which they are read, each with its ways out.
import { h, icon } from "../../segments/builder/dom.js";
import { calledIn } from "./choices.js";
import { lines } from "./lines.js";
import { countOf, numbersOf } from "./numbers.js";

export function draw(store, plane) {
  const { picture, order } = store.drawing;
  const leaving = (line) => line.what === "end" && store.step(line.from)?.ends;
  const ways = Map.groupBy ? Map.groupBy(picture.lines, (line) => line.from) : grouped(picture.lines);
  const places = ["", ...order];
  const list = h("ol", { class: "cv-list", "aria-label": "Steps, in the order in which they follow each other" });
  places.forEach((uid, index) => list.append(item(store, uid, index, (ways.get(uid) ?? []).filter((line) => !leaving(line)))));
  plane.replaceChildren(lines(picture, leaving), list);
  plane.style.width = `${picture.width}px`;
  plane.style.height = `${picture.height}px`;
}

function grouped(found) {
  const by = new Map();
  for (const line of found) by.set(line.from, [...(by.get(line.from) ?? []), line]);
  return by;
}

function item(store, uid, index, ways) {
  const card = uid ? stepCard(store, uid, index) : entryCard(store);
  const { x, y } = store.drawing.picture.cards[uid];
  card.style.left = `${x}px`;
  card.style.top = `${y}px`;
  const join = store.drawing.picture.joins.find((one) => one.into === uid);
  return h("li", { class: "cv-item", "data-item": uid },
    join && store.editable && plus({ into: uid }, join, `Add a step before ${calledIn(store, uid)}, for all who get there`, uid),
    card, ways.map((line) => way(store, line, line.label || line.to !== store.drawing.order[index])));
}

function entryCard(store) {
  const { lines: told, more, ...marked } = store.drawing.entry;
  const { problems, notes } = store.begun ? marked : { problems: [], notes: [] };
  return h("div", { class: `cv-card cv-entry${marks(problems, notes)}`, "data-card": "" },
    h("button", { type: "button", class: "cv-open", "data-open-step": "", title: [...told, ...more].join("\n") },
      h("span", { class: "cv-kind" }, icon("login"), "Who enters"),
      h("span", { class: "cv-title" }, told.slice(0, 2).join(" ")),
      told.length > 2 && h("span", { class: "cv-if" }, `and ${told.length - 2} more`),
      more.length > 0 && h("span", { class: "cv-if" }, more.join(" ")),
      wrong([...problems, ...notes])));
}

const marks = (problems, notes) => (problems.length ? " cv-wrong" : notes.length ? " cv-noted" : "");

function stepCard(store, uid, index) {
  const step = store.step(uid);
  const faults = [...step.problems, ...step.notes];
  return h("div", { class: `cv-card${marks(step.problems, step.notes)}`, "data-card": uid },
    h("button", { type: "button", class: "cv-open", "data-open-step": uid, title: step.title },
      h("span", { class: "cv-kind" }, icon(step.icon), h("span", {}, step.label), h("span", { class: "cv-unseen" }, `, step ${index}:`)),
      h("span", { class: "cv-title" }, step.title),
      step.only_if && h("span", { class: "cv-if" }, `Only if ${step.only_if}`),
      wrong(faults)),
    store.editable && h("button", { type: "button", class: "cp-tool cv-more", "data-menu": uid, "aria-haspopup": "menu", "aria-label": `What to do with ${calledIn(store, uid)}`, title: "More", tabindex: "-1" }, icon("more_vert")),
    numbersOf(store, uid, step));
}

function wrong(sentences) {
  return sentences.length > 0 && h("span", { class: "cv-fault", title: sentences.join("\n") },
    icon("error"), h("span", {}, sentences[0]), sentences.length > 1 && h("span", { class: "cv-unseen" }, sentences.slice(1).join(" ")));
}

function way(store, line, named) {
  const [x, y] = line.points.at(-1);
  const before = `Add a step after ${line.from ? calledIn(store, line.from) : "“the entry”"}${line.label ? `, way “${line.label}”` : ""}`;
  return h("div", { class: "cv-way" },
    line.words && at(h("span", { class: "cv-words", title: line.label }, h("span", {}, line.label), countOf(store, line)), line.words.x, line.words.y),
    store.editable && plus({ from: line.from, arm: line.arm }, line.plus, before, line.from),
    line.what === "end" && at(h("span", { class: "cv-end" }, icon("stop_circle"), "End"), x, y),
    line.what === "jump" && at(h("button", { type: "button", class: "cv-end cv-jump", "data-go": line.to, tabindex: "-1" }, icon("shortcut"), store.title(line.to)), x, y),
    named && line.what !== "end" && h("span", { class: "cv-leads" }, line.what === "back" ? "back to: " : "goes on with: ", store.title(line.to)));
}

function plus(place, { x, y }, label, uid) {
  return at(h("button", {
    type: "button", class: "cv-plus", "data-place": JSON.stringify(place), "data-of": uid, "aria-label": label, title: label, tabindex: "-1",
  }, icon("add")), x, y);
}

function at(element, x, y) {
  element.style.left = `${x}px`;
  element.style.top = `${y}px`;
  return element;
}
