// Adjusting a score: only the fields that the chosen deed needs are shown. Without scripts all of them are.
"use strict";
(() => {
  const form = document.querySelector("[data-adjust]");
  if (!form) return;

  function show() {
    const chosen = new Set([form.elements.deed.value, form.elements.fading.value]);
    for (const part of form.querySelectorAll("[data-for]")) {
      part.hidden = !part.dataset.for.split(" ").some((name) => chosen.has(name));
    }
  }

  form.addEventListener("change", show);
  show();
})();
