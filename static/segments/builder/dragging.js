// Dragging a row to another place of the same condition; it begins at the grip, so that text can still be selected.

export function draggable(builder) {
  const { place } = builder;
  let dragged = null;
  let target = null;
  const node = (row) => [...builder.parents.keys()].find((one) => String(one.id) === row.dataset.node);
  const scopeOf = (row) => row.closest(".dc-where") ?? place;
  const marks = ["dc-before", "dc-after", "dc-into"];
  const clear = () => place.querySelectorAll(marks.map((mark) => `.${mark}`)).forEach((one) => one.classList.remove(...marks));

  place.addEventListener("pointerdown", (event) => {
    const grip = event.target.closest("[data-grip]");
    if (grip) grip.closest("[data-node]").draggable = true;
  });
  place.addEventListener("dragstart", (event) => {
    if (!event.target.matches?.("[data-node]")) return;
    dragged = event.target;
    event.stopPropagation();
    event.dataTransfer.effectAllowed = "move";
    dragged.classList.add("dc-dragged");
  });
  place.addEventListener("dragover", (event) => {
    if (!dragged) return;
    clear();
    target = aim(event);
    if (target) event.preventDefault();
  });
  place.addEventListener("drop", (event) => {
    if (!dragged || !target) return;
    event.preventDefault();
    const moved = node(dragged);
    const { row, group, after } = target;
    const into = group ? groupOf(group) : builder.parents.get(node(row));
    const from = builder.parents.get(moved);
    let index = group ? 0 : into.children.indexOf(node(row)) + (after ? 1 : 0);
    if (from === into && from.children.indexOf(moved) < index) index -= 1;
    finish();
    builder.put(moved, into, index);
  });
  place.addEventListener("dragend", finish);

  // Before or after the row under the pointer, or into a group that is empty.
  function aim(event) {
    const empty = event.target.closest(".dc-group");
    if (empty && !empty.querySelector("[data-node]") && !dragged.contains(empty) && scopeOf(empty) === scopeOf(dragged)) {
      empty.classList.add("dc-into");
      return { group: empty };
    }
    const row = event.target.closest("[data-node]");
    if (!row || dragged.contains(row) || scopeOf(row) !== scopeOf(dragged.parentElement)) return null;
    const { top, height } = row.getBoundingClientRect();
    const after = event.clientY > top + height / 2;
    row.classList.add(after ? "dc-after" : "dc-before");
    return { row, after };
  }

  const groupOf = (element) => [...builder.scopes.keys()].find((one) => String(one.id) === element.dataset.group);

  function finish() {
    if (!dragged) return;
    dragged.classList.remove("dc-dragged");
    dragged.draggable = false;
    dragged = target = null;
    clear();
  }
}
