/* Choosing members: all on the page at once, how many are chosen, and no deed without one. */
(() => {
  const form = document.querySelector("[data-choose]");
  const all = form.querySelector("[data-all]");
  if (!all) return;
  const boxes = [...form.querySelectorAll("[name=contact]")];
  const said = form.querySelector("[data-chosen]");

  function show() {
    const chosen = boxes.filter((box) => box.checked).length;
    all.checked = chosen === boxes.length;
    all.indeterminate = chosen > 0 && chosen < boxes.length;
    said.textContent = chosen ? `${chosen} chosen` : "Nobody is chosen";
    for (const button of form.querySelectorAll("[data-needs-choice]")) button.disabled = !chosen;
  }

  form.addEventListener("change", (event) => {
    if (event.target === all) for (const box of boxes) box.checked = all.checked;
    show();
  });
  show();
})();
