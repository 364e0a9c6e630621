// The timeframe of what somebody did: ever, in the last, more than ago, between, between two days, since they entered.
import { h } from "./dom.js";
import { isSpan, select, span, text } from "./inputs.js";
import { isObject } from "./tree.js";

const WORDS = {
  "": "at any time", "in the last": "in the last", "more than ago": "more than … ago", "between ago": "between … and … ago",
  dates: "between two days",
};
const FIRST = {
  "in the last": () => ({ "in the last": { amount: 30, unit: "days" } }),
  "more than ago": () => ({ "more than ago": { amount: 30, unit: "days" } }),
  "between ago": () => ({ "between ago": [{ amount: 60, unit: "days" }, { amount: 30, unit: "days" }] }),
  dates: () => ({ from: "", to: "" }),
  since: () => ({ since: "entry" }),
};

const isDay = (value) => value === undefined || typeof value === "string";

function kindOf(when) {
  const keys = Object.keys(when).filter((key) => key !== "calendar");
  if (keys.length && keys.every((key) => key === "from" || key === "to")) return "dates";
  return keys.length === 1 ? keys[0] : "";
}

const CHECKS = {
  "in the last": isSpan, "more than ago": isSpan,
  "between ago": (value) => Array.isArray(value) && value.length === 2 && value.every(isSpan),
  since: (value) => value === "entry",
};

export function frameFits(when) {
  if (when === undefined) return true;
  if (!isObject(when) || !["undefined", "boolean"].includes(typeof when.calendar)) return false;
  const kind = kindOf(when);
  return kind === "dates" ? isDay(when.from) && isDay(when.to) : Boolean(CHECKS[kind]?.(when[kind]));
}

export function frame(row, leaf, key) {
  const when = leaf[key];
  const kind = when ? kindOf(when) : "";
  const words = { ...WORDS, ...(row.subject === "enrollment" || kind === "since" ? { since: "since they entered" } : {}) };
  const choose = (chosen) => {
    if (chosen) leaf[key] = FIRST[chosen]();
    else delete leaf[key];
    row.redraw(key);
  };
  const chooser = select(row, { part: key, label: "When", value: kind, options: Object.entries(words), set: choose });
  return [chooser, ...(when ? [...limits(row, when, kind, key), whole(row, when, kind)] : [])];
}

function limits(row, when, kind, key) {
  const set = (value) => { when[kind] = value; row.changed(); };
  const one = (part, label, value, write) => span(row, { part, label, value, units: row.units, set: write });
  if (kind === "in the last" || kind === "more than ago") return one(`${key}.${kind}`, "Time: ", when[kind], set);
  if (kind === "between ago") {
    const write = (index) => (value) => set(when[kind].map((old, at) => (at === index ? value : old)));
    const [longer, shorter] = when[kind];
    const end = (index, label, value) => one(`${key}.${kind}[${index}]`, label, value, write(index));
    return [...end(0, "From: ", longer), h("span", {}, "and"), ...end(1, "To: ", shorter), h("span", {}, "ago")];
  }
  return kind === "dates" ? [...day(row, when, "from", key), h("span", {}, "and"), ...day(row, when, "to", key)] : [];
}

function day(row, when, end, key) {
  const set = (value) => {
    if (value || !when[end === "from" ? "to" : "from"]) when[end] = value;
    else delete when[end]; // the other end alone will do
    row.changed();
  };
  return text(row, { part: `${key}.${end}`, label: end === "from" ? "First day" : "Last day", value: when[end], kind: "date", set });
}

// Whole days of the calendar instead of elapsed time.
function whole(row, when, kind) {
  if (kind === "dates" || kind === "since") return null;
  const change = (event) => { event.target.checked ? (when.calendar = true) : delete when.calendar; row.changed(); };
  return h("label", { class: "dc-whole", title: "From midnight on, today included, instead of to the minute" },
    h("input", { type: "checkbox", checked: when.calendar === true, onchange: change, "data-part": "when.calendar" }), "whole days");
}
