// The cards of a sequence: add, remove, move by button or by dragging, and say when each one happens.
// The server reads the order from each card's ORDER field; without this script the cards still work.
(() => {
  "use strict";

  const form = document.querySelector("[data-sequence]");
  if (!form) return;
  const list = form.querySelector("[data-steps]");
  const blank = form.querySelector("[data-blank]");
  const total = form.querySelector("[name=steps-TOTAL_FORMS]");
  const said = form.querySelector("[data-said]");
  const MINUTES = { minutes: 1, hours: 60, days: 1440, weeks: 10080 };

  const field = (card, name) => card.querySelector(`[name$="-${name}"]`);
  const shown = () => [...list.children].filter((card) => !card.hidden);
  const say = (words) => { said.textContent = words; };

  function inWords(minutes) {
    const parts = [];
    for (const [unit, size] of [["day", 1440], ["hour", 60], ["minute", 1]]) {
      const amount = Math.floor(minutes / size);
      minutes -= amount * size;
      if (amount) parts.push(`${amount} ${unit}${amount === 1 ? "" : "s"}`);
    }
    return parts.slice(0, 2).join(" and ");
  }

  function renumber() {
    let passed = 0;
    shown().forEach((card, index, all) => {
      const wait = Number(field(card, "wait_amount").value) || 0;
      passed += wait * (MINUTES[field(card, "wait_unit").value] || 0);
      field(card, "ORDER").value = index + 1;
      card.querySelector("[data-title]").textContent = `Step ${index + 1}`;
      card.querySelector("[data-when]").textContent = passed >= 1 ? `about ${inWords(passed)} after entering` : "as soon as they enter";
      card.querySelector("[data-move=up]").disabled = index === 0;
      card.querySelector("[data-move=down]").disabled = index === all.length - 1;
    });
  }

  // Stages belong to a score: those of the others are not offered.
  function offerStages(card) {
    const chosen = field(card, "score_model").value;
    const stage = field(card, "score_stage");
    for (const group of stage.querySelectorAll("optgroup")) {
      const others = !group.firstElementChild.value.startsWith(`${chosen}|`);
      group.hidden = group.disabled = others;
      if (others && group.contains(stage.selectedOptions[0])) stage.value = "";
    }
  }

  function changed() {
    renumber();
    form.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function add() {
    const holder = document.createElement("div");
    holder.innerHTML = blank.innerHTML.replaceAll("__prefix__", total.value);
    total.value = Number(total.value) + 1;
    const card = holder.firstElementChild;
    if (shown().length) field(card, "wait_amount").value = 1; // two mails at once are rarely meant
    list.append(card);
    offerStages(card);
    changed();
    field(card, "wait_amount").select();
    say(`Step ${shown().length} was added.`);
  }

  // A removed card stays in the form, marked: its number must not be missing for the server.
  function remove(card) {
    const place = shown().indexOf(card);
    field(card, "DELETE").checked = true;
    card.hidden = true;
    changed();
    const next = shown()[Math.min(place, shown().length - 1)];
    (next ? next.querySelector("[data-remove]") : form.querySelector("[data-add]")).focus();
    say(`Step ${place + 1} was removed.`);
  }

  function move(card, by, button) {
    const cards = shown();
    const other = cards[cards.indexOf(card) + by];
    if (!other) return;
    list.insertBefore(by < 0 ? card : other, by < 0 ? other : card);
    changed();
    (button.disabled ? card.querySelector(`[data-move]:not(:disabled)`) : button)?.focus();
    say(`It is step ${shown().indexOf(card) + 1} now.`);
  }

  form.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const card = button.closest("[data-step]");
    if (button.matches("[data-add]")) add();
    else if (card && button.matches("[data-remove]")) remove(card);
    else if (card && button.matches("[data-move]")) move(card, button.dataset.move === "up" ? -1 : 1, button);
  });

  list.addEventListener("input", renumber);
  list.addEventListener("change", (event) => {
    renumber();
    if (event.target.matches("[name$='-score_model']")) offerStages(event.target.closest("[data-step]"));
  });

  // Dragging begins at the grip only, so that text in the fields can still be selected.
  let dragged = null;
  list.addEventListener("pointerdown", (event) => {
    const grip = event.target.closest("[data-grip]");
    if (grip) grip.closest("[data-step]").draggable = true;
  });
  list.addEventListener("dragstart", (event) => {
    if (!event.target.matches?.("[data-step]")) return;
    dragged = event.target;
    event.dataTransfer.effectAllowed = "move";
    dragged.classList.add("cp-dragged");
  });
  list.addEventListener("dragover", (event) => {
    const over = dragged && event.target.closest("[data-step]");
    if (!dragged) return;
    event.preventDefault();
    if (!over || over === dragged) return;
    const box = over.getBoundingClientRect();
    list.insertBefore(dragged, event.clientY < box.top + box.height / 2 ? over : over.nextSibling);
  });
  list.addEventListener("dragend", () => {
    if (!dragged) return;
    dragged.classList.remove("cp-dragged");
    dragged.draggable = false;
    dragged = null;
    changed();
  });

  // Nothing that was typed is lost by leaving the page by mistake.
  let dirty = Boolean(form.querySelector(".cp-wrong"));
  form.addEventListener("input", (event) => { if (event.isTrusted || event.target === form) dirty = true; });
  form.addEventListener("submit", () => { dirty = false; });
  window.addEventListener("beforeunload", (event) => { if (dirty) event.preventDefault(); });

  renumber();
  shown().forEach(offerStages);
  form.querySelector("[data-focus]")?.focus();
})();
