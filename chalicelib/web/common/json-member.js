// A member of a JSON object as it is written: nothing is parsed, so numbers keep their digits.

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;
const STEPS = { "{": 1, "[": 1, "}": -1, "]": -1 };

/** The text of the top-level member `name`; "" where there is none. */
export function memberText(text, name) {
  let [depth, last, start] = [0, "", -1];
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    if (depth === 1 && start >= 0 && (token === "," || token === "}")) return text.slice(start, index).trim();
    if (depth === 1 && token === ":" && JSON.parse(last) === name) start = index + 1;
    depth += STEPS[token] ?? 0;
    last = token;
  }
  return "";
}
