// What is wrong, in sentences above the flow: of the whole, and of each step with a way to it.
import { h, icon } from "../../segments/builder/dom.js";
import { calledIn } from "./choices.js";

const MOST = 4; // of the steps, so that the flow stays in sight

// Where something is marked, in the order in which it is read; "" is the entry.
export function marked(store) {
  const sentences = (uid) => { const { problems, notes } = cardOf(store, uid); return [...problems, ...notes]; };
  return ["", ...store.drawing.order].map((uid) => [uid, sentences(uid)]).filter(([, found]) => found.length);
}

const cardOf = (store, uid) => (uid ? store.step(uid) : store.drawing.entry);
const isWrong = (store, uid) => cardOf(store, uid).problems.length > 0;

export function listed(store) {
  const all = marked(store);
  const steps = all.slice(0, MOST).map(([uid, sentences]) => [uid, `${uid ? calledIn(store, uid) : "Who enters"}: ${sentences[0]}`]);
  const more = all.length - MOST;
  const said = [
    ...store.drawing.problems.map((sentence) => h("span", {}, sentence)),
    ...steps.map(([uid, words]) => h("button", { type: "button", class: `cv-go${isWrong(store, uid) ? " cv-go-wrong" : ""}`, "data-go-to": uid }, icon("error"), h("span", {}, words))),
    more > 0 && h("span", {}, `${more === 1 ? "1 more step is" : `${more} more steps are`} marked`, h("span", { class: "cv-by-key" }, "; N leads to the next one"), "."),
    left(store),
  ].filter(Boolean);
  return said.length ? h("ul", { "aria-label": "What is to be put right" }, said.map((one) => h("li", {}, one))) : null;
}

// People in steps that are not drawn any more.
function left(store) {
  const gone = Object.entries(store.numbers ?? {}).filter(([uid, found]) => found.waiting && !store.step(uid));
  const people = gone.reduce((sum, [, found]) => sum + found.waiting, 0);
  return people > 0 && h("span", {}, `${people === 1 ? "1 person waits" : `${people} people wait`} in steps that are not drawn any more; publishing asks what becomes of them.`);
}
