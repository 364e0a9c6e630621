// What came of each step until now, asked for again and again while somebody looks.
import { h, icon } from "../../segments/builder/dom.js";
import { get } from "./net.js";

const EVERY = 5000;
const RARELY = 20000; // while the site does not answer, or somebody was logged out
const BUSY = 20; // never more than a twentieth of the time is spent on asking
const none = { waiting: 0, passed: 0, ways: {}, gone: [], sent: 0, opened: 0, clicked: 0, failed: 0, why: [] };
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const exact = new Intl.NumberFormat("en");
// Name, sign, words, and in which list these people are found: its name, and what narrows it down.
const SHOWN = [
  ["waiting", "hourglass_empty", "waiting here", "people", ""],
  ["passed", "south", "went on", "taken", "&way=on"],
  ["sent", "send", "sent", "mails", "&came=sent"],
  ["opened", "drafts", "opened", "mails", "&came=opened"],
  ["clicked", "ads_click", "clicked", "mails", "&came=clicked"],
  ["failed", "report", "failed", "taken", "&way=not"],
];

export function numbersOf(store, uid, step) {
  const found = { ...none, ...store.numbers?.[uid] };
  const shown = SHOWN.filter(([name]) => found[name] > 0 || name === "waiting" || (step.mails && name === "sent"));
  return h("div", { class: "cv-numbers", "data-numbers": uid }, store.numbers ? shown.map((one) => number(store, uid, found, one)) : []);
}

function number(store, uid, found, [name, sign, words, list, query]) {
  const said = name === "failed" && store.step(uid)?.mails ? "not sent or came back" : words;
  const why = name === "failed" ? `: ${found.why.map((one) => `${one.words} ${exact.format(one.count)}`).join(", ")}` : "";
  const told = `${exact.format(found[name])} ${said}${why}`;
  const inside = [icon(sign), h("span", { "aria-hidden": "true" }, short.format(found[name])), h("span", { class: "cv-unseen" }, told)];
  return linked(store, uid, found[name], `cv-number cv-${name}`, inside, list, query, { title: told, tabindex: "-1" });
}

function linked(store, uid, count, look, inside, list, query, more) {
  if (!store.urls[list] || !count) return h("span", { class: look, ...more }, inside);
  return h("a", { class: look, href: `${store.urls[list]}&step=${encodeURIComponent(uid)}${query}`, ...more }, inside);
}

// How many took a way that has words, behind these words.
export function countOf(store, { from, arm, label }) {
  const holder = h("span", { class: "cv-count", "data-count": JSON.stringify({ from, arm, label }) });
  const count = store.numbers?.[from]?.ways[arm];
  if (!count) return holder;
  const told = `${exact.format(count)} took the way “${label}”`;
  const inside = [h("span", { "aria-hidden": "true" }, short.format(count)), h("span", { class: "cv-unseen" }, told)];
  holder.append(linked(store, from, count, "cv-number", inside, "taken", `&way=by:${encodeURIComponent(arm)}`, { title: told, tabindex: "-1" }));
  return holder;
}

// All of them in words, for the panel: on a card there is room for signs only.
export function cameOf(store, uid) {
  const found = { ...none, ...store.numbers?.[uid] };
  const share = (name) => (found.sent && ["opened", "clicked"].includes(name) ? ` (${Math.round((100 * found[name]) / found.sent)} %)` : "");
  const rows = SHOWN.filter(([name]) => found[name] > 0).map(([name, , words, list, query]) => {
    const said = `${exact.format(found[name])} ${name === "failed" && store.step(uid)?.mails ? "not sent or came back" : words}${share(name)}`;
    const parts = { failed: ["not", found.why], passed: ["by", found.gone] }[name];
    const why = parts?.[1].length > 0 && h("ul", {}, parts[1].map((one) => h("li", {},
      inWords(store, uid, one.count, `${exact.format(one.count)} ${one.words}`, list, `&way=${parts[0]}:${encodeURIComponent(one.key)}`))));
    return h("li", {}, inWords(store, uid, found[name], said, list, query), why);
  });
  return rows.length ? [h("h3", { class: "cv-part-title" }, "What came of it"), h("ul", { class: "cv-came" }, rows)] : [];
}

const inWords = (store, uid, count, said, list, query) => linked(store, uid, count, "cv-in-words", said, list, query);

// The links of the card that has the focus stay within reach of Tab.
function renewed(old, fresh) {
  const near = old.closest("[data-item]")?.querySelector("[data-open-step]")?.tabIndex ?? -1;
  for (const link of fresh.querySelectorAll("a")) link.tabIndex = near;
  old.replaceWith(fresh);
}

export function follow(store, plane) {
  if (!store.urls.numbers) return;
  let waits = EVERY;
  async function renew() {
    if (!document.hidden) {
      const begun = performance.now();
      const answer = await get(store.urls.numbers);
      if (answer.steps) show(answer.steps);
      waits = Math.max(answer.steps ? EVERY : RARELY, (performance.now() - begun) * BUSY);
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
      if (step) renewed(strip, numbersOf(store, strip.dataset.numbers, step));
    }
    for (const count of plane.querySelectorAll("[data-count]")) {
      if (!count.contains(document.activeElement)) renewed(count, countOf(store, JSON.parse(count.dataset.count)));
    }
  }
  renew();
}
