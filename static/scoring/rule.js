/* The form of a rule shows what its choices need: [data-when-effect="add set"] while the effect is one of these. */
(() => {
  const form = document.querySelector("[data-rule]");
  const chosen = (name) => form.elements[name]?.value ?? "";

  function show() {
    for (const name of ["effect", "event", "fading_how"]) {
      for (const part of form.querySelectorAll(`[data-when-${name}]`)) {
        part.hidden = !part.getAttribute(`data-when-${name}`).split(" ").includes(chosen(name));
      }
    }
  }

  form.addEventListener("change", show);
  show();
})();
