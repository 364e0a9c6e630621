/* Columns: only an attribute has a name and a type. The page of an import renews itself while it is worked on. */
(() => {
  for (const column of document.querySelectorAll("[data-column]")) {
    const use = column.querySelector("[data-use]");
    const show = () => {
      for (const field of column.querySelectorAll("[data-attribute]")) field.hidden = use.value !== "attribute";
    };
    use.addEventListener("change", show);
    show();
  }

  const EVERY = 1000;
  const page = document.getElementById("import");
  const stage = () => page?.querySelector("[data-stage]")?.dataset.stage;
  const atWork = () => ["checking", "importing"].includes(stage());

  async function renew() {
    const before = stage();
    try {
      const answer = await fetch(page.dataset.url, { redirect: "manual", cache: "no-store" });
      if (answer.ok) page.innerHTML = await answer.text();
    } catch {
      // The site does not answer: it is tried again.
    }
    if (stage() === "columns") location.reload();
    else if (atWork()) setTimeout(renew, EVERY);
    else if (stage() !== before) page.querySelector("h2")?.scrollIntoView({ block: "nearest" });
  }

  if (atWork()) setTimeout(renew, EVERY / 2);
})();
