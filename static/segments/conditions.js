// The rows of a condition. They hold no names: on every change they are written as one tree into the hidden input.
// Listeners sit on the document, so rows inside cards that are added, copied or moved work like all others.
(() => {
  "use strict";

  const boxOf = (element) => element.closest("[data-conditions]");
  const rowsOf = (box) => [...box.querySelectorAll("[data-row]")];
  const optionOf = (row) => row.querySelector("[data-op]").selectedOptions[0];

  function knownType(row) {
    const path = row.querySelector("[data-field]").value.trim();
    const list = boxOf(row).querySelector("datalist");
    return [...list.options].find((option) => option.value === path)?.dataset.type || "";
  }

  // "a, "b, c"" → a · b, c
  function listed(text) {
    return [...text.matchAll(/"([^"]*)"|[^,]+/g)].map((match) => (match[1] ?? match[0]).trim()).filter(Boolean);
  }

  function valueOf(row, takes) {
    const at = (name) => row.querySelector(`[data-${name}]`).value.trim();
    return {
      one: () => at("one"),
      count: () => at("one"),
      many: () => listed(at("one")),
      pair: () => [at("one"), at("two")],
      span: () => ({ amount: at("amount"), unit: at("unit") }),
      weekdays: () => [...row.querySelectorAll("[data-day]:checked")].map((day) => day.value),
    }[takes]?.();
  }

  function leafOf(row) {
    if (row.dataset.kept) return JSON.parse(row.dataset.kept);
    const option = optionOf(row);
    const leaf = { field: row.querySelector("[data-field]").value.trim(), op: option.value };
    const value = valueOf(row, option.dataset.takes);
    if (value !== undefined) leaf.value = value;
    const type = row.dataset.type;
    if (type && type !== "any" && option.dataset.types.split(" ").includes(type)) leaf.type = type;
    return leaf;
  }

  const isBlank = (row) =>
    !row.dataset.kept && !row.querySelector("[data-field]").value.trim() && !row.querySelector("[data-one]").value.trim();

  function write(box) {
    const hidden = box.querySelector("input[type=hidden]");
    const leaves = rowsOf(box).filter((row) => !isBlank(row)).map(leafOf);
    hidden.value = leaves.length ? JSON.stringify({ [box.querySelector("[data-word]").value]: leaves }) : "";
    box.querySelector("[data-match]").hidden = rowsOf(box).length < 2;
    hidden.dispatchEvent(new Event("change", { bubbles: true }));
  }

  // Only the comparisons that the field's type knows, and only the inputs that the comparison takes.
  function fit(row) {
    if (row.dataset.kept) return;
    const type = row.dataset.type === "any" ? "" : row.dataset.type;
    const select = row.querySelector("[data-op]");
    for (const option of select.options) {
      option.hidden = option.disabled = Boolean(type) && !option.dataset.types.split(" ").includes(type);
    }
    if (optionOf(row)?.disabled) select.value = [...select.options].find((option) => !option.disabled).value;
    const { takes, types } = optionOf(row).dataset;
    for (const part of row.querySelectorAll("[data-for]")) part.hidden = !part.dataset.for.split(" ").includes(takes);
    dress(row, takes, type || (types.includes(" ") ? "" : types));
  }

  function dress(row, takes, type) {
    const date = type === "date" && takes !== "many";
    for (const input of row.querySelectorAll("[data-one], [data-two]")) {
      input.type = date && /^(\d{4}-\d\d-\d\d)?$/.test(input.value) ? "date" : "text";
      input.inputMode = type === "number" && takes !== "many" ? "decimal" : "text";
      input.placeholder = takes === "many" ? "one, two, three" : type === "boolean" ? "yes or no" : "";
    }
  }

  function add(box) {
    const row = box.querySelector("[data-blank-row]").content.firstElementChild.cloneNode(true);
    row.querySelector("[data-field]").setAttribute("list", box.querySelector("datalist").id);
    box.querySelector("[data-rows]").append(row);
    fit(row);
    write(box);
    row.querySelector("[data-field]").focus();
  }

  function remove(row) {
    const box = boxOf(row);
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    write(box);
    (next?.querySelector("[data-remove-condition]") ?? box.querySelector("[data-add-condition]")).focus();
  }

  function changed(event) {
    const box = boxOf(event.target);
    if (!box || event.target.type === "hidden") return;
    const row = event.target.closest("[data-row]");
    if (row && event.target.matches("[data-field]")) row.dataset.type = knownType(row);
    if (row && event.target.matches("[data-field], [data-op]")) fit(row);
    write(box);
  }

  document.addEventListener("input", changed);
  document.addEventListener("change", changed);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-add-condition], [data-remove-condition]");
    if (!button) return;
    button.matches("[data-add-condition]") ? add(boxOf(button)) : remove(button.closest("[data-row]"));
  });

  function start(root) {
    root.querySelectorAll("[data-conditions] [data-row]").forEach(fit);
  }
  // Not while the page is still being read: a row may lack its comparisons then.
  function watch() {
    start(document);
    new MutationObserver((changes) => {
      for (const change of changes) for (const node of change.addedNodes) if (node.nodeType === 1) start(node);
    }).observe(document.documentElement, { childList: true, subtree: true });
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", watch);
  else watch();
})();
