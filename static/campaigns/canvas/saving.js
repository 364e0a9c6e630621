// Saving the whole; where somebody else saved meanwhile, one chooses, and the other stays a step of undo away.
import { ask } from "./dialogs.js";
import { send } from "./net.js";

export class Saving {
  constructor(store, panel, head) {
    Object.assign(this, { store, panel, head, busy: false });
    addEventListener("beforeunload", (event) => { if (store.dirty || panel.dirty) event.preventDefault(); });
  }

  async save() {
    await this.store.awaited;
    if (this.busy || (this.panel.dirty && !(await this.panel.apply({ next: true })))) return;
    this.busy = true;
    this.store.tell("said", "Saving …");
    const { document: sent, revision, made } = this.store;
    const answer = await send(this.store.urls.save, { document: sent, revision, made });
    this.busy = false;
    if (answer.status === 409) { await this.conflict(answer); return; }
    if (answer.refused) { this.store.tell("refused", answer.refused); return; }
    this.store.saved = JSON.stringify(sent);
    if (answer.go) { this.store.past = []; this.store.new = true; this.leave(answer.go); return; }
    this.store.revision = answer.revision;
    this.head.innerHTML = answer.head;
    this.store.tell("saved", answer.said);
  }

  leave(url) {
    this.store.saved = JSON.stringify(this.store.document);
    this.panel.before = this.panel.form && this.panel.now();
    location.replace(url);
  }

  async conflict(theirs) {
    const choice = await ask({
      title: "Two people edited this campaign",
      lines: [`${theirs.by} saved it on ${theirs.when}, after you had opened it. Yours is not saved yet, and not lost: choose which one to keep.`],
      options: [["theirs", `Show me theirs first (Undo brings yours back)`], ["mine", "Save mine over it"]],
      buttons: [["Go on", "chosen", "cv-primary"], ["Decide later", undefined]],
    });
    if (choice === undefined) { this.store.tell("refused", "Not saved yet: somebody else saved meanwhile."); return; }
    this.store.revision = theirs.revision;
    if (choice === "mine") { await this.save(); return; }
    this.store.commit(theirs, { words: `${theirs.by}’s version` });
    this.store.saved = JSON.stringify(theirs.document);
    this.store.tell("drawn", {});
  }
}
