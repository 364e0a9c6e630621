// The preview beside a template follows what is typed: words by fetch, the HTML by a form into the sandboxed frame.
(() => {
  "use strict";

  const live = document.querySelector("[data-live]");
  const form = live && document.getElementById(live.dataset.form);
  if (!form) return;
  const part = (name) => live.querySelector(`[data-${name}]`);
  const contact = live.querySelector("[name=contact]");
  const NAMES = ["csrfmiddlewaretoken", "subject", "preheader", "html", "text", "on_missing"];
  let asked = 0;

  function typed() {
    const data = new FormData();
    for (const name of NAMES) {
      const input = form.elements[name];
      if (input) data.append(name, input.value);
    }
    if (contact) data.append("contact", contact.value);
    return data;
  }

  function showPage(data) {
    const courier = document.createElement("form");
    courier.method = "post";
    courier.action = live.dataset.said;
    courier.target = part("frame").name;
    courier.hidden = true;
    for (const [name, value] of data) {
      const input = document.createElement("textarea");
      input.name = name;
      input.value = value;
      courier.append(input);
    }
    document.body.append(courier);
    courier.submit();
    courier.remove();
  }

  function showWords(answer) {
    part("problem").textContent = answer.problem;
    part("problem").hidden = !answer.problem;
    part("subject-line").hidden = Boolean(answer.problem);
    part("frame").hidden = Boolean(answer.problem);
    part("subject").textContent = answer.subject;
    part("text").textContent = answer.text;
    part("warnings").replaceChildren(...answer.warnings.map((sentence) => {
      const item = document.createElement("li");
      item.textContent = sentence;
      return item;
    }));
  }

  async function refresh() {
    const turn = ++asked;
    const data = typed();
    try {
      const response = await fetch(live.dataset.check, { method: "POST", body: data, credentials: "same-origin" });
      if (!response.ok) throw new Error(String(response.status));
      const answer = await response.json();
      if (turn !== asked) return; // something newer is on its way
      showWords(answer);
      if (!answer.problem) showPage(data);
    } catch {
      if (turn === asked) showWords({ problem: "The preview could not be made just now; what you typed is safe.", subject: "", text: "", warnings: [] });
    }
  }

  let timer;
  function soon() {
    clearTimeout(timer);
    timer = setTimeout(refresh, 500);
  }
  form.addEventListener("input", soon);
  form.addEventListener("change", soon);
  // select2 tells its changes through jQuery only
  const jQuery = window.django && window.django.jQuery;
  if (contact) (jQuery ? jQuery(contact).on("change", soon) : contact.addEventListener("change", soon));
  refresh();
})();
