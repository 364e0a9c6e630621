// Lists inside the settings of a step: add, move and remove a row. The markup is told in automation/forms/rows.py.
// One listener for the whole document: a panel that is loaded later needs no start. Without it the numbers and ticks work.
(() => {
  "use strict";

  const field = (row, name) => row.querySelector(`[name$="-${name}"]`);
  const rows = (box) => [...box.querySelectorAll("[data-row]")].filter((row) => !row.hidden);

  // What the buttons do needs no numbers and ticks beside them.
  function tidy(box) {
    rows(box).forEach((row, index, all) => {
      field(row, "ORDER").value = index + 1;
      row.querySelector("[data-plain]").hidden = true;
      row.querySelector('[data-move="up"]').disabled = index === 0;
      row.querySelector('[data-move="down"]').disabled = index === all.length - 1;
    });
  }

  function changed(box, words, focus) {
    tidy(box);
    box.querySelector("[data-said]").textContent = words;
    (focus || box.querySelector("[data-add]")).focus();
    box.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function add(box) {
    const total = document.getElementsByName(`${box.dataset.rows}-TOTAL_FORMS`)[0];
    const holder = document.createElement("div");
    holder.innerHTML = box.querySelector("template").innerHTML.replaceAll("__prefix__", total.value);
    const row = holder.querySelector("[data-row]");
    box.querySelector("[data-list]").append(row);
    total.value = Number(total.value) + 1;
    changed(box, "Added at the end.", row.querySelector("input:not([type=hidden]):not([name$=-ORDER]):not([name$=-DELETE])"));
  }

  function move(box, row, by, button) {
    const all = rows(box);
    const other = all[all.indexOf(row) + by];
    if (!other) return;
    other[by < 0 ? "before" : "after"](row);
    changed(box, `It is number ${rows(box).indexOf(row) + 1} now.`, null);
    (button.disabled ? row.querySelector("[data-move]:not(:disabled)") : button)?.focus();
  }

  // A removed row stays in the form, marked: its number must not be missing for the server.
  function remove(box, row) {
    field(row, "DELETE").checked = true;
    row.hidden = true;
    changed(box, "Removed.", null);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-rows] button");
    if (!button) return;
    const box = button.closest("[data-rows]");
    const row = button.closest("[data-row]");
    if (button.matches("[data-add]")) add(box);
    else if (row && button.matches("[data-remove]")) remove(box, row);
    else if (row && button.matches("[data-move]")) move(box, row, button.dataset.move === "up" ? -1 : 1, button);
  });

  const begin = (root) => root.querySelectorAll?.("[data-rows] [data-list]").forEach((list) => tidy(list.closest("[data-rows]")));
  begin(document);
  new MutationObserver((seen) => seen.forEach((one) => one.addedNodes.forEach(begin)))
    .observe(document.documentElement, { childList: true, subtree: true });
})();
