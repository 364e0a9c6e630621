// What one does to steps: each deed asks what must be asked, and says what happened.
import { offerKinds, offerPlaces, openMenu, placeInWords } from "./choices.js";
import { ask } from "./dialogs.js";

const steps = (count) => (count === 1 ? "1 step" : `${count} steps`);

export class Deeds {
  constructor(store, panel) { Object.assign(this, { store, panel }); }

  add(place, anchor) {
    const where = placeInWords(this.store, place);
    offerKinds(this.store, anchor, place, {
      add: async ({ key, label }) => {
        const answer = await this.store.do({ do: "insert", kind: key, at: place }, `“${label}” was added ${where}.`);
        if (answer.shown && !answer.refused) this.panel.open("step", answer.shown, { fresh: true });
      },
      lead: (uid) => this.store.do({ do: "lead", at: place, to: uid },
        uid ? `The way ${where} leads to “${this.store.title(uid)}” now.` : `The way ${where} ends now.`, place.from),
    });
  }

  move(uid, anchor, rest = false) {
    offerPlaces(this.store, anchor, `Move “${this.store.title(uid)}” where?`, (place) => this.moveTo(uid, place, { rest }));
  }

  moveTo(uid, place, { rest = false, copy = false } = {}) {
    const title = this.store.title(uid);
    const words = `“${title}” was ${copy ? "copied" : "moved"}: ${placeInWords(this.store, place)}.`;
    return this.store.do({ do: copy ? "copy" : "move", uid, at: place, rest }, words);
  }

  copy(uid, anchor, rest = false) {
    offerPlaces(this.store, anchor, `Copy “${this.store.title(uid)}” where?`, (place) => this.moveTo(uid, place, { rest, copy: true }));
  }

  async remove(uid) {
    const { arms, title } = this.store.step(uid);
    const kept = arms.filter((arm) => arm.own > 0);
    const waiting = this.store.numbers?.[uid]?.waiting ?? 0;
    let keep = null;
    if ((arms.length > 1 && kept.length) || waiting) {
      const several = arms.length > 1 && kept.length > 0;
      keep = await ask({
        title: `Delete “${title}”?`,
        lines: [
          waiting && `${waiting === 1 ? "1 person waits" : `${waiting} people wait`} here. Before the change goes live you choose what becomes of them.`,
          several && "It has several ways out. What becomes of the steps on them?",
        ].filter(Boolean),
        options: several ? [
          ...kept.map((arm) => [arm.key, `Keep the way “${arm.label || arm.key}” (${steps(arm.own)}), delete the others`]),
          [null, "Delete all steps that only it leads to"],
        ] : [],
        buttons: [["Delete", "chosen", "cv-primary cv-danger"], ["Cancel", undefined]],
      });
      if (keep === undefined) return;
      if (keep === true) keep = null;
    }
    if (this.panel.shows(uid)) this.panel.close();
    await this.store.do({ do: "remove", uid, keep }, `“${title}” was deleted.`);
  }

  menu(uid, anchor) {
    const step = this.store.step(uid);
    const follows = step.arms.some((arm) => arm.to);
    openMenu(anchor, [
      ["tune", "Settings", () => this.panel.open("step", uid)],
      ["open_with", "Move …", () => this.move(uid, anchor)],
      follows && ["low_priority", "Move with all that follows …", () => this.move(uid, anchor, true)],
      ["content_copy", "Copy …", () => this.copy(uid, anchor)],
      follows && ["copy_all", "Copy with all that follows …", () => this.copy(uid, anchor, true)],
      ["delete", "Delete …", () => this.remove(uid), true],
    ].filter(Boolean));
  }
}
