// What is wrong stands beside its row; the input that is at fault says so to screen readers.
import { h, icon } from "./dom.js";

// In all rows, or in one.
export function showFaults(builder, only = null) {
  const rows = only ? [only] : [...builder.place.querySelectorAll("[data-node]")];
  const byId = new Map([...builder.faults].map(([node, faults]) => [String(node.id), faults]));
  for (const row of rows) show(row, byId.get(row.dataset.node) ?? []);
  if (only) return;
  const whole = builder.box.querySelector("[data-whole-faults]");
  whole.replaceChildren(...(builder.faults.get(builder.root) ?? []).map(line));
}

const line = ({ sentence }) => h("p", { class: "dc-fault" }, icon("error"), sentence);
const own = (row, selector) => [...row.querySelectorAll(selector)].filter((one) => one.closest("[data-node]") === row);

function show(row, faults) {
  const [place] = own(row, ".dc-faults");
  place.replaceChildren(...faults.map(line));
  row.classList.toggle("dc-wrong", faults.length > 0);
  for (const input of own(row, "[aria-invalid]")) for (const name of ["aria-invalid", "aria-describedby"]) input.removeAttribute(name);
  for (const { rest } of faults) {
    const input = inputFor(row, rest);
    input?.setAttribute("aria-invalid", "true");
    input?.setAttribute("aria-describedby", place.id);
  }
}

const ALIASES = { field: "what", event: "what", segment: "what", consent: "what" };

// value[2] may be a chip of “value”, when.in the last.amount its span: the nearest that there is.
export function inputFor(row, rest) {
  const parts = own(row, "input[data-part], select[data-part], button[data-part]").filter((one) => !one.closest(".dc-tools"));
  for (let name = rest; name; name = name.replace(/[.[]?[^.[]*$/, "")) {
    const found = parts.find((one) => one.dataset.part === name || one.dataset.part === ALIASES[name]);
    if (found) return found;
  }
  return parts.find((one) => one.dataset.part === "what") ?? parts[0];
}
