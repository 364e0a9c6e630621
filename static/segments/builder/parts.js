// What several kinds of leaves share: how a leaf's shape is looked at, a comparison with its value, “did” or “did not”.
import { firstValue, inputs, select } from "./inputs.js";
import { isObject, isPlain } from "./tree.js";

export const only = (leaf, ...keys) => Object.keys(leaf).every((key) => keys.includes(key));
export const isTree = (value) => value === undefined || value === null || isObject(value);
export const isWord = (value) => typeof value === "string";
export const isWordOrNone = (value) => value === undefined || isWord(value);

// A function that writes `key` of the leaf, or takes it out where there is nothing to say.
export const writer = (row, leaf, key, after = "changed") => (value) => {
  if (value === "") delete leaf[key];
  else leaf[key] = value;
  row[after](key);
};

// The “not” around the leaf, in words.
export function whether(row, yes, no) {
  const set = (not) => {
    row.node.nots += not - (row.node.nots % 2);
    row.changed();
  };
  return select(row, { part: "not", label: "Is it so?", value: row.node.nots % 2, options: [[0, yes], [1, no]], set });
}

// A comparison and its value, written into `leaf`. `words` says an operator; `typed` is called after every change.
export function compared(row, leaf, operators, type, { values, typed = () => {}, words = (operator) => operator.label } = {}) {
  const operator = row.offers.operator(leaf.op) ?? operators[0];
  const choose = (key) => {
    compareBy(leaf, row.offers.operator(key), operator, type);
    typed();
    row.redraw("op");
  };
  const set = (value) => {
    leaf.value = value;
    typed();
    row.changed();
  };
  const options = operators.map((one) => [one.key, words(one)]);
  return [
    select(row, { part: "op", label: "Comparison", value: operator.key, options, set: choose }),
    ...inputs(row, leaf, operator.takes, { type, set, values }),
  ];
}

// A value that fits the new comparison, too, stays; so the arrow keys may pass by comparisons that take several.
export function compareBy(leaf, operator, before, type) {
  leaf.op = operator.key;
  if (operator.takes !== before?.takes || leaf.value === undefined) {
    leaf.value = carried(leaf.value, before?.takes, operator.takes) ?? firstValue(operator.takes, type);
  }
  if (leaf.value === undefined) delete leaf.value;
}

const SHAPES = {
  one: ([first]) => first,
  many: (values) => values.filter((value) => value !== ""),
  pair: ([first, second = ""]) => [first, second],
};

function carried(value, from, to) {
  const values = Array.isArray(value) ? value : [value];
  const alike = from in SHAPES && to in SHAPES && isPlain(values[0]) && values[0] !== "";
  return alike ? SHAPES[to](values) : undefined;
}
