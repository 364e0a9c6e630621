/* While work in the background is under way, [data-renews] says how far it is; at its end the page is loaded anew. */
(() => {
  const EVERY = 1500;
  const region = document.querySelector("[data-renews]");
  const busy = () => region.querySelector("[data-busy]")?.dataset.busy === "yes";

  function typing() {
    const focused = document.activeElement;
    return document.hidden || (focused?.matches("input, select, textarea") && focused.value !== "");
  }

  async function renew() {
    try {
      const answer = await fetch(region.dataset.url, { redirect: "manual", cache: "no-store" });
      if (answer.type === "opaqueredirect" || answer.status === 403) return; // logged out
      if (answer.ok && !region.matches(":active")) {
        region.innerHTML = await answer.text();
        if (!busy() && !typing()) location.reload();
      }
    } catch {
      /* the site does not answer: it is tried again */
    }
    if (busy()) setTimeout(renew, EVERY);
  }

  if (busy()) setTimeout(renew, EVERY);
})();
