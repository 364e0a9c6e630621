// Of a form of settings, only the fields that count for what is chosen are shown. Panels may be drawn at any time.
(() => {
  "use strict";
  const valueOf = (form, name) => [...form.elements].find((one) => one.name === name && (one.type !== "radio" || one.checked))?.value;

  const counts = (input) =>
    input.dataset.shownFor.split(";").every((wanted) => {
      const [name, choices] = wanted.split("=");
      return choices.split(",").includes(valueOf(input.form, name));
    });

  function show(form) {
    for (const input of form.querySelectorAll("[data-shown-for]")) (input.closest(".cp-field") || input).hidden = !counts(input);
  }

  const showAll = () => new Set([...document.querySelectorAll("[data-shown-for]")].map((input) => input.form)).forEach((form) => form && show(form));

  document.addEventListener("change", (event) => event.target.form && show(event.target.form));
  document.addEventListener("DOMContentLoaded", () => {
    showAll();
    new MutationObserver(showAll).observe(document.body, { childList: true, subtree: true });
  });
})();
