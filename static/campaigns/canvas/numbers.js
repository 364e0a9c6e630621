// What came of each step until now, asked for again and again while somebody looks.
import { h, icon } from "../../segments/builder/dom.js";
import { get } from "./net.js";

const EVERY = 5000;
const BUSY = 20; // never more than a twentieth of the time is spent on asking
const none = { waiting: 0, passed: 0, sent: 0, opened: 0, clicked: 0, failed: 0, why: [] };
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const exact = new Intl.NumberFormat("en");
const SHOWN = [
  ["waiting", "hourglass_empty", "waiting here", "people"],
  ["passed", "south", "went on", null],
  ["sent", "send", "sent", "mails"],
  ["opened", "drafts", "opened", "mails"],
  ["clicked", "ads_click", "clicked", "mails"],
  ["failed", "report", "not sent or came back", "mails"],
];

export function numbersOf(store, uid, step) {
  const found = { ...none, ...store.numbers?.[uid] };
  const shown = SHOWN.filter(([name]) => found[name] > 0 || name === "waiting" || (step.mails && name === "sent"));
  return h("div", { class: "cv-numbers", "data-numbers": uid }, store.numbers ? shown.map((one) => number(store, uid, found, one)) : []);
}

function number(store, uid, found, [name, sign, words, list]) {
  const told = `${exact.format(found[name])} ${words}${name === "failed" ? `: ${found.why.join(", ")}` : ""}`;
  const inside = [icon(sign), h("span", { "aria-hidden": "true" }, short.format(found[name])), h("span", { class: "cv-unseen" }, told)];
  const url = list && store.urls[list];
  if (!url || !found[name]) return h("span", { class: `cv-number cv-${name}`, title: told }, inside);
  const query = list === "people" ? `&step=${encodeURIComponent(uid)}` : `&step=${encodeURIComponent(uid)}&came=${name}`;
  return h("a", { class: `cv-number cv-${name}`, href: url + query, title: `${told}: see them`, tabindex: "-1" }, inside);
}

export function follow(store, plane) {
  if (!store.urls.numbers) return;
  let waits = EVERY;
  async function renew() {
    if (!document.hidden) {
      const begun = performance.now();
      const answer = await get(store.urls.numbers);
      if (answer.status === 403) return; // logged out
      if (answer.steps) show(answer.steps);
      waits = Math.max(EVERY, (performance.now() - begun) * BUSY);
    }
    setTimeout(renew, waits);
  }
  function show(steps) {
    if (JSON.stringify(steps) === JSON.stringify(store.numbers)) return;
    store.numbers = steps;
    store.tell("numbers");
    for (const strip of plane.querySelectorAll("[data-numbers]")) {
      if (strip.contains(document.activeElement)) continue;
      const step = store.step(strip.dataset.numbers);
      if (step) strip.replaceWith(numbersOf(store, strip.dataset.numbers, step));
    }
  }
  renew();
}
