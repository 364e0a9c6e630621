// The replay of somebody's way through a campaign: the picture as it was after each decision, one after the other.
"use strict";
(() => {
  const way = document.querySelector("[data-way]");
  const player = way && way.querySelector("[data-player]");
  if (!player) return;

  const PACE = 1500; // milliseconds for each decision
  const frame = way.querySelector("[data-frame]");
  const slider = player.querySelector("[data-slider]");
  const play = player.querySelector("[data-play]");
  const said = player.querySelector("[data-said]");
  const stops = [...way.querySelectorAll("li[data-number]")];
  const marked = [...frame.querySelectorAll("[data-numbers]")].map((part) => ({
    part,
    numbers: part.dataset.numbers.split(" ").filter(Boolean).map(Number),
  }));
  let timer = 0;

  function number(place) {
    return Number(stops[place].dataset.number);
  }

  function show(place) {
    const now = number(place);
    for (const { part, numbers } of marked) {
      part.classList.toggle("pt-later", !numbers.some((one) => one <= now));
      part.classList.toggle("pt-now", numbers.includes(now));
    }
    stops.forEach((stop, at) => (at === place ? stop.setAttribute("aria-current", "step") : stop.removeAttribute("aria-current")));
    slider.value = place;
    const words = `${stops[place].querySelector("[data-when]").textContent}: ${stops[place].querySelector("[data-words]").textContent.trim()}`;
    slider.setAttribute("aria-valuetext", words);
    said.textContent = `${place + 1} of ${stops.length} · ${words}`;
    bring(frame.querySelector("a.pt-now") || frame.querySelector("g.pt-now"));
  }

  // Within the frame only: the page stays where the reader has it.
  function bring(part) {
    if (!part) return;
    const its = part.getBoundingClientRect();
    const around = frame.getBoundingClientRect();
    frame.scrollTo({
      left: frame.scrollLeft + its.left - around.left - (around.width - its.width) / 2,
      top: frame.scrollTop + its.top - around.top - (around.height - its.height) / 2,
    });
  }

  function stop() {
    clearInterval(timer);
    timer = 0;
    play.setAttribute("aria-label", "Play");
    play.firstElementChild.textContent = "play_arrow";
  }

  function go(place) {
    stop();
    show(Math.min(Math.max(place, 0), stops.length - 1));
  }

  function start() {
    const last = stops.length - 1;
    show(Number(slider.value) >= last ? 0 : Number(slider.value));
    play.setAttribute("aria-label", "Pause");
    play.firstElementChild.textContent = "pause";
    timer = setInterval(() => {
      show(Math.min(Number(slider.value) + 1, last));
      if (Number(slider.value) === last) stop();
    }, PACE);
  }

  slider.max = stops.length - 1;
  slider.addEventListener("input", () => go(Number(slider.value)));
  player.querySelector("[data-back]").addEventListener("click", () => go(Number(slider.value) - 1));
  player.querySelector("[data-on]").addEventListener("click", () => go(Number(slider.value) + 1));
  play.addEventListener("click", () => (timer ? stop() : start()));
  player.hidden = stops.length < 2;

  // At first all of it stands there, at the place where they are.
  slider.value = stops.length - 1;
  said.textContent = "Play, or move the slider: the way is shown decision by decision.";
  bring(frame.querySelector(".pt-here") || frame.querySelector(`[data-numbers~="${number(stops.length - 1)}"]`));
})();
