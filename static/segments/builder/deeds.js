// The leaves about what somebody did: events, one event after another, and how they dealt with mail.
import { h } from "./dom.js";
import { frame, frameFits } from "./frames.js";
import { fits, isSpan, select, span, text } from "./inputs.js";
import { compared, isTree, isWord, isWordOrNone, only, whether, writer } from "./parts.js";
import { isObject, isPlain } from "./tree.js";

const MEASURES = [
  ["", "at least once"], ["count", "this many times:"], ["sum", "with a total of"], ["min", "with the smallest"],
  ["max", "with the largest"], ["average", "with an average"], ["distinct", "with this many different"],
  ["first", "the first time"], ["last", "the last time"],
];
const OF_PROPERTY = new Set(["sum", "min", "max", "average", "distinct"]);
const OF_TIME = ["before", "after", "on", "between", "in the last", "more than ago"];
const OF_NUMBER = ["is", "is not", ">", "≥", "<", "≤", "between"];
const DEEDS = [
  ["sent", "was sent a mail"], ["delivered", "got a mail"], ["opened", "opened a mail"], ["clicked", "clicked in a mail"],
  ["bounced", "had a mail bounce"], ["complained", "marked a mail as spam"], ["unsubscribed", "unsubscribed from a mail"],
];
const BY_PEOPLE = ["opened", "clicked"];

const propertiesOf = (row, key) => row.offers.entry("event", key)?.properties ?? [];
const plainName = (entry) => entry.key.replace(/^event\./, "");
const measureOf = (leaf) => leaf.measure ?? (leaf.op === undefined ? "" : "count");
const isTime = (measure) => measure === "first" || measure === "last";

function comparisonFits(leaf, offers) {
  if (leaf.op === undefined) return leaf.value === undefined;
  const operator = offers.operator(leaf.op);
  return Boolean(operator) && fits(leaf.value, operator.takes);
}

// --- an event ---

export const event = {
  fits: (leaf, offers) =>
    only(leaf, "event", "where", "measure", "property", "type", "op", "value", "when") && isWord(leaf.event) &&
    isTree(leaf.where) && isWordOrNone(leaf.property) && isWordOrNone(leaf.type) && isWordOrNone(leaf.measure) &&
    MEASURES.some(([key]) => key === measureOf(leaf)) && comparisonFits(leaf, offers) && frameFits(leaf.when),
  blank: (entry) => ({ event: entry.key }),
  draw: (row) => {
    const { leaf } = row.node;
    const label = row.offers.entry("event", leaf.event)?.label ?? leaf.event;
    return [
      whether(row, "did", "did not"), row.what(label, leaf.event), ...measured(row, leaf, MEASURES),
      ...frame(row, leaf, "when"), row.filters("where", leaf, leaf.event),
    ];
  },
};

// How often, how much, or when for the first or last time.
function measured(row, leaf, measures) {
  const measure = leaf.op === undefined && leaf.measure === "count" ? "" : measureOf(leaf);
  const set = (key) => measureBy(row, leaf, key);
  const chooser = select(row, { part: "measure", label: "How often, or how much", value: measure, options: measures, set });
  const its = OF_PROPERTY.has(measure) ? property(row, leaf, measure) : [];
  if (!measure) return [chooser];
  const operators = (isTime(measure) ? OF_TIME : OF_NUMBER).map((key) => row.offers.operator(key));
  const words = (operator) => operator.label.replace(/^is (?!not)/, "");
  return [chooser, ...its, ...compared(row, leaf, operators, isTime(measure) ? "date" : "number", { words })];
}

function measureBy(row, leaf, measure) {
  const kept = leaf.op !== undefined && isTime(measure) === isTime(measureOf(leaf));
  leaf.measure = measure;
  delete leaf.type;
  if (measure === "" || measure === "count") delete leaf.measure;
  if (!OF_PROPERTY.has(measure)) delete leaf.property;
  if (measure === "") {
    delete leaf.op;
    delete leaf.value;
  } else if (!kept) {
    leaf.op = isTime(measure) ? "in the last" : "≥";
    leaf.value = isTime(measure) ? { amount: 7, unit: "days" } : measure === "count" ? 2 : "";
  }
  row.redraw("measure");
}

// A property of the event: chosen where they are known, else typed.
function property(row, leaf, measure) {
  const known = propertiesOf(row, leaf.event).filter((one) => measure === "distinct" || !one.type || one.type === "number");
  const its = { part: "property", label: "Property of the event", value: leaf.property ?? "", set: writer(row, leaf, "property") };
  if (!known.length) return text(row, { ...its, hint: "such as total" });
  const options = known.map((one) => [plainName(one), one.label]);
  return [select(row, { ...its, options: leaf.property ? options : [["", "choose…"], ...options] })];
}

// --- one thing, then another ---

export const sequence = {
  fits: (leaf) =>
    only(leaf, "sequence", "then", "within", "same", "when") && Array.isArray(leaf.sequence) && leaf.sequence.length === 2 &&
    leaf.sequence.every((step) => isObject(step) && only(step, "event", "where") && isWord(step.event) && isTree(step.where)) &&
    ["did", "did not", undefined].includes(leaf.then) && isSpan(leaf.within) && frameFits(leaf.when) &&
    (leaf.same === undefined || (Array.isArray(leaf.same) && leaf.same.length === 2 && leaf.same.every(isWord))),
  blank: () => ({ sequence: [{ event: "" }, { event: "" }], within: { amount: 7, unit: "days" } }),
  negation: true,
  draw: (row) => {
    const { leaf } = row.node;
    const options = [["did", "and then did"], ["did not", "and then did not"]];
    const then = select(row, { part: "then", label: "And then", value: leaf.then ?? "did", options, set: writer(row, leaf, "then") });
    const set = writer(row, leaf, "within");
    const step = (index) => {
      const one = leaf.sequence[index];
      return [row.happening(one, index), row.filters(`sequence[${index}].where`, one, one.event)];
    };
    return [
      h("span", {}, "did"), ...step(0), then, ...step(1), h("span", {}, "within"),
      ...span(row, { part: "within", label: "Within: ", value: leaf.within, units: row.units, set }),
      ...sameness(row, leaf), ...frame(row, leaf, "when"),
    ];
  },
};

// “for the same order_id”: a property of the second that equals one of the first.
function sameness(row, leaf) {
  const both = leaf.same ?? ["", ""];
  const write = (index) => (name) => {
    both[index] = name;
    if (both.some(Boolean)) leaf.same = [...both];
    else delete leaf.same;
    row.changed();
  };
  const input = (index, label) => {
    const values = propertiesOf(row, leaf.sequence[index].event).map((one) => ({ value: plainName(one), label: "" }));
    return text(row, { part: `same[${index}]`, label, value: both[index], values, set: write(index), hint: "any property" });
  };
  return [
    h("span", {}, "for the same"), ...input(0, "Property of the first"), h("span", {}, "="), ...input(1, "Property of the second"),
  ];
}

// --- mail ---

export const message = {
  fits: (leaf, offers) =>
    only(leaf, "message", "by", "campaign", "template", "op", "value", "when") && isWord(leaf.message) &&
    isWordOrNone(leaf.by) && [leaf.campaign, leaf.template].every((id) => id === undefined || isPlain(id)) &&
    comparisonFits(leaf, offers) && frameFits(leaf.when),
  blank: (entry) => ({ message: entry.key }),
  negation: true,
  draw: (row) => {
    const { leaf } = row.node;
    const chooser = (key, label, value, options) =>
      select(row, { part: key, label, value, options, set: writer(row, leaf, key, "redraw") });
    const which = (key, label, none) => chooser(key, label, leaf[key] ?? "", [["", none], ...(row.offers.choices[key] ?? [])]);
    const by = [["", "themselves"], ["anyone", "themselves or a machine"]];
    return [
      chooser("message", "What happened", leaf.message, DEEDS),
      BY_PEOPLE.includes(leaf.message) && chooser("by", "By whom", leaf.by === "human" ? "" : leaf.by ?? "", by),
      which("campaign", "Campaign", "of any campaign"), which("template", "Template", "with any template"),
      ...measured(row, leaf, MEASURES.slice(0, 2)), ...frame(row, leaf, "when"),
    ];
  },
};
