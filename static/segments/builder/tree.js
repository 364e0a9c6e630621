// A condition as it is edited. A node is a group (`word`, `children`) or a leaf (`leaf`: the object as it was read);
// `nots` counts the “not” around it. What nobody touches is written exactly as it was read.

let last = 0;

// A number that JavaScript would round keeps the text in which it stood.
function exact(_key, value, context) {
  const rounded = typeof value === "number" && context?.source !== undefined && String(value) !== context.source;
  return rounded && JSON.rawJSON ? JSON.rawJSON(context.source) : value;
}

export const parse = (text) => JSON.parse(text, exact);
const isRaw = (value) => Boolean(JSON.isRawJSON?.(value));
export const isObject = (value) =>
  value !== null && typeof value === "object" && !Array.isArray(value) && !isRaw(value);
export const isPlain = (value) => value === null || typeof value !== "object" || isRaw(value);

export function shown(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "boolean") return value ? "yes" : "no";
  return isRaw(value) ? value.rawJSON : String(value);
}

const isEmpty = (tree) =>
  tree === null || tree === undefined ||
  (isObject(tree) && (!Object.keys(tree).length || (Object.keys(tree).join() === "all" && tree.all?.length === 0)));

const wordOf = (tree) => {
  const [word, ...more] = isObject(tree) ? Object.keys(tree) : [];
  return !more.length && (word === "all" || word === "any") && Array.isArray(tree[word]) ? word : "";
};

export function nodeOf(tree) {
  let nots = 0;
  while (isObject(tree) && Object.keys(tree).join() === "not") {
    nots += 1;
    tree = tree.not;
  }
  const word = wordOf(tree);
  const content = word ? { word, children: tree[word].map(nodeOf) } : { leaf: tree, parts: partsOf(tree) };
  return { id: ++last, nots, ...content };
}

// The trees inside a leaf: the filters of what somebody did.
export function partsOf(leaf) {
  const parts = {};
  if (isObject(leaf?.where)) parts.where = rootOf(leaf.where);
  if (Array.isArray(leaf?.sequence)) {
    leaf.sequence.forEach((step, index) => { if (isObject(step?.where)) parts[`sequence[${index}].where`] = rootOf(step.where); });
  }
  return parts;
}

export const newGroup = (word, children = []) => ({ id: ++last, nots: 0, word, children });

// The outermost group; a condition that stands alone is `bare` in it, and is written alone again.
export function rootOf(tree) {
  if (isEmpty(tree)) return newGroup("all");
  const node = nodeOf(tree);
  return node.word ? node : { ...newGroup("all", [node]), bare: true };
}

const isBare = (root) => root.bare && root.children.length === 1 && root.word === "all" && !root.nots;

function treeOf(node) {
  let tree = node.word ? { [node.word]: node.children.map(treeOf) } : node.leaf;
  for (let count = 0; count < node.nots; count += 1) tree = { not: tree };
  return tree;
}

// The tree, or null where there is no condition.
export function written(root) {
  if (!root.children.length) return null;
  return treeOf(isBare(root) ? root.children[0] : root);
}

const join = (path, word) => (path ? `${path}.${word}` : word);

// Every node with the path by which the server names its place, those inside leaves (`parts`) included.
export function places(root, at = "") {
  const found = [];
  const visit = (node, path) => {
    found.push([node, path]);
    for (let count = 0; count < node.nots; count += 1) path = join(path, "not");
    node.children?.forEach((child, index) => visit(child, `${join(path, node.word)}[${index}]`));
    for (const [name, part] of Object.entries(node.parts ?? {})) found.push(...places(part, join(path, name)));
  };
  visit(isBare(root) ? root.children[0] : root, at);
  return found;
}

// The node that a path lies in, and what of the path is left: all[1].value → the second condition, “value”.
export function nodeAt(root, path) {
  const fits = ([, place]) => !place || path === place || path.startsWith(`${place}.`) || path.startsWith(`${place}[`);
  const [node, place] = places(root).filter(fits).reduce((best, one) => (one[1].length >= best[1].length ? one : best));
  let rest = path.slice(place.length).replace(/^\./, "");
  for (let count = 0; count < node.nots; count += 1) rest = rest.replace(/^not\.?/, "");
  return { node, rest };
}
