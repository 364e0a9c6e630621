// While one edits: the sentence, how many people match now, and some of them. The last question counts.
import { h } from "./dom.js";

const PAUSE = 350;

export function follow(builder) {
  const panel = builder.box.querySelector("[data-live]");
  const url = builder.box.dataset.liveUrl;
  let waiting = null;
  let running = null;

  function soon() {
    clearTimeout(waiting);
    panel.classList.add("dc-stale");
    builder.kept = null;
    waiting = setTimeout(ask, PAUSE);
  }

  async function ask() {
    running?.abort();
    const mine = (running = new AbortController());
    try {
      const answer = await fetch(url, {
        method: "POST", body: JSON.stringify(question(builder)), signal: mine.signal, credentials: "same-origin",
        headers: { "Content-Type": "application/json", "X-CSRFToken": token(builder.box) },
      });
      const found = answer.headers.get("Content-Type")?.includes("json") ? await answer.json() : {};
      if (mine === running) show(builder, panel, found, answer.ok);
    } catch (fault) {
      if (fault.name !== "AbortError" && mine === running) show(builder, panel, {}, false);
    }
  }

  builder.listeners.push(soon);
  if (builder.box.hasAttribute("data-eager")) ask();
  // What the row says that one has left is told then, not while one is still typing into it.
  builder.place.addEventListener("focusout", () => setTimeout(() => tell(builder), 0));
}

const question = (builder) => ({ tree: builder.tree(), subject: builder.subject, event_type: builder.eventType() });

function token(box) {
  const name = "[name=csrfmiddlewaretoken]";
  const field = box.closest("form")?.querySelector(name) ?? document.querySelector(name);
  // The cookie comes first: who logs in again in another tab gets another token.
  return document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? field?.value ?? "";
}

function show(builder, panel, found, ok) {
  panel.hidden = false;
  panel.classList.remove("dc-stale");
  const note = ok ? found.note : found.note || "It could not be counted just now; it is counted when you save.";
  panel.replaceChildren(...[
    found.sentence && h("p", { class: "dc-sentence" }, `Matches when ${found.sentence}.`),
    h("p", { class: "dc-count", role: "status" }, counted(found), note ?? ""),
    found.examples?.length > 0 && h("ul", { class: "dc-examples", "aria-label": "Some of them" }, found.examples.map(example)),
  ].filter(Boolean));
  builder.kept = found.problems ?? [];
  tell(builder);
}

function counted(found) {
  if (found.count === undefined || found.count === null) return "";
  const number = (value) => value.toLocaleString("en-US");
  const match = found.of === 1 ? "contact matches" : "contacts match";
  return [h("strong", {}, number(found.count)), ` of ${number(found.of)} ${match} now. `];
}

const example = ({ name, email, url }) =>
  h("li", {},
    h("a", { href: url, target: "_blank", rel: "noopener" }, name),
    email && email !== name && h("span", { class: "dc-faint" }, ` ${email}`));

function tell(builder) {
  if (!builder.kept) return; // something was changed since, and asked about again
  const row = document.activeElement?.closest("[data-node]");
  const here = row && builder.place.contains(row) ? row.dataset.node : "";
  builder.blame(builder.kept);
  for (const node of [...builder.faults.keys()]) if (String(node.id) === here) builder.faults.delete(node);
  if (here) builder.showFaults();
}
