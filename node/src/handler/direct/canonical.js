/** JSON text that is equal for equal values: names in order, ASCII, as Python's `json.dumps(sort_keys=True)` writes it. */

/** `value`: what JSON.parse may give. */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return ascii(JSON.stringify(value) ?? "null");
  const names = Object.keys(value).sort(byCodePoint);
  return `{${names.map((name) => `${ascii(JSON.stringify(name))}:${canonical(value[name])}`).join(",")}}`;
}

const ascii = (text) => text.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** JavaScript sorts by halves of surrogate pairs, Python by whole signs. */
function byCodePoint(a, b) {
  const [first, second] = [Array.from(a), Array.from(b)];
  const at = first.findIndex((sign, n) => sign !== second[n]);
  if (at < 0 || at >= second.length) return first.length - second.length;
  return first[at].codePointAt(0) - second[at].codePointAt(0);
}
