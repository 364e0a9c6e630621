// What a step does, for whom may not change it.
import { h, icon } from "../../segments/builder/dom.js";

export function told(store, uid) {
  const step = store.step(uid);
  const { lines, more, problems } = store.drawing.entry;
  const sentences = uid ? [capital(step.words), step.only_if && `Only if ${step.only_if}.`, ...step.arms.filter((arm) => arm.label).map((arm) => way(store, arm))] : [...lines, ...more];
  return h("div", { class: "cv-panel-form" },
    h("header", { class: "cv-panel-head" }, icon(uid ? step.icon : "login"), h("h2", { tabindex: "-1" }, uid ? step.label : "Who enters"),
      h("button", { type: "button", class: "cp-tool", "data-close": true, "aria-label": "Close", title: "Close" }, icon("close"))),
    h("div", { class: "cv-panel-body" }, sentences.filter(Boolean).map((sentence) => h("p", {}, sentence)),
      (uid ? [...step.problems, ...step.notes] : problems).map((sentence) => h("p", { class: "cp-error" }, sentence)),
      h("section", { "data-came": true, "aria-label": "What came of it", hidden: true })));
}

const capital = (words) => words && words[0].toUpperCase() + words.slice(1);

function way(store, arm) {
  return `“${arm.label}”: ${arm.to ? `on to ${store.title(arm.to)}` : "the end"}.`;
}
