// Questions: one answer out of a few, in the browser's own dialog.
import { h } from "../../segments/builder/dom.js";

// Resolves with the value that was chosen, or undefined.
export function ask({ title, lines = [], options = [], buttons }) {
  return new Promise((resolve) => {
    const name = `cv-choice-${Date.now()}`;
    const choices = options.map(([value, words], index) => h("label", { class: "cv-option" },
      h("input", { type: "radio", name, value: String(index), checked: index === 0 }), h("span", {}, words)));
    const chosen = () => {
      const input = dialog.querySelector("input:checked");
      return input ? options[Number(input.value)][0] : true;
    };
    const actions = buttons.map(([words, answer, look]) => h("button", {
      type: "button", class: `cv-button ${look ?? ""}`, onclick: () => done(answer === "chosen" ? chosen() : answer),
    }, words));
    const dialog = h("dialog", { class: "cv-dialog", "aria-labelledby": `${name}-title` },
      h("h2", { id: `${name}-title` }, title), lines.map((line) => (typeof line === "string" ? h("p", {}, line) : line)),
      choices.length > 0 && h("div", { class: "cv-options" }, choices), h("div", { class: "cv-dialog-foot" }, actions));
    const before = document.activeElement;
    function done(answer) {
      dialog.close();
      dialog.remove();
      if (before?.isConnected) before.focus();
      resolve(answer);
    }
    dialog.addEventListener("cancel", (event) => { event.preventDefault(); done(undefined); });
    document.body.append(dialog);
    dialog.showModal();
  });
}

const KEYS = [
  ["↑ ↓", "the step before, the step after"],
  ["← →", "the step beside it"],
  ["Enter", "change its settings"],
  ["A", "add a step after it"],
  ["M", "move it"],
  ["C", "copy it"],
  ["Delete", "delete it"],
  ["Shift+F10", "everything that can be done with it"],
  ["Tab", "its “+” and its numbers"],
  ["F", "to the flow, from wherever on the page"],
  ["N", "the next step at which something is marked"],
  ["Ctrl+Z, Ctrl+Shift+Z", "undo, redo"],
  ["Ctrl+S", "save"],
  ["Esc", "leave the settings"],
  ["+ − 0", "larger, smaller, all of it"],
];

export function showKeys() {
  const rows = KEYS.map(([key, words]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, words)]);
  return ask({ title: "Keys", lines: [h("p", {}, "While a step has the focus:"), h("dl", { class: "cv-keylist" }, rows)], buttons: [["Close", true, "cv-primary"]] });
}
