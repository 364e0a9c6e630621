// How each kind of leaf is drawn: `fits` says whether the inputs can show it, `draw` gives its elements,
// `blank` is what it begins as. A leaf that does not fit stands as its sentence.
import { h } from "./dom.js";
import { firstValue, fits, inputs, isSpan, select, span, text, typedNumber } from "./inputs.js";
import { frame, frameFits } from "./frames.js";
import { isObject, isPlain, shown } from "./tree.js";

const MEASURES = [
  ["", "at least once"], ["count", "this many times:"], ["sum", "with a total of"], ["min", "with the smallest"],
  ["max", "with the largest"], ["average", "with an average"], ["distinct", "with this many different"],
  ["first", "for the first time"], ["last", "for the last time"],
];
const OF_PROPERTY = new Set(["sum", "min", "max", "average", "distinct"]);
const OF_TIME = ["before", "after", "on", "between", "in the last", "more than ago"];
const OF_NUMBER = ["is", "is not", ">", "≥", "<", "≤", "between"];
const TYPES = [["text", "text"], ["number", "number"], ["date", "date"], ["boolean", "yes or no"], ["list", "list"]];
const DEEDS = [
  ["sent", "was sent a mail"], ["delivered", "got a mail"], ["opened", "opened a mail"], ["clicked", "clicked in a mail"],
  ["bounced", "had a mail bounce"], ["complained", "marked a mail as spam"], ["unsubscribed", "unsubscribed from a mail"],
];

const only = (leaf, ...keys) => Object.keys(leaf).every((key) => keys.includes(key));
const isTree = (value) => value === undefined || value === null || isObject(value);
const isWord = (value) => typeof value === "string";
const isWordOrNone = (value) => value === undefined || isWord(value);

// “did” or “did not”: the “not” around the leaf, in words.
function whether(row, yes, no) {
  const options = [[0, yes], [1, no]];
  const set = (not) => { row.node.nots += not - (row.node.nots % 2); row.changed(); };
  return select(row, { part: "not", label: "Is it so?", value: row.node.nots % 2, options, set: (not) => set(not), small: true });
}

// A comparison and its value, written into `leaf`.
function compared(row, leaf, operators, type, more = {}) {
  const operator = row.offers.operator(leaf.op) ?? operators[0];
  const words = (one) => (type === "list" && one.plural) || one.label;
  const options = operators.map((one) => [one.key, words(one)]);
  const set = (key) => { compareBy(leaf, row.offers.operator(key), operator, type); more.typed?.(); row.redraw("op"); };
  return [
    select(row, { part: "op", label: "Comparison", value: leaf.op === undefined ? operators[0].key : operator.key, options, set, small: true }),
    ...inputs(row, leaf, operator.takes, { type, set: (value) => { leaf.value = value; more.typed?.(); row.changed(); }, ...more }),
  ];
}

function compareBy(leaf, operator, before, type) {
  leaf.op = operator.key;
  const same = before && operator.takes === before.takes;
  if (!same || leaf.value === undefined) leaf.value = firstValue(operator.takes, type);
  if (leaf.value === undefined) delete leaf.value;
}

// --- one field ---

const field = {
  fits: (leaf, offers) => {
    const operator = offers.operator(leaf.op);
    return only(leaf, "field", "op", "value", "type") && isWord(leaf.field) && isWordOrNone(leaf.type) && Boolean(operator) && fits(leaf.value, operator.takes);
  },
  blank: (entry, offers) => {
    const type = entry.type || "text";
    const [operator] = type === "date" ? [offers.operator("in the last")] : offers.operatorsFor(type);
    const leaf = { field: entry.key, type };
    compareBy(leaf, operator, null, type);
    return leaf;
  },
  draw: (row) => {
    const { leaf } = row.node;
    const entry = row.offers.entry("field", leaf.field);
    const known = entry?.type || "";
    const type = leaf.type || known || (row.node.seen?.type === "any" ? "" : row.node.seen?.type) || "";
    const settle = () => settleType(leaf, type, row.offers);
    const parts = compared(row, leaf, operatorsFor(row, type, leaf), type, { values: entry?.values ?? [], typed: settle });
    return [row.what(entry?.label ?? row.node.seen?.label ?? leaf.field, leaf.field), ...(known ? [] : [typeSelect(row, type)]), ...parts];
  },
};

function operatorsFor(row, type, leaf) {
  const found = row.offers.operatorsFor(type);
  const own = row.offers.operator(leaf.op);
  return own && !found.includes(own) ? [own, ...found] : found;
}

// From now on the value is compared as what it looked like: a typed 18 must not become the text “18”.
function settleType(leaf, type, offers) {
  if (type && offers.operator(leaf.op)?.types.includes(type)) leaf.type = type;
}

function typeSelect(row, type) {
  const { leaf } = row.node;
  const set = (chosen) => {
    leaf.type = chosen;
    const operator = row.offers.operator(leaf.op);
    if (!operator.types.includes(chosen)) compareBy(leaf, row.offers.operatorsFor(chosen)[0], null, chosen);
    row.redraw("type");
  };
  const options = type ? TYPES : [["", "any value"], ...TYPES];
  return select(row, { part: "type", label: "Compared as", value: type, options, set, small: true });
}

// --- what they did ---

const measureOf = (leaf) => leaf.measure ?? (leaf.op === undefined ? "" : "count");

const event = {
  fits: (leaf, offers) => only(leaf, "event", "where", "measure", "property", "type", "op", "value", "when") && isWord(leaf.event)
    && isTree(leaf.where) && isWordOrNone(leaf.property) && isWordOrNone(leaf.measure) && MEASURES.some(([key]) => key === measureOf(leaf))
    && (leaf.op === undefined ? leaf.value === undefined : Boolean(offers.operator(leaf.op)) && fits(leaf.value, offers.operator(leaf.op).takes))
    && frameFits(leaf.when),
  blank: (entry) => ({ event: entry.key }),
  draw: (row) => {
    const { leaf } = row.node;
    const entry = row.offers.entry("event", leaf.event);
    return [
      whether(row, "did", "did not"), row.what(entry?.label ?? leaf.event, leaf.event), ...measured(row, leaf),
      ...frame(row, leaf, "when"), row.filters("where", leaf, leaf.event),
    ];
  },
};

function measured(row, leaf) {
  const measure = leaf.op === undefined && leaf.measure === "count" ? "" : measureOf(leaf);
  const options = MEASURES.filter(([key]) => row.node.leaf.event !== undefined || !key || key === "count");
  const parts = [select(row, { part: "measure", label: "How often, or how much", value: measure, options, set: (key) => measureBy(row, leaf, key), small: true })];
  if (OF_PROPERTY.has(measure)) parts.push(...property(row, leaf, leaf.event, measure));
  if (!measure) return parts;
  const timed = measure === "first" || measure === "last";
  const operators = (timed ? OF_TIME : OF_NUMBER).map((key) => row.offers.operator(key));
  return [...parts, ...compared(row, leaf, operators, timed ? "date" : "number")];
}

function measureBy(row, leaf, measure) {
  const timed = (key) => key === "first" || key === "last";
  const kept = leaf.op !== undefined && timed(measure) === timed(measureOf(leaf));
  leaf.measure = measure;
  delete leaf.type;
  if (measure === "" || measure === "count") delete leaf.measure;
  if (!OF_PROPERTY.has(measure)) delete leaf.property;
  if (measure === "") { delete leaf.op; delete leaf.value; }
  else if (!kept) {
    leaf.op = timed(measure) ? "in the last" : "≥";
    leaf.value = timed(measure) ? { amount: 7, unit: "days" } : measure === "count" ? 2 : "";
  }
  row.redraw("measure");
}

// A property of an event: chosen where they are known, else typed.
function property(row, leaf, key, measure) {
  const numeric = (one) => measure === "distinct" || !one.type || one.type === "number";
  const known = (row.offers.entry("event", key)?.properties ?? []).filter(numeric);
  const set = (name) => { leaf.property = name; row.changed(); };
  const options = known.map((one) => [one.key.replace(/^event\./, ""), one.label]);
  const label = "Property of the event";
  if (!options.length) return text(row, { part: "property", label, value: leaf.property, set, hint: "such as total" });
  return [select(row, { part: "property", label, value: leaf.property ?? "", options: leaf.property ? options : [["", "choose…"], ...options], set, small: true })];
}

// --- one thing, then another ---

const sequence = {
  fits: (leaf) => only(leaf, "sequence", "then", "within", "same", "when") && Array.isArray(leaf.sequence) && leaf.sequence.length === 2
    && leaf.sequence.every((one) => isObject(one) && only(one, "event", "where") && isWord(one.event) && isTree(one.where))
    && ["did", "did not", undefined].includes(leaf.then) && isSpan(leaf.within) && frameFits(leaf.when)
    && (leaf.same === undefined || (Array.isArray(leaf.same) && leaf.same.length === 2 && leaf.same.every(isWord))),
  blank: () => ({ sequence: [{ event: "" }, { event: "" }], within: { amount: 7, unit: "days" } }),
  draw: (row) => {
    const { leaf } = row.node;
    const [first, second] = leaf.sequence;
    const step = (one, index) => [row.happening(one, index), row.filters(`sequence[${index}].where`, one, one.event)];
    const then = select(row, {
      part: "then", label: "And then", value: leaf.then ?? "did", options: [["did", "and then did"], ["did not", "and then did not"]],
      set: (key) => { leaf.then = key; row.changed(); }, small: true,
    });
    const within = span(row, { part: "within", label: "Within: ", value: leaf.within, units: row.units, set: (value) => { leaf.within = value; row.changed(); } });
    return [
      whether(row, "did", "it is not true that they did"), ...step(first, 0), then, ...step(second, 1),
      h("span", {}, "within"), ...within, ...sameness(row, leaf), ...frame(row, leaf, "when"),
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
    const known = row.offers.entry("event", leaf.sequence[index].event)?.properties ?? [];
    const values = known.map((one) => ({ value: one.key.replace(/^event\./, ""), label: "" }));
    return text(row, { part: `same[${index}]`, label, value: both[index], values, small: true, set: write(index), hint: "any" });
  };
  return [h("span", {}, "for the same"), ...input(0, "Property of the first"), h("span", {}, "="), ...input(1, "Property of the second")];
}

// --- mails, segments, consent, chance ---

const message = {
  fits: (leaf, offers) => only(leaf, "message", "by", "campaign", "template", "op", "value", "when")
    && isWord(leaf.message) && isWordOrNone(leaf.by) && [leaf.campaign, leaf.template].every((id) => id === undefined || isPlain(id))
    && (leaf.op === undefined ? leaf.value === undefined : Boolean(offers.operator(leaf.op)) && fits(leaf.value, offers.operator(leaf.op).takes))
    && frameFits(leaf.when),
  blank: (entry) => ({ message: entry.key }),
  draw: (row) => {
    const { leaf } = row.node;
    const put = (key) => (value) => {
      if (value === "") delete leaf[key];
      else leaf[key] = value;
      row.redraw(key);
    };
    const deed = select(row, { part: "message", label: "What happened", value: leaf.message, options: DEEDS, set: put("message") });
    const by = [["", "themselves"], ["anyone", "themselves or a machine"]];
    const which = (key, none) => select(row, { part: key, label: key === "campaign" ? "Campaign" : "Template", value: leaf[key] ?? "", options: [["", none], ...(row.offers.choices[key] ?? [])], set: put(key), small: true });
    const people = ["opened", "clicked"].includes(leaf.message);
    return [
      whether(row, "it is true: they", "it is not true: they"), deed,
      people && select(row, { part: "by", label: "By whom", value: leaf.by === "human" ? "" : leaf.by ?? "", options: by, set: put("by"), small: true }),
      which("campaign", "of any campaign"), which("template", "with any template"), ...measured(row, leaf), ...frame(row, leaf, "when"),
    ];
  },
};

const segment = {
  fits: (leaf) => only(leaf, "segment") && isPlain(leaf.segment),
  blank: (entry) => ({ segment: entry.key }),
  draw: (row) => {
    const name = row.offers.entry("segment", shown(row.node.leaf.segment))?.label ?? `segment ${shown(row.node.leaf.segment)}`;
    return [whether(row, "is in", "is not in"), row.what(name, "segment")];
  },
};

const consent = {
  fits: (leaf) => only(leaf, "consent", "topic") && isWord(leaf.consent) && isWordOrNone(leaf.topic),
  blank: (entry) => ({ consent: entry.key }),
  draw: (row) => {
    const { leaf } = row.node;
    const entry = row.offers.entry("consent", leaf.consent);
    const topics = (entry?.values ?? []).map(({ value, label }) => [value, label || shown(value)]);
    const set = (key) => { key ? (leaf.topic = key) : delete leaf.topic; row.changed(); };
    const topic = (topics.length || leaf.topic) && select(row, { part: "topic", label: "Topic", value: leaf.topic ?? "", options: [["", "mail without a topic"], ...topics], set, small: true });
    return [whether(row, "is so", "is not so"), row.what(entry?.label ?? leaf.consent, "consent"), topic];
  },
};

const sample = {
  fits: (leaf) => only(leaf, "sample", "of") && isPlain(leaf.sample) && isWordOrNone(leaf.of),
  blank: () => ({ sample: 10 }),
  draw: (row) => {
    const { leaf } = row.node;
    const share = text(row, { part: "sample", label: "Percent", value: leaf.sample, small: true, kind: "number", read: typedNumber, set: (value) => { leaf.sample = value; row.changed(); } });
    const of = text(row, { part: "of", label: "Name of the draw", value: leaf.of, hint: "name of the draw", set: (value) => { value ? (leaf.of = value) : delete leaf.of; row.changed(); } });
    return [whether(row, "is in", "is not in"), row.what("a random part", "sample"), "of", ...share, "%", ...of];
  },
};

export const KINDS = { field, event, sequence, message, segment, consent, sample };

export function kindOf(leaf) {
  const found = isObject(leaf) ? Object.keys(KINDS).filter((key) => key in leaf) : [];
  return found.length === 1 ? found[0] : "";
}
