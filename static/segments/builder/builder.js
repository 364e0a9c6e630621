// One condition on a page: its groups and rows are drawn from the nodes, and every change is written into the
// hidden input. A change of structure draws everything anew; the cursor stays in the part where it was.
import { h, icon } from "./dom.js";
import { showFaults } from "./faults.js";
import { KINDS } from "./leaves.js";
import { namedFields, pick } from "./picker.js";
import { drawn, tools } from "./row.js";
import { newGroup, nodeAt, nodeOf, parse, places, rootOf, written } from "./tree.js";

const WORDS = [["all", "All"], ["any", "Any"], ["none", "None"], ["not all", "Not all"]];
const EMPTY = { contact: "Everyone.", event: "Every time.", enrollment: "Everyone who gets here." };

// What is no tree at all was never written here: the server says so, and one begins anew.
function readable(text) {
  try {
    return text.trim() ? parse(text) : null;
  } catch {
    return null;
  }
}

export class Builder {
  constructor(box, offers, seen) {
    Object.assign(this, { box, offers, listeners: [], faults: new Map(), undone: null });
    this.hidden = box.querySelector("input[type=hidden]");
    this.place = box.querySelector("[data-tree]");
    this.said = box.querySelector("[data-said]");
    this.subject = box.dataset.subject;
    this.classes = { input: box.dataset.inputClass, select: box.dataset.selectClass };
    this.root = rootOf(readable(this.hidden.value));
    this.remember(seen.leaves ?? {});
    this.draw();
    this.blame(seen.problems ?? []);
  }

  // What the server said about each leaf: its sentence, label and type.
  remember(leaves) {
    for (const [node, path] of places(this.root)) if (leaves[path] && !node.word) node.seen = leaves[path];
  }

  tree() { return written(this.root); }

  // Another event lets people in: there is something else to choose from.
  offer(offers) {
    if (!offers) return;
    this.offers = offers;
    this.draw();
  }

  // --- drawing ---

  draw() {
    this.parents = new Map();
    this.scopes = new Map();
    this.place.replaceChildren(this.group(this.root, this.offers, ""));
    showFaults(this);
  }

  group(group, offers, number) {
    this.scopes.set(group, offers);
    const numbered = (index) => (number ? `${number}.${index + 1}` : `${index + 1}`);
    const rows = group.children.map((child, index) => this.item(group, child, offers, numbered(index)));
    const legend = number ? `Group ${number}` : group.owner ? "Filters" : this.box.dataset.label || "Conditions";
    return h("fieldset", { class: "dc-group", "data-group": group.id },
      h("legend", { class: "dc-unseen" }, legend),
      (group.children.length > 1 || group.word === "any" || group.nots || number) && this.joining(group),
      rows.length ? h("ol", { class: "dc-rows" }, rows) : this.emptiness(group, number),
      this.undone?.group === group && this.undo(),
      this.adding(group, offers));
  }

  emptiness(group, number) {
    const words = number ? "Nothing in this group yet." : EMPTY[this.subject] ?? EMPTY.contact;
    return h("p", { class: "dc-empty" }, h("strong", {}, words), number ? "" : " Add a condition to narrow it down.");
  }

  joining(group) {
    const negated = group.nots % 2 === 1;
    const value = negated ? (group.word === "any" ? "none" : "not all") : group.word;
    const choose = (event) => {
      const [word, not] = { all: ["all", 0], any: ["any", 0], none: ["any", 1], "not all": ["all", 1] }[event.target.value];
      group.word = word;
      group.nots += not - (group.nots % 2);
      this.redrawn(group, "word");
    };
    const its = { "data-part": "word", "data-of": group.id, "aria-label": "How these are joined", onchange: choose };
    return h("p", { class: "dc-match" },
      h("select", { class: `${this.classes.select} dc-select`, ...its },
        WORDS.map(([key, words]) => h("option", { value: key, selected: key === value }, words))),
      h("span", {}, "of these must be true"));
  }

  item(group, node, offers, number) {
    this.parents.set(node, group);
    const label = node.word ? `Group ${number}` : `Condition ${number}`;
    const parts = () => h("div", { class: "dc-parts" }, drawn(this, node, offers));
    const grip = { class: "dc-grip", "data-grip": true, "aria-hidden": "true", title: "Drag to another place" };
    return h("li", { class: `dc-row${node.word ? " dc-nested" : ""}`, "data-node": node.id },
      h("span", grip, icon("drag_indicator")),
      h("div", { class: "dc-body", role: "group", "aria-label": label },
        node.word ? this.group(node, offers, number) : parts(),
        h("div", { class: "dc-faults", id: `dc-faults-${node.id}` })),
      tools(this, node, number));
  }

  adding(group, offers) {
    const its = { "data-part": "add", "aria-haspopup": "listbox", "aria-expanded": "false" };
    const name = group.owner ? "Add a filter" : "Add a condition";
    const add = this.button(group, its, () => this.ask(add, group, offers), icon("add"), name);
    const more = [icon("add_box"), "Add a group"];
    return h("p", { class: "dc-adding" }, add,
      (group.children.length > 0 || group !== this.root) &&
        this.button(group, { "data-part": "add group" }, () => this.addGroup(group), more));
  }

  undo() {
    const back = this.button(this.undone.group, { "data-part": "undo" }, () => this.takeBack(), icon("undo"), "Undo");
    return h("p", { class: "dc-undo" }, this.undone.words, " ", back);
  }

  button(group, its, onclick, ...content) {
    return h("button", { type: "button", class: "dc-add", "data-of": group.id, ...its, onclick }, content);
  }

  // --- choosing ---

  choosable(offers) { return offers.entries.filter((entry) => entry.kind in KINDS); }

  // A name that is not listed may be typed: of a property of the event, where there is one, and of an attribute.
  named(offers) {
    const { named, subject } = this.box.dataset;
    if (offers !== this.offers || named === "event") return namedFields(["event"]);
    return namedFields(subject === "contact" ? [named] : ["event", named]);
  }

  // What there is to choose from may be on its way: then the button that was pressed is drawn anew.
  async ask(anchor, group, offers) {
    if (this.awaited) {
      await this.awaited;
      offers = this.scopes.get(group) ?? offers;
      if (!anchor.isConnected) anchor = this.part(group.id, "add");
    }
    const choose = (entry) => this.add(group, nodeOf(KINDS[entry.kind].blank(entry, offers)));
    pick(anchor, this.box, this.choosable(offers), { choose, named: this.named(offers) });
  }

  // --- changing ---

  add(group, node) {
    group.children.push(node);
    this.restructured();
    this.focus(node, ["value", "sequence[0].event", "measure", "op", "what"]);
    this.say("A condition was added.");
  }

  addGroup(group) {
    const fresh = newGroup(group.word === "any" ? "all" : "any");
    group.children.push(fresh);
    this.restructured();
    const add = this.part(fresh.id, "add");
    add.focus();
    this.say("A group was added.");
    add.click();
  }

  remove(node) {
    const group = this.parents.get(node);
    const index = group.children.indexOf(node);
    group.children.splice(index, 1);
    const what = node.word ? "The group was removed." : "The condition was removed.";
    this.restructured({ group: this.isShown(group) ? group : this.root, node, index, words: what, of: group });
    (this.part(this.undone?.group.id, "undo") ?? this.part(this.root.id, "add")).focus();
    this.say(`${what} Undo brings it back.`);
  }

  // Without its last filter, an event shows only how to add one.
  isShown(group) { return !group.owner || group.children.length > 0; }

  takeBack() {
    const { of, node, index } = this.undone;
    of.children.splice(index, 0, node);
    this.restructured();
    this.focus(node, ["remove"]);
    this.say("It is back.");
  }

  // One place up or down: past a neighbour, into a group that stands there, or out of its own.
  target(node, by) {
    const group = this.parents.get(node);
    const index = group.children.indexOf(node) + by;
    const other = group.children[index];
    if (other) return other.word ? [other, by > 0 ? 0 : other.children.length] : [group, index];
    const outer = this.parents.get(group);
    return outer ? [outer, outer.children.indexOf(group) + (by > 0 ? 1 : 0)] : null;
  }

  canMove(node, by) { return Boolean(this.target(node, by)); }

  move(node, by) {
    const [group, index] = this.target(node, by);
    this.put(node, group, index);
    this.focus(node, by < 0 ? ["up", "down"] : ["down", "up"]);
    this.say("Moved.");
  }

  put(node, group, index) {
    const from = this.parents.get(node).children;
    from.splice(from.indexOf(node), 1);
    group.children.splice(index, 0, node);
    this.restructured();
  }

  restructured(undone = null) {
    this.undone = undone;
    this.draw();
    this.write();
  }

  // The value of a row is another one.
  changed(node) {
    this.faults.delete(node);
    const row = this.rowOf(node);
    if (row) showFaults(this, row);
    this.write();
  }

  // A row shows other inputs; the cursor goes back to where it was.
  redrawn(node, part) {
    this.faults.delete(node);
    this.undone = null;
    this.draw();
    this.part(node.id, part)?.focus();
    this.write();
  }

  write() {
    this.writeParts(this.root);
    const tree = this.tree();
    this.hidden.value = tree === null ? "" : JSON.stringify(tree);
    this.hidden.dispatchEvent(new Event("change", { bubbles: true }));
    this.hidden.form?.dispatchEvent(new Event("input", { bubbles: true }));
    for (const listener of this.listeners) listener(tree);
  }

  writeParts(node) {
    node.children?.forEach((child) => this.writeParts(child));
    for (const part of Object.values(node.parts ?? {})) {
      this.writeParts(part);
      part.write?.(); // of a leaf that cannot be drawn nothing was changed
    }
  }

  // --- finding ---

  rowOf(node) { return this.place.querySelector(`[data-node="${node.id}"]`); }

  // An input or button of a row, or of a group.
  part(id, name) {
    const own = this.place.querySelector(`[data-of="${id}"][data-part="${CSS.escape(name)}"]`);
    const row = this.place.querySelector(`[data-node="${id}"]`);
    const parts = row?.querySelectorAll(`[data-part="${CSS.escape(name)}"]`) ?? [];
    return own ?? [...parts].find((one) => one.closest("[data-node]") === row);
  }

  focus(node, parts) {
    parts.map((name) => this.part(node.id, name)).find((part) => part && !part.disabled)?.focus();
  }

  say(words) { this.said.textContent = words; }

  // Problems by path, as the server names them, each at its row.
  blame(problems) {
    this.faults = new Map();
    for (const { path, sentence } of problems) {
      const { node, rest } = nodeAt(this.root, path);
      this.faults.set(node, [...(this.faults.get(node) ?? []), { rest, sentence }]);
    }
    showFaults(this);
  }
}
