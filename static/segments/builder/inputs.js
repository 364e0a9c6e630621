// The inputs of a row, by what a comparison takes. Each writes into the leaf through `set` as it is typed.
import { h, icon, newId } from "./dom.js";
import { isObject, isPlain, shown } from "./tree.js";

export const DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

// What is typed as a number is one; anything else stays the text it is, and the server says what is wrong with it.
export function typedNumber(text) {
  const trimmed = text.trim();
  return /^-?(0|[1-9]\d{0,14})(\.\d{1,6})?$/.test(trimmed) ? Number(trimmed) : trimmed;
}

export function select(row, { part, label, value, options, set }) {
  const known = options.some(([key]) => String(key) === shown(value));
  const all = known || value === undefined ? options : [...options, [shown(value), shown(value)]];
  const choose = (event) => set(all.find(([key]) => String(key) === event.target.value)[0]);
  return h(
    "select",
    { class: `${row.classes.select} dc-select`, "data-part": part, "aria-label": label, onchange: choose },
    all.map(([key, words]) => h("option", { value: String(key), selected: String(key) === shown(value) }, words)),
  );
}

export function text(row, { part, label, value, set, kind = "text", values = [], small, read = (typed) => typed, hint = "" }) {
  const list = values.length ? newId("values") : null;
  const day = kind === "date" && /^(\d{4}-\d\d-\d\d)?$/.test(shown(value));
  const width = small ? " dc-amount" : kind === "number" ? " dc-number" : "";
  const input = h("input", {
    type: day ? "date" : "text", class: `${row.classes.input} dc-value${width}`, "data-part": part, "aria-label": label,
    value: shown(value), autocomplete: "off", list, placeholder: hint, inputmode: kind === "number" ? "decimal" : null,
    oninput: (event) => set(read(event.target.value)),
  });
  return list ? [input, suggestions(list, values)] : [input];
}

const suggestions = (id, values) =>
  h("datalist", { id }, values.map(({ value, label }) => h("option", { value: shown(value), label: label || null })));

const readers = { number: typedNumber };

function one(row, leaf, { type, values, set, part = "value", label = "Value" }) {
  if (type === "boolean") {
    const options = [...(typeof leaf.value === "boolean" ? [] : [["", "choose…"]]), [true, "yes"], [false, "no"]];
    const value = shown(leaf.value).toLowerCase();
    const said = { true: true, yes: true, 1: true, false: false, no: false, 0: false }[value];
    return [select(row, { part, label, value: said === undefined ? leaf.value ?? "" : String(said), options, set })];
  }
  if (areNamed(values, type)) {
    const names = values.map((choice) => [choice.value, choice.label]);
    return [select(row, { part, label, value: leaf.value ?? "", options: leaf.value ? names : [["", "choose…"], ...names], set })];
  }
  return text(row, { part, label, value: leaf.value, set, kind: type, values, read: readers[type] });
}

// Ids with a name of their own, as segments have: nobody types those.
const areNamed = (values, type) =>
  type === "number" && values.length > 0 && values.every(({ value, label }) => label && label !== shown(value));

function pair(row, leaf, { type, set }) {
  const both = Array.isArray(leaf.value) ? [leaf.value[0] ?? "", leaf.value[1] ?? ""] : ["", ""];
  const input = (index, label) =>
    text(row, {
      part: `value[${index}]`, label, value: both[index], kind: type, read: readers[type], small: type === "number",
      set: (typed) => { both[index] = typed; set([...both]); },
    });
  return [input(0, "From"), h("span", {}, "and"), input(1, "To")];
}

export function span(row, { value, set, part = "value", units, label = "" }) {
  const now = isObject(value) ? { ...value } : { amount: "", unit: "days" };
  const write = (change) => { Object.assign(now, change); set({ ...now }); };
  return [
    text(row, {
      part, label: `${label}Number`, value: now.amount, small: true, kind: "number", read: typedNumber,
      set: (amount) => write({ amount }),
    }),
    select(row, {
      part: `${part}.unit`, label: `${label}Unit`, value: now.unit, options: units.map((unit) => [unit, unit]),
      set: (unit) => write({ unit }),
    }),
  ];
}

function weekdays(row, leaf, { set }) {
  const chosen = () => [...group.querySelectorAll(":checked")].map((box) => box.value);
  const has = (day) => Array.isArray(leaf.value) && leaf.value.some((name) => shown(name).toLowerCase() === day);
  const group = h(
    "span",
    { class: "dc-days", role: "group", "aria-label": "Weekdays", onchange: () => set(chosen()) },
    DAYS.map((day, index) => h("label", {},
      h("input", { type: "checkbox", value: day, checked: has(day), "data-part": index ? `value[${index}]` : "value" }),
      day[0].toUpperCase() + day.slice(1, 3))),
  );
  return [group];
}

// Several values as chips: Enter or a comma makes one of what was typed, Backspace takes the last one back.
function many(row, leaf, { values, type, set }) {
  const items = Array.isArray(leaf.value) ? [...leaf.value] : leaf.value ? [leaf.value] : [];
  const read = readers[type] ?? ((typed) => typed.trim());
  const list = newId("values");
  const box = h("span", { class: `${row.classes.input} dc-chips` });
  const input = h("input", {
    type: "text", class: "dc-chip-input", "data-part": "value", "aria-label": "Values", autocomplete: "off", list,
    placeholder: "add, then Enter", oninput: typed, onkeydown: pressed, onblur: () => take(),
  });
  const write = () => { set([...items]); draw(); };
  function take(entered = input.value) {
    const found = [...entered.matchAll(/\s*"([^"]*)"\s*|[^,]+/g)].map((one) => (one[1] ?? one[0]).trim()).filter(Boolean);
    if (!found.length) return;
    input.value = "";
    items.push(...found.map(read));
    write();
  }
  function typed(event) {
    const chosen = !event.inputType || event.inputType === "insertReplacementText"; // out of the suggestions
    const whole = (input.value.match(/"/g) ?? []).length % 2 === 0; // "a, b" is one value
    if (chosen || (whole && input.value.includes(","))) take();
  }
  function pressed(event) {
    if (event.key === "Enter") take();
    else if (event.key === "Backspace" && !input.value && items.length) { items.pop(); write(); }
  }
  function drop(index) {
    items.splice(index, 1);
    write();
    input.focus();
  }
  const chip = (item, index) => h("span", { class: "dc-chip" }, shown(item),
    h("button", { type: "button", "aria-label": `Remove ${shown(item)}`, onclick: () => drop(index) }, icon("close")));
  // The input stays where it is: one that is moved loses the cursor.
  function draw() {
    box.querySelectorAll(".dc-chip").forEach((old) => old.remove());
    input.before(...items.map(chip));
  }
  box.append(input, suggestions(list, values));
  draw();
  return [box];
}

const DRAW = {
  nothing: () => [], one, many, pair, weekdays,
  count: (row, leaf, more) => one(row, leaf, { ...more, type: "number" }),
  span: (row, leaf, more) => span(row, { ...more, value: leaf.value, units: row.units }),
};

// The inputs for what the comparison `takes`.
export const inputs = (row, leaf, takes, { values = [], ...more }) =>
  (DRAW[takes] ?? DRAW.one)(row, leaf, { values, ...more });

// Can the inputs show this value?
export function fits(value, takes) {
  if (value === undefined) return true;
  if (takes === "nothing") return value === null || value === "";
  if (takes === "span") return isSpan(value);
  if (takes === "many" || takes === "weekdays" || takes === "pair") {
    return Array.isArray(value) && value.every(isPlain) && (takes !== "pair" || value.length === 2);
  }
  return isPlain(value);
}

export const isSpan = (value) =>
  isObject(value) && Object.keys(value).sort().join() === "amount,unit" && isPlain(value.amount) && typeof value.unit === "string";

// What a comparison begins with.
export function firstValue(takes, type) {
  if (takes === "span") return { amount: 7, unit: "days" };
  if (takes === "many" || takes === "weekdays") return [];
  if (takes === "pair") return ["", ""];
  return takes === "nothing" ? undefined : type === "boolean" ? true : "";
}
