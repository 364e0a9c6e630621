// Of tall pictures of a difference, the first thing that differs is in sight, and what stood in its place beside it.
(() => {
  "use strict";
  const frames = [...document.querySelectorAll(".cp-diff .cp-svg-frame")];
  const wanted = frames.map((frame) => {
    const mark = frame.querySelector(".cp-svg-mark");
    const below = mark ? mark.getBoundingClientRect().top - frame.getBoundingClientRect().top : -1;
    return below > frame.clientHeight / 2 ? below - frame.clientHeight / 3 : mark && 0;
  });
  frames.forEach((frame, index) => { frame.scrollTop = wanted[index] ?? Math.max(...wanted); });
})();
