// The side panel: its forms come from the server and are checked there; here nothing is read out of them.
import { send } from "./net.js";
import { cameOf } from "./numbers.js";
import { told } from "./reading.js";

const CHANGED = {
  entry: "The settings of the whole were changed.", trigger: "What lets people in was changed.",
  exit: "When people leave early was changed.", goal: "The goal was changed.",
};
const PAUSE = 500; // after the last key, before the words are asked for anew

export class Panel {
  constructor(store, box) {
    Object.assign(this, { store, box, what: null, key: null, asked: 0 });
    box.addEventListener("submit", (event) => { event.preventDefault(); this.apply(); });
    box.addEventListener("click", (event) => this.clicked(event));
    for (const name of ["input", "change"]) box.addEventListener(name, () => this.typed());
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.renew(); });
    store.addEventListener("drawn", ({ detail }) => this.follow(detail));
    store.addEventListener("numbers", () => this.count());
    store.addEventListener("refused", ({ detail }) => this.refuse(detail));
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
    const before = { what: this.what, key: this.key };
    Object.assign(this, { what, key });
    const answer = await send(this.store.urls.panel, this.data("open"));
    if (number !== this.asked) return;
    if (answer.refused) {
      if (this.form) Object.assign(this, before);
      else this.close();
      this.store.tell("refused", answer.refused);
      return;
    }
    this.show(answer.html);
    this.store.selected = what === "step" ? key : "";
    this.store.tell("selected");
    if (quiet) return;
    await null; // until the scripts of the form have hidden what is not for people
    const shown = (what) => [...this.box.querySelectorAll(`.cv-panel-body :is(${what})`)].find((one) => one.checkVisibility());
    const first = shown("input:not([type=hidden]), select, textarea") ?? shown("button:not([disabled])");
    (fresh && first ? first : this.box.querySelector("[data-panel-title]")).focus({ preventScroll: true });
  }

  // Who may not edit reads what the step does.
  read(what, key) {
    Object.assign(this, { what, key });
    this.box.replaceChildren(told(this.store, key));
    this.reveal(key);
    this.count();
    this.box.querySelector("h2").focus({ preventScroll: true });
  }

  reveal(uid) {
    this.box.hidden = false;
    document.querySelector(".cv-work").classList.add("cv-with-panel");
    this.store.selected = uid;
    this.store.tell("selected");
  }

  // `kept`: what it shows is in the document; scripts of forms may fill in numbers first.
  show(html, kept = true) {
    this.box.innerHTML = html;
    this.box.hidden = false;
    document.querySelector(".cv-work").classList.add("cv-with-panel");
    this.before = kept ? this.now() : null;
    if (kept) queueMicrotask(() => { if (this.form) this.before = this.now(); });
    this.tidy();
    this.count();
    document.dispatchEvent(new CustomEvent("canvas:panel", { detail: this.box }));
  }

  // What came of the step, while it is looked at.
  count() {
    const place = this.box.querySelector("[data-came]");
    if (!place || place.contains(document.activeElement)) return;
    const told = this.what === "step" && this.store.numbers ? cameOf(this.store, this.key) : [];
    place.hidden = !told.length;
    place.replaceChildren(...told);
  }

  // Where something could not be done it is said beside the buttons, too: on a phone the panel covers all else.
  refuse(sentence) {
    this.box.querySelector("[data-refused]")?.remove();
    if (!sentence) return;
    const said = Object.assign(document.createElement("p"), { className: "cv-refusal", textContent: sentence });
    said.dataset.refused = "";
    this.box.querySelector(".cv-panel-foot")?.prepend(said);
  }

  // Esc leaves as Cancel does, but never with something that was typed.
  async escape() {
    if (this.dirty) this.store.tell("refused", "What you typed is not kept yet: Done keeps it, Cancel leaves it.");
    else if (this.store.editable) await this.leave(this.what);
    else this.close();
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

  // True where what was typed is in the document now. Pressed twice, it is done once.
  async apply({ next = false } = {}) {
    if (!this.form || this.leaving) return true;
    this.applying ??= this.store.turn(() => this.applied()).finally(() => { this.applying = null; });
    const done = await this.applying;
    const added = this.key?.startsWith("new"); // it is there now, and would be added again
    if (done && (!next || added) && !this.leaving) await this.leave(this.what);
    return done;
  }

  async applied() {
    if (!this.form) return true;
    const { what, key } = this;
    const answer = await send(this.store.urls.panel, this.data("apply"));
    if (answer.refused) { this.store.tell("refused", answer.refused); return false; }
    if (answer.html) {
      this.show(answer.html, false);
      (this.box.querySelector("[aria-invalid=true], .cp-wrong :is(input, select, textarea)") ?? this.box.querySelector("[data-panel-title]")).focus();
      return false;
    }
    this.before = this.now();
    const words = what === "step" ? `“${answer.drawing.steps[key]?.title ?? "The step"}” was changed.` : CHANGED[what];
    if (!this.store.commit(answer, { words, show: what === "step" ? key : undefined, from: "panel" })) this.store.tell("said", "Nothing was changed.");
    return true;
  }

  // From a trigger, an exit or a goal one comes back to the whole.
  async leave(what) {
    this.leaving = true;
    if (["trigger", "exit", "goal"].includes(what)) await this.open("entry", "");
    else this.close();
    this.leaving = false;
  }

  async drop() {
    if (this.what === "step") { this.store.tell("remove", this.key); return; }
    if (this.leaving) return;
    const { what } = this;
    const done = await this.store.turn(async () => {
      const answer = await send(this.store.urls.panel, this.data("remove"));
      if (answer.refused) { this.store.tell("refused", answer.refused); return false; }
      this.before = this.now();
      this.store.commit(answer, { words: "It was removed.", from: "panel" });
      return true;
    });
    if (done) await this.leave(what);
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
    this.refuse("");
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

  // What was made in another tab meanwhile, such as a template, can be chosen at once; what is chosen stays.
  async renew() {
    if (!this.form?.querySelector("a[target=_blank]") || !this.store.editable) return;
    const number = this.asked;
    const answer = await send(this.store.urls.panel, this.data("open"));
    if (answer.refused || number !== this.asked || !this.form) return;
    const fresh = new DOMParser().parseFromString(answer.html, "text/html");
    for (const select of this.form.querySelectorAll("select[name]")) {
      const { value } = select;
      const newer = fresh.querySelector(`select[name="${CSS.escape(select.name)}"]`);
      if (newer) select.replaceChildren(...newer.options);
      select.value = value;
    }
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
