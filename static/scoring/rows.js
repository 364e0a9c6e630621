/* Rows of a form: one more, and one less. Without this script “Remove” is a checkbox. */
(() => {
  for (const box of document.querySelectorAll("[data-rows]")) {
    const list = box.querySelector("[data-list]");
    const total = document.getElementById(`id_${box.dataset.rows}-TOTAL_FORMS`);
    const fresh = box.querySelector("template");

    const hide = (row, gone) => {
      row.classList.toggle("se-gone", gone);
      for (const input of row.querySelectorAll("input:not([type=checkbox]):not([type=hidden])")) input.readOnly = gone;
    };

    box.querySelector("[data-add]").addEventListener("click", () => {
      const holder = document.createElement("div");
      holder.innerHTML = fresh.innerHTML.replaceAll("__prefix__", total.value);
      const row = holder.querySelector("[data-row]");
      list.append(row);
      total.value = Number(total.value) + 1;
      row.querySelector("input:not([type=hidden])").focus();
    });
    list.addEventListener("change", (event) => {
      if (event.target.type === "checkbox") hide(event.target.closest("[data-row]"), event.target.checked);
    });
    for (const row of list.querySelectorAll("[data-row]")) hide(row, row.querySelector("[type=checkbox]").checked);
  }
})();
