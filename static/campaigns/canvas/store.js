// The document as it is drawn now, what it was before, and what is saved. Deeds are done by the server, one at a time.
import { send } from "./net.js";

export class Store extends EventTarget {
  constructor(data) {
    super();
    Object.assign(this, data);
    this.past = [];
    this.future = [];
    this.selected = null;
    this.saved = data.new ? null : JSON.stringify(this.document);
    this.awaited = Promise.resolve();
  }

  // Of a new campaign in which nothing was done yet nothing is wrong either.
  get begun() { return !this.new || this.past.length > 0; }

  get dirty() { return JSON.stringify(this.document) !== this.saved && this.begun; }

  get now() { return { document: this.document, drawing: this.drawing }; }

  step(uid) { return this.drawing.steps[uid]; }

  title(uid) { return uid ? this.step(uid)?.title ?? "a step" : "the entry"; }

  tell(name, detail) { this.dispatchEvent(new CustomEvent(name, { detail })); }

  // `how.words` are said; `how.show` is the step to look at next.
  commit(next, how = {}) {
    if (JSON.stringify(next.document) === JSON.stringify(this.document)) return false;
    this.past.push({ ...this.now, words: how.words });
    this.future = [];
    this.put(next, how);
    return true;
  }

  put({ document, drawing }, how = {}) {
    this.document = document;
    this.drawing = drawing;
    this.tell("drawn", how);
    if (how.words) this.tell("said", how.words);
  }

  // Whatever changes the document waits for what was asked before: it is done to what that left.
  turn(task) {
    this.awaited = this.awaited.then(task);
    return this.awaited;
  }

  undo() { return this.turn(async () => this.travel(this.past, this.future, "Undone")); }

  redo() { return this.turn(async () => this.travel(this.future, this.past, "Done again")); }

  travel(from, to, word) {
    const there = from.pop();
    if (!there) return;
    to.push({ ...this.now, words: there.words });
    this.put(there, { words: there.words ? `${word}: ${there.words}` : `${word}.` });
  }

  do(deed, words, show) {
    return this.turn(async () => {
      const answer = await send(this.urls.draw, { document: this.document, deed });
      if (answer.refused) this.tell("refused", answer.refused);
      else this.commit(answer, { words, show: show ?? answer.shown });
      return answer;
    });
  }
}
