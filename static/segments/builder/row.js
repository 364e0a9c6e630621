// One row: what its kind draws, between a grip and the buttons that move and remove it.
import { h, icon } from "./dom.js";
import { kindOf, KINDS } from "./leaves.js";
import { pick } from "./picker.js";
import { rootOf, written } from "./tree.js";

const ICONS = { up: "arrow_upward", down: "arrow_downward", remove: "close" };

const tool = (name, words, deed, disabled = false) =>
  h("button", {
    type: "button", class: "dc-tool", "data-part": name, "aria-label": words, title: words, disabled, onclick: deed,
  }, icon(ICONS[name]));

export function tools(builder, node, number) {
  const it = node.word ? `group ${number}` : `condition ${number}`;
  return h("span", { class: "dc-tools" },
    tool("up", `Move ${it} up`, () => builder.move(node, -1), !builder.canMove(node, -1)),
    tool("down", `Move ${it} down`, () => builder.move(node, 1), !builder.canMove(node, 1)),
    tool("remove", `Remove ${it}`, () => builder.remove(node)));
}

// The handle that a kind draws with: it knows its builder, and where the words and choices come from.
export function handle(builder, node, offers) {
  const row = {
    node, offers, units: builder.offers.units, classes: builder.classes, subject: builder.subject,
    changed: () => builder.changed(node),
    redraw: (part) => builder.redrawn(node, part),
    what: (words, key) => whatButton(row, builder, words, key),
    happening: (step, index) => happening(row, builder, step, index),
    filters: (name, holder, key) => filters(row, builder, name, holder, key),
  };
  return row;
}

function opener(row, builder, words, part, entries, options) {
  const button = h("button", {
    type: "button", class: `${row.classes.select} dc-what`, "data-part": part, "aria-haspopup": "listbox", "aria-expanded": "false",
    onclick: () => pick(button, builder.box, entries, options),
  }, h("span", {}, words), icon("unfold_more"));
  return button;
}

// What the row is about; choosing something else keeps the comparison where it still fits.
function whatButton(row, builder, words, part) {
  const choose = (entry) => {
    const fresh = KINDS[entry.kind].blank(entry, row.offers);
    const { leaf } = row.node;
    const alike = kindOf(leaf) === "field" && entry.kind === "field" && leaf.type === fresh.type && leaf.op !== undefined;
    row.node.leaf = alike ? { ...leaf, ...fresh, op: leaf.op, value: leaf.value } : fresh;
    if (row.node.leaf.value === undefined) delete row.node.leaf.value;
    row.node.parts = {};
    row.node.seen = null;
    row.redraw("what");
  };
  const options = { choose, named: builder.named(row.offers) };
  const button = opener(row, builder, words, "what", builder.choosable(row.offers), options);
  button.setAttribute("aria-label", `About: ${words}`);
  button.title = part === words ? words : `${words} (${part})`;
  return button;
}

const namedEvent = (text) =>
  /^\S+$/.test(text) ? { kind: "event", key: text, label: `“${text}”`, group: "A name of your own" } : null;

// One of the two events of a sequence.
function happening(row, builder, step, index) {
  const words = row.offers.entry("event", step.event)?.label ?? (step.event || "choose what they did");
  const part = `sequence[${index}].event`;
  const choose = (entry) => {
    step.event = entry.key;
    row.redraw(part);
  };
  const options = { choose, named: namedEvent, title: "What did they do?" };
  const button = opener(row, builder, words, part, row.offers.of("event"), options);
  button.setAttribute("aria-label", `${index ? "Then" : "First"}: ${words}`);
  return button;
}

// The filters of an event: a tree of its own, of the event's fields alone.
function filters(row, builder, name, holder, key) {
  const { node } = row;
  const root = (node.parts[name] ??= rootOf(null));
  root.write = () => {
    const tree = written(root);
    if (tree) holder.where = tree;
    else delete holder.where;
  };
  root.owner = node;
  const offers = row.offers.inside(key);
  if (!root.children.length) {
    return h("button", {
      type: "button", class: "dc-add dc-where-add", "data-part": `${name}.add`, "aria-haspopup": "listbox",
      onclick: (event) => builder.ask(event.currentTarget, root, offers),
    }, icon("filter_alt"), "where …");
  }
  return h("div", { class: "dc-where", role: "group", "aria-label": "Only those where" },
    h("span", { class: "dc-faint" }, "where"), builder.group(root, offers, ""));
}

// What the inputs cannot show stays as it is, as its sentence.
function kept(node) {
  return [h("span", { class: "dc-words" }, node.seen?.words ?? "a condition that cannot be read")];
}

export function drawn(builder, node, offers) {
  const kind = kindOf(node.leaf);
  const fits = kind && KINDS[kind].fits(node.leaf, offers);
  const parts = fits ? KINDS[kind].draw(handle(builder, node, offers)) : kept(node);
  return !fits || KINDS[kind].negation ? [negation(builder, node), ...parts] : parts;
}

// “Not” before a row whose words know no “did not”.
function negation(builder, node) {
  const on = node.nots % 2 === 1;
  const flip = () => { node.nots += node.nots ? -1 : 1; builder.redrawn(node, "not"); };
  const its = { "data-part": "not", "aria-pressed": String(on), title: "Turn this condition around" };
  return h("button", { type: "button", class: "dc-not", ...its, onclick: flip }, "not");
}
