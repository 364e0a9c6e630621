// One card at a time can be reached by Tab, with its ways and numbers; arrows lead from card to card.
export class Keys {
  constructor(store, stage, deeds, panel) {
    Object.assign(this, { store, stage, deeds, panel, current: "" });
    stage.addEventListener("focusin", (event) => {
      const item = event.target.closest("[data-item]");
      if (item) this.mark(item.dataset.item);
    });
    stage.addEventListener("keydown", (event) => this.pressed(event));
  }

  get cards() { return [...this.stage.querySelectorAll("[data-open-step]")]; }

  card(uid) { return this.stage.querySelector(`[data-open-step="${CSS.escape(uid)}"]`); }

  mark(uid) {
    this.current = this.card(uid) ? uid : "";
    for (const item of this.stage.querySelectorAll("[data-item]")) {
      const active = item.dataset.item === this.current;
      for (const one of item.querySelectorAll("button, a")) one.tabIndex = active ? 0 : -1;
    }
  }

  focus(uid) {
    const card = this.card(uid) ?? this.card("");
    card?.focus({ preventScroll: true });
    return card;
  }

  // Where the focus was before the flow was drawn anew.
  remember() {
    const here = document.activeElement;
    if (!this.stage.contains(here)) return null;
    return { uid: here.closest("[data-item]")?.dataset.item ?? "", place: here.dataset.place, menu: "menu" in here.dataset };
  }

  restore(place, show) {
    this.mark(show ?? place?.uid ?? this.current);
    if (!place) return;
    const item = this.card(place.uid)?.closest("[data-item]");
    const same = show === undefined && (place.place ? [...(item?.querySelectorAll(".cv-plus") ?? [])].find((one) => one.dataset.place === place.place) : place.menu && item?.querySelector("[data-menu]"));
    if (same) same.focus({ preventScroll: true });
    else this.focus(show ?? place.uid);
  }

  pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const here = event.target.closest("[data-open-step]");
    const steps = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity };
    if (event.key in steps) this.walk(steps[event.key]);
    else if (event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey)) this.menu();
    else if (event.key === "ArrowLeft" || event.key === "ArrowRight") this.aside(event.key === "ArrowLeft" ? -1 : 1);
    else if (!here || !this.store.editable || !this.act(event.key, here)) return;
    event.preventDefault();
  }

  // What a step's menu holds, from wherever in it the focus is.
  menu() {
    if (this.current && this.store.editable) this.deeds.menu(this.current, this.card(this.current));
  }

  walk(by) {
    const { cards } = this;
    const here = cards.findIndex((card) => card.dataset.openStep === this.current);
    cards[Math.max(0, Math.min(cards.length - 1, here + by))].focus();
  }

  aside(by) {
    const { cards } = this.store.drawing.picture;
    const here = cards[this.current];
    const beside = Object.entries(cards).filter(([, card]) => card.row === here.row && (card.x - here.x) * by > 0);
    beside.sort(([, one], [, other]) => Math.abs(one.x - here.x) - Math.abs(other.x - here.x));
    if (beside.length) this.card(beside[0][0]).focus();
  }

  act(key, card) {
    const uid = card.dataset.openStep;
    const plus = card.closest("[data-item]").querySelector(".cv-way .cv-plus");
    if ((key === "a" || key === "A" || key === "Insert") && plus) this.deeds.add(JSON.parse(plus.dataset.place), plus);
    else if (!uid) return false;
    else if (key === "m" || key === "M") this.deeds.move(uid, card);
    else if (key === "c" || key === "C") this.deeds.copy(uid, card);
    else if (key === "Delete" || key === "Backspace") this.deeds.remove(uid);
    else return false;
    return true;
  }
}
