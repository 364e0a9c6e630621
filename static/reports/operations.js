/* The Operations page renews itself. It waits while somebody clicks, has marked text, or looks elsewhere. */
(() => {
  const EVERY = 5000;
  const region = document.getElementById("operations");
  const note = document.getElementById("operations-note");
  const usual = note.textContent;

  function inUse() {
    const marked = document.getSelection();
    return document.hidden || region.matches(":active") || (!marked.isCollapsed && region.contains(marked.anchorNode));
  }

  function show(html) {
    const focused = region.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    region.innerHTML = html;
    if (focused) region.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  function say(sentence) {
    if (note.textContent !== sentence) note.textContent = sentence;
  }

  async function renew() {
    if (!inUse()) {
      try {
        const answer = await fetch(region.dataset.url, { redirect: "manual", cache: "no-store" });
        if (answer.type === "opaqueredirect" || answer.status === 403) {
          say("You are logged out. Load this page again.");
          return;
        }
        if (!answer.ok) throw new Error(answer.statusText);
        const html = await answer.text();
        if (!inUse()) show(html);
        say(usual);
      } catch {
        say("The site does not answer. What you see is not new; it is tried again.");
      }
    }
    setTimeout(renew, EVERY);
  }

  setTimeout(renew, EVERY);
})();
