// The ways, as lines with round corners.
const NS = "http://www.w3.org/2000/svg";
const ROUND = 10;

function path(points) {
  const kept = points.filter(([x, y], index) => !index || x !== points[index - 1][0] || y !== points[index - 1][1]);
  let drawn = `M${kept[0]}`;
  for (let index = 1; index < kept.length - 1; index += 1) {
    const [before, here, after] = [kept[index - 1], kept[index], kept[index + 1]];
    const radius = Math.min(ROUND, length(before, here) / 2, length(here, after) / 2);
    drawn += ` L${towards(here, before, radius)} Q${here} ${towards(here, after, radius)}`;
  }
  return `${drawn} L${kept.at(-1)}`;
}

const length = ([x, y], [otherX, otherY]) => Math.abs(x - otherX) + Math.abs(y - otherY);

function towards([x, y], [otherX, otherY], by) {
  return [x + Math.sign(otherX - x) * by, y + Math.sign(otherY - y) * by];
}

export function lines(picture, hidden) {
  const svg = document.createElementNS(NS, "svg");
  for (const [name, value] of Object.entries({ class: "cv-lines", width: picture.width, height: picture.height, "aria-hidden": "true" })) svg.setAttribute(name, value);
  for (const line of picture.lines) {
    if (hidden(line)) continue;
    const shape = document.createElementNS(NS, "path");
    shape.setAttribute("d", path(line.points));
    shape.setAttribute("class", `cv-line cv-line-${line.what}`);
    svg.append(shape);
    if (line.to && line.what !== "jump") svg.append(head(line.points.at(-1)));
  }
  return svg;
}

function head([x, y]) {
  const shape = document.createElementNS(NS, "path");
  shape.setAttribute("d", `M${x - 5},${y - 7} L${x},${y - 1} L${x + 5},${y - 7}`);
  shape.setAttribute("class", "cv-head");
  return shape;
}
