// The list out of which one chooses what a condition is about: type to filter, arrows, Enter, Esc.
import { h, newId } from "./dom.js";

const MOST = 200;
const TYPES = { text: "text", number: "number", boolean: "yes or no", date: "date", list: "list" };
const ROOTS = /^(contact|company|event|computed|score|data|step)\./;

// Opens below `anchor`; `choose(entry)` gets what was taken. `named(text)` makes entries of a name that is not listed.
export function pick(anchor, holder, entries, { choose, named, title = "What is the condition about?" }) {
  const id = newId("picker");
  const input = h("input", {
    type: "text", role: "combobox", class: "dc-search", "aria-label": title, "aria-controls": id, "aria-expanded": "true",
    "aria-autocomplete": "list", autocomplete: "off", spellcheck: "false", placeholder: "Type to search", oninput: () => filter(),
  });
  const list = h("div", { id, role: "listbox", class: "dc-options", "aria-label": title });
  const count = h("p", { class: "dc-unseen", role: "status" });
  const panel = h("div", { class: "dc-picker", popover: "manual" }, input, list, count);
  let options = [];
  let active = 0;

  function filter() {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (entry) => words.every((word) => `${entry.label} ${entry.key} ${entry.group}`.toLowerCase().includes(word));
    const begins = (entry) => entry.label.toLowerCase().startsWith(words.join(" "));
    const found = entries.filter(fits).sort((one, other) => begins(other) - begins(one));
    const known = (own) => entries.some((entry) => entry.kind === own.kind && entry.key === own.key);
    const own = (named?.(input.value.trim()) ?? []).filter((entry) => !known(entry));
    draw([...found.slice(0, MOST), ...own], found.length);
  }

  function draw(found, all) {
    const groups = new Map();
    options = found.map((entry) => {
      const words = [h("span", {}, entry.label), h("small", {}, hint(entry))];
      const option = h("div", { role: "option", id: newId("option"), class: "dc-option" }, words);
      option.entry = entry;
      groups.set(entry.group, [...(groups.get(entry.group) ?? []), option]);
      return option;
    });
    options = [...groups.values()].flat(); // in the order in which they stand
    list.replaceChildren(...[...groups].map(([name, members]) =>
      h("div", { role: "group", "aria-label": name }, h("p", { class: "dc-heading", "aria-hidden": "true" }, name), members)));
    if (!options.length) list.append(h("p", { class: "dc-faint" }, "Nothing is called that."));
    if (all > MOST) list.append(h("p", { class: "dc-faint" }, `${all - MOST} more: type to find them.`));
    count.textContent = `${options.length} to choose from`;
    mark(0);
    place();
  }

  function mark(index) {
    options[active]?.removeAttribute("aria-selected");
    active = Math.max(0, Math.min(index, options.length - 1));
    options[active]?.setAttribute("aria-selected", "true");
    options[active]?.scrollIntoView({ block: "nearest" });
    if (options.length) input.setAttribute("aria-activedescendant", options[active].id);
    else input.removeAttribute("aria-activedescendant");
  }

  function place() {
    const { left, bottom, top } = anchor.getBoundingClientRect();
    const width = Math.min(420, innerWidth - 16);
    const below = innerHeight - bottom - 12;
    const up = below < 260 && top > below;
    panel.style.width = `${width}px`;
    panel.style.left = `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`;
    panel.style.maxHeight = `${Math.min(420, Math.max(160, up ? top - 12 : below))}px`;
    panel.style.top = up ? "auto" : `${bottom + 4}px`;
    panel.style.bottom = up ? `${innerHeight - top + 4}px` : "auto";
  }

  function close(back) {
    if (!panel.isConnected) return;
    for (const [target, name, listener] of outside) target.removeEventListener(name, listener, true);
    panel.remove();
    anchor.setAttribute("aria-expanded", "false");
    if (back && anchor.isConnected) anchor.focus();
  }

  function take(option) {
    if (!option) return;
    close(true);
    choose(option.entry);
  }

  function pressed(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
    if (event.key === "Enter") take(options[active]);
    else if (event.key === "Escape") close(true);
    else if (event.key === "Tab") return close(true);
    else if (event.key in steps) mark(active + steps[event.key]);
    else return undefined;
    event.preventDefault();
    event.stopPropagation();
    return undefined;
  }

  const away = (event) => { if (!panel.contains(event.target) && !anchor.contains(event.target)) close(false); };
  const outside = [[document, "pointerdown", away], [document, "focusin", away], [window, "scroll", place], [window, "resize", place]];
  for (const [target, name, listener] of outside) target.addEventListener(name, listener, true);
  panel.addEventListener("keydown", pressed);
  list.addEventListener("click", (event) => take(event.target.closest("[role=option]")));
  list.addEventListener("pointerdown", (event) => event.preventDefault()); // the cursor stays in the search
  holder.append(panel);
  panel.showPopover?.();
  anchor.setAttribute("aria-expanded", "true");
  filter();
  input.focus();
}

function hint(entry) {
  const share = entry.share === null || entry.share === undefined ? "" : `${entry.share} % have it`;
  return [TYPES[entry.type] ?? "", share, entry.note ?? ""].filter(Boolean).join(" · ");
}

// What a field is called that is not listed: their first name, or contact.first_name → first name.
export function spoken(key, label) {
  if (label) return label.replace(/^(their|the event’s) (?!company’s)/, "");
  const [root, ...path] = key.split(".");
  return path.length ? `${root === "company" ? "company’s " : ""}${path.join(" ").replaceAll("_", " ")}` : key;
}

// A property that no event had yet, or an attribute that nobody has, can be named all the same.
export const namedFields = (roots) => (text) => {
  if (!/^[^\s."“”][^\s"“”]*$/.test(text) || text.endsWith(".")) return [];
  const keys = ROOTS.test(text) ? [text] : roots.map((root) => `${root}.${text}`);
  return keys.map((key) => ({ kind: "field", key, label: `“${key}”`, group: "A name of your own", type: "" }));
};
