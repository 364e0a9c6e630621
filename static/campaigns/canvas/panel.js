// The side panel: its forms come from the server and are checked there; here nothing is read out of them.
import { send } from "./net.js";
import { told } from "./reading.js";

const PAUSE = 500; // after the last key, before the words are asked for anew

export class Panel {
  constructor(store, box) {
    Object.assign(this, { store, box, what: null, key: null, asked: 0 });
    box.addEventListener("submit", (event) => { event.preventDefault(); this.apply(); });
    box.addEventListener("click", (event) => this.clicked(event));
    for (const name of ["input", "change"]) box.addEventListener(name, () => this.typed());
    store.addEventListener("drawn", ({ detail }) => this.follow(detail));
  }

  get form() { return this.box.querySelector("form"); }

  get dirty() { return Boolean(this.form) && this.now() !== this.before; }

  now() { return new URLSearchParams(new FormData(this.form)).toString(); }

  shows(uid) { return this.what === "step" && this.key === uid; }

  data(go, more = {}) {
    const data = go === "open" || !this.form ? new FormData() : new FormData(this.form);
    const asked = { document: JSON.stringify(this.store.document), what: this.what, key: this.key, go, ...more };
    for (const [name, value] of Object.entries(asked)) data.set(name, value);
    return data;
  }

  // What is typed in the panel that is open is kept first; where that cannot be, the panel stays.
  async open(what, key, { fresh = false, quiet = false } = {}) {
    if (!this.store.editable) { this.read(what, key); return; }
    if (!quiet && this.dirty && !(await this.apply({ next: true }))) return;
    const number = ++this.asked;
    this.back = fresh || quiet || document.querySelector("[data-stage]").contains(document.activeElement) ? this.back : null;
    Object.assign(this, { what, key });
    const answer = await send(this.store.urls.panel, this.data("open"));
    if (number !== this.asked) return;
    if (answer.refused) { this.close(); this.store.tell("refused", answer.refused); return; }
    this.show(answer.html);
    this.store.selected = what === "step" ? key : "";
    this.store.tell("selected");
    if (quiet) return;
    const first = this.box.querySelector(".cv-panel-body :is(input:not([type=hidden]), select, textarea, button:not([disabled]))");
    (fresh && first ? first : this.box.querySelector("[data-panel-title]")).focus({ preventScroll: true });
  }

  // Who may not edit reads what the step does.
  read(what, key) {
    Object.assign(this, { what, key });
    this.box.replaceChildren(told(this.store, key));
    this.reveal(key);
    this.box.querySelector("h2").focus({ preventScroll: true });
  }

  reveal(uid) {
    this.box.hidden = false;
    document.querySelector(".cv-work").classList.add("cv-with-panel");
    this.store.selected = uid;
    this.store.tell("selected");
  }

  show(html) {
    this.box.innerHTML = html;
    this.box.hidden = false;
    document.querySelector(".cv-work").classList.add("cv-with-panel");
    this.before = this.now();
    this.tidy();
    document.dispatchEvent(new CustomEvent("canvas:panel", { detail: this.box }));
  }

  close() {
    this.asked += 1;
    const inside = this.box.contains(document.activeElement);
    const uid = this.what === "step" ? this.key : "";
    this.box.replaceChildren();
    this.box.hidden = true;
    document.querySelector(".cv-work").classList.remove("cv-with-panel");
    Object.assign(this, { what: null, key: null });
    this.store.selected = null;
    this.store.tell("selected");
    if (inside) this.store.tell("focus", uid);
  }

  // True where what was typed is in the document now.
  async apply({ next = false } = {}) {
    if (!this.form) return true;
    const { what, key } = this;
    const answer = await send(this.store.urls.panel, this.data("apply"));
    if (answer.refused) { this.store.tell("refused", answer.refused); return false; }
    if (answer.html) {
      this.show(answer.html);
      this.before = null; // it is not kept yet
      (this.box.querySelector("[aria-invalid=true], .cp-wrong :is(input, select, textarea)") ?? this.box.querySelector("[data-panel-title]")).focus();
      return false;
    }
    this.before = this.now();
    this.applied = true;
    const words = what === "step" ? `“${answer.drawing.steps[key]?.title ?? "The step"}” was changed.` : "What lets people in was changed.";
    if (!this.store.commit(answer, { words, show: what === "step" ? key : undefined, from: "panel" })) this.store.tell("said", "Nothing was changed.");
    if (!next) await this.leave(what);
    return true;
  }

  // From a trigger, an exit or a goal one comes back to the whole.
  async leave(what) {
    if (["trigger", "exit", "goal"].includes(what)) await this.open("entry", "", { quiet: false });
    else this.close();
  }

  async drop() {
    if (this.what === "step") { this.store.tell("remove", this.key); return; }
    const { what } = this;
    const answer = await send(this.store.urls.panel, this.data("remove"));
    if (answer.refused) { this.store.tell("refused", answer.refused); return; }
    this.before = this.now();
    this.store.commit(answer, { words: "It was removed.", from: "panel" });
    await this.leave(what);
  }

  async clicked(event) {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.matches("[data-close]")) {
      this.before = this.form && this.now();
      if (this.store.editable) await this.leave(this.what);
      else this.close();
    } else if (button.matches("[data-drop]")) await this.drop();
    else if (button.matches("[data-open]")) await this.open(button.dataset.open, button.dataset.key);
  }

  typed() {
    this.tidy();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(), PAUSE);
  }

  async look() {
    const told = this.box.querySelector("[data-told]");
    if (!told || !this.dirty) return;
    const number = this.asked;
    const answer = await send(this.store.urls.panel, this.data("look"));
    if (number !== this.asked || !told.isConnected) return;
    const words = answer.words ?? "";
    told.hidden = !words;
    told.querySelector("[data-told-words]").textContent = words && `${words[0].toUpperCase()}${words.slice(1)}.`;
    told.querySelector("[data-told-example]").textContent = answer.example ? ` ${answer.example}` : "";
  }

  // Links that follow a choice (data-follows).
  tidy() {
    for (const link of this.box.querySelectorAll("a[data-follows]")) {
      const chosen = this.form.elements[link.dataset.follows]?.value;
      link.hidden = !chosen;
      link.href = link.dataset.url.replace("/0/", `/${chosen || 0}/`);
    }
  }

  // After undo or a move: the panel shows what is there now, unless somebody types in it.
  follow(how) {
    if (!this.store.editable || !this.what || how?.from === "panel" || this.dirty) return;
    if (this.what === "step" && !this.store.step(this.key)) this.close();
    else this.open(this.what, this.key, { quiet: true });
  }
}
