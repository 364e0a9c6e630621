// Elements from plain words, and nothing else.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat(9).filter((child) => child != null && child !== false && child !== ""));
  return element;
}

export const icon = (name) => h("span", { class: "material-symbols-outlined", "aria-hidden": "true" }, name);

let last = 0;
export const newId = (word) => `dc-${word}-${++last}`;
