// Where a text stops being JSON. Browsers tell it in different words, or not at all: so the text is read once more.

const SPACE = /[ \t\n\r]*/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.+-])|(?:true|false|null)(?!\w)/y;

/** `{line, column, expected}` of the first fault, counted from 1; null where the text is JSON. */
export function jsonFault(text) {
  const open = [];
  let at = 0;
  let expects = "a value";
  for (;;) {
    at = after(SPACE, text, at);
    const sign = text[at];
    if (expects === "nothing more") return sign === undefined ? null : place(text, at, expects);
    const next = step(sign, expects, open);
    if (next) {
      at += 1;
      expects = next;
      continue;
    }
    const wantsName = expects.startsWith("a name");
    const end = wantsName || expects.startsWith("a value") ? token(text, at, wantsName) : at;
    if (end === at) return place(text, at, expects);
    at = end;
    expects = wantsName ? ":" : follow(open);
  }
}

const follow = (open) => (open.length ? (open.at(-1) === "{" ? ", or }" : ", or ]") : "nothing more");

/** What is expected after a sign that fits, or null. `open` keeps the brackets that are open. */
function step(sign, expects, open) {
  const inside = open.at(-1);
  if (expects.startsWith("a value") && (sign === "{" || sign === "[")) {
    open.push(sign);
    return sign === "{" ? "a name in double quotes, or }" : "a value, or ]";
  }
  if ((sign === "}" && inside === "{" && expects.endsWith("or }")) || (sign === "]" && inside === "[" && expects.endsWith("or ]"))) {
    open.pop();
    return follow(open);
  }
  if (sign === "," && expects.startsWith(",")) return inside === "{" ? "a name in double quotes" : "a value";
  return sign === ":" && expects === ":" ? "a value" : null;
}

function token(text, at, wantsName) {
  const end = after(STRING, text, at);
  return end > at || wantsName ? end : after(SCALAR, text, at);
}

function after(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

function place(text, at, expected) {
  const lines = text.slice(0, at).split("\n");
  return { line: lines.length, column: lines.at(-1).length + 1, expected };
}

/** The same as a sentence for people; "" where the text is JSON. */
export function jsonProblem(text) {
  const fault = jsonFault(text);
  return fault ? `This is not JSON yet: line ${fault.line}, column ${fault.column}: expected ${fault.expected}.` : "";
}
