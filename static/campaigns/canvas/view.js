// How large the flow is shown, and moving about in it.
const LEAST = 0.3;
const READABLE = 0.45;
const MOST = 1.5;

export class View {
  constructor(stage, plane, output) {
    Object.assign(this, { stage, plane, output, scale: 1 });
    stage.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.zoom(this.scale * (event.deltaY < 0 ? 1.1 : 1 / 1.1), event.clientX, event.clientY);
    }, { passive: false });
    stage.addEventListener("pointerdown", (event) => this.pan(event));
  }

  // What stands above may be one row or three: the flow and the panel's buttons end with the window all the same.
  end() {
    const work = this.stage.parentElement;
    const above = work.getBoundingClientRect().top + document.scrollingElement.scrollTop;
    work.style.setProperty("--cv-above", `${Math.round(above) + 24}px`);
  }

  get narrow() { return matchMedia("(max-width: 40rem)").matches; }

  zoom(scale, x, y) {
    const box = this.stage.getBoundingClientRect();
    const [left, top] = [(x ?? box.left + box.width / 2) - box.left, (y ?? box.top + box.height / 2) - box.top];
    const before = this.scale;
    this.scale = Math.max(LEAST, Math.min(MOST, scale));
    this.size();
    this.stage.scrollLeft = (this.stage.scrollLeft + left) * (this.scale / before) - left;
    this.stage.scrollTop = (this.stage.scrollTop + top) * (this.scale / before) - top;
  }

  // The plane keeps its own measure; margins make up for what scaling takes or adds.
  size() {
    const { plane, scale, stage } = this;
    const [width, height] = [parseFloat(plane.style.width) || 0, parseFloat(plane.style.height) || 0];
    plane.style.transform = `scale(${scale})`;
    plane.style.marginRight = `${width * (scale - 1)}px`;
    plane.style.marginBottom = `${height * (scale - 1)}px`;
    plane.style.marginLeft = `${Math.max(0, (stage.clientWidth - width * scale) / 2)}px`;
    this.output.textContent = `${Math.round(scale * 100)} %`;
  }

  // All of it; of a long one, which could not be read any more, its whole width.
  fit() {
    const [width, height] = [parseFloat(this.plane.style.width), parseFloat(this.plane.style.height)];
    const [across, down] = [(this.stage.clientWidth - 8) / width, (this.stage.clientHeight - 8) / height];
    this.scale = Math.max(LEAST, Math.min(1, across, down < READABLE ? Math.max(down, READABLE) : down));
    this.size();
    this.begin();
  }

  // The beginning of the flow, in the middle.
  begin() {
    const entry = this.plane.querySelector("[data-card='']");
    const middle = entry.getBoundingClientRect();
    const stage = this.stage.getBoundingClientRect();
    this.stage.scrollTo(this.stage.scrollLeft + middle.left + middle.width / 2 - stage.left - stage.width / 2, 0);
  }

  show(element) {
    if (!element) return;
    if (this.narrow) { element.scrollIntoView({ block: "center" }); return; }
    const [box, stage] = [element.getBoundingClientRect(), this.stage.getBoundingClientRect()];
    const away = box.top < stage.top + 20 || box.bottom > stage.bottom - 60 || box.left < stage.left + 10 || box.right > stage.right - 10;
    if (away) this.stage.scrollBy({ left: box.left - stage.left - stage.width / 2 + box.width / 2, top: box.top - stage.top - stage.height / 3, behavior: "smooth" });
  }

  // The ground is dragged with the pointer.
  pan(event) {
    if (event.button !== 0 || event.target.closest("button, a, .cv-card") || this.narrow || event.pointerType === "touch") return;
    let [x, y] = [event.clientX, event.clientY];
    const move = (now) => {
      this.stage.scrollBy(x - now.clientX, y - now.clientY);
      [x, y] = [now.clientX, now.clientY];
    };
    const end = () => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", end);
      this.stage.classList.remove("cv-panned");
    };
    this.stage.classList.add("cv-panned");
    addEventListener("pointermove", move);
    addEventListener("pointerup", end);
  }
}
