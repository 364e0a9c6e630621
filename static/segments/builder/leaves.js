// How each kind of leaf is drawn: `fits` says whether the inputs can show it, `draw` gives its elements, `blank` is
// what it begins as; `negation`: a “not” stands before it, as its own words know none. A leaf that does not fit
// stands as its sentence.
import { event, message, sequence } from "./deeds.js";
import { fits, select, text, typedNumber } from "./inputs.js";
import { compareBy, compared, isWord, isWordOrNone, only, whether, writer } from "./parts.js";
import { spoken } from "./picker.js";
import { isObject, isPlain, shown } from "./tree.js";

const TYPES = [["text", "text"], ["number", "number"], ["date", "date"], ["boolean", "yes or no"], ["list", "list"]];

// --- one field ---

const field = {
  fits: (leaf, offers) => {
    const operator = offers.operator(leaf.op);
    const named = only(leaf, "field", "op", "value", "type") && isWord(leaf.field) && isWordOrNone(leaf.type);
    return named && Boolean(operator) && fits(leaf.value, operator.takes);
  },
  blank: (entry, offers) => {
    const type = entry.type || "text";
    const operator = type === "date" ? offers.operator("in the last") : offers.operatorsFor(type)[0];
    const leaf = { field: entry.key, type };
    compareBy(leaf, operator, null, type);
    return leaf;
  },
  negation: true,
  draw: (row) => {
    const { leaf, seen } = row.node;
    const entry = row.offers.entry("field", leaf.field);
    const type = leaf.type || entry?.type || (seen?.type === "any" ? "" : seen?.type) || "";
    const typed = () => settleType(leaf, type, row.offers);
    const words = (operator) => (type === "list" && operator.plural) || operator.label;
    return [
      row.what(entry?.label ?? spoken(leaf.field, seen?.label), leaf.field), entry?.type !== type && typeSelect(row, type),
      ...compared(row, leaf, operatorsFor(row, type, leaf), type, { values: entry?.values, typed, words }),
    ];
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
    const before = row.offers.operator(leaf.op);
    if (!before.types.includes(chosen)) compareBy(leaf, row.offers.operatorsFor(chosen)[0], null, chosen);
    row.redraw("type");
  };
  return select(row, { part: "type", label: "Compared as", value: type, options: type ? TYPES : [["", "any value"], ...TYPES], set });
}

// --- segments, consent, chance ---

const segment = {
  fits: (leaf) => only(leaf, "segment") && isPlain(leaf.segment),
  blank: (entry) => ({ segment: entry.key }),
  draw: (row) => {
    const id = shown(row.node.leaf.segment);
    return [whether(row, "is in", "is not in"), row.what(row.offers.entry("segment", id)?.label ?? `segment ${id}`, "segment")];
  },
};

const consent = {
  fits: (leaf) => only(leaf, "consent", "topic") && isWord(leaf.consent) && isWordOrNone(leaf.topic),
  blank: (entry) => ({ consent: entry.key }),
  negation: true,
  draw: (row) => {
    const { leaf } = row.node;
    const entry = row.offers.entry("consent", leaf.consent);
    const topics = (entry?.values ?? []).map(({ value, label }) => [value, label || shown(value)]);
    const options = [["", "mail without a topic"], ...topics];
    const topic = select(row, { part: "topic", label: "Topic", value: leaf.topic ?? "", options, set: writer(row, leaf, "topic") });
    return [row.what(entry?.label ?? leaf.consent, "consent"), (topics.length > 0 || leaf.topic !== undefined) && topic];
  },
};

const sample = {
  fits: (leaf) => only(leaf, "sample", "of") && isPlain(leaf.sample) && isWordOrNone(leaf.of),
  blank: () => ({ sample: 10 }),
  draw: (row) => {
    const { leaf } = row.node;
    const set = (value) => { leaf.sample = value; row.changed(); };
    const hint = "name of the draw";
    return [
      whether(row, "is in", "is not in"), row.what("a random part", "sample"), "of",
      ...text(row, { part: "sample", label: "Percent", value: leaf.sample, small: true, kind: "number", read: typedNumber, set }), "%",
      ...text(row, { part: "of", label: "Name of the draw", value: leaf.of, hint, set: writer(row, leaf, "of") }),
    ];
  },
};

export const KINDS = { field, event, sequence, message, segment, consent, sample };

export function kindOf(leaf) {
  const found = isObject(leaf) ? Object.keys(KINDS).filter((key) => key in leaf) : [];
  return found.length === 1 ? found[0] : "";
}
