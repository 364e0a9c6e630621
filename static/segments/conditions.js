// Conditions on a page: every [data-conditions] becomes a builder, also those inside cards that are added later.
import { Builder } from "./builder/builder.js";
import { draggable } from "./builder/dragging.js";
import { showFaults } from "./builder/faults.js";
import { follow } from "./builder/live.js";
import { offers } from "./builder/offers.js";
// What those import: named here, too, so that the browser asks for all of them at once.
import "./builder/deeds.js";
import "./builder/dom.js";
import "./builder/frames.js";
import "./builder/inputs.js";
import "./builder/leaves.js";
import "./builder/parts.js";
import "./builder/picker.js";
import "./builder/row.js";
import "./builder/tree.js";

const started = new WeakSet();

async function start(box) {
  if (started.has(box)) return;
  started.add(box);
  const form = box.closest("form");
  const chooser = box.dataset.eventFrom ? form?.elements[box.dataset.eventFrom] : null;
  const eventType = () => chooser?.value || box.dataset.eventType || "";
  const load = () => {
    const url = new URL(box.dataset.offersUrl, location.href);
    url.searchParams.set("event_type", eventType());
    return offers(url.href);
  };
  let asked, found;
  do { // again, where another event was chosen meanwhile
    asked = eventType();
    found = await load();
  } while (found && eventType() !== asked);
  if (!found) return fail(box, "What there is to choose from could not be loaded; load the page again to change the conditions.");
  try {
    const builder = open(box, found, eventType);
    chooser?.addEventListener("change", () => (builder.awaited = load().then((fresh) => builder.offer(fresh))));
  } catch (fault) {
    fail(box, "These conditions could not be drawn; they stay as they are.");
    throw fault;
  }
}

function open(box, found, eventType) {
  const seen = JSON.parse(box.querySelector("[data-seen] script").textContent);
  const builder = new Builder(box, found, seen);
  builder.eventType = eventType;
  builder.showFaults = () => showFaults(builder);
  name(box);
  follow(builder);
  draggable(builder);
  box.setAttribute("data-ready", "");
  focusFirstFault(box);
  return builder;
}

function fail(box, sentence) {
  box.querySelector("[data-whole-faults]").textContent = sentence;
}

// The field's own label names the whole.
function name(box) {
  const hidden = box.querySelector("input[type=hidden]");
  const label = hidden.id && document.querySelector(`label[for="${CSS.escape(hidden.id)}"]`);
  if (!label) return;
  label.id ||= `${hidden.id}_label`;
  box.setAttribute("aria-labelledby", label.id);
}

// After a save that was refused: to the first input that is wrong on the page.
function focusFirstFault(box) {
  const first = document.querySelector("[data-conditions] [aria-invalid]");
  if (first && box.contains(first) && (document.activeElement === document.body || !document.activeElement)) first.focus();
}

// Enter in an input would save the whole form; here it only ends the typing.
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches?.("[data-conditions] input")) event.preventDefault();
});

const startAll = (root) => root.querySelectorAll("[data-conditions]").forEach(start);

// Not while the page is still being read: a box may lack its parts then.
function watch() {
  startAll(document);
  new MutationObserver((changes) => {
    for (const change of changes) for (const node of change.addedNodes) if (node.nodeType === 1 && node.isConnected) {
      if (node.matches("[data-conditions]")) start(node);
      else startAll(node);
    }
  }).observe(document.documentElement, { childList: true, subtree: true });
}
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", watch);
else watch();
