// What there is to choose from: asked of the server once for each subject on a page, and looked up here.

const asked = new Map();

export function offers(url) {
  if (!asked.has(url)) asked.set(url, fetched(url).then((found) => new Offers(found), () => { asked.delete(url); return null; }));
  return asked.get(url);
}

async function fetched(url) {
  const answer = await fetch(url, { headers: { Accept: "application/json" }, credentials: "same-origin" });
  if (!answer.ok) throw new Error(`${answer.status}`);
  return answer.json();
}

export class Offers {
  constructor({ entries, operators, units, choices }) {
    Object.assign(this, { entries, operators, units, choices });
    this.byKey = new Map(entries.map((entry) => [`${entry.kind}:${entry.key}`, entry]));
  }

  entry(kind, key) { return this.byKey.get(`${kind}:${key}`); }

  of(kind) { return this.entries.filter((entry) => entry.kind === kind); }

  operator(key) {
    const spelled = { ">=": "≥", "<=": "≤" }[key] ?? key;
    return this.operators.find((operator) => operator.key === spelled);
  }

  // The comparisons that a type knows; all of them where the type is not known.
  operatorsFor(type) { return this.operators.filter((operator) => !type || operator.types.includes(type)); }

  // The same things, with the fields of one event instead of everything: for the filters of that event.
  inside(key) {
    const properties = this.entry("event", key)?.properties ?? [];
    return new Offers({ ...this, entries: properties.map((entry) => ({ ...entry, group: "Its properties" })) });
  }
}
