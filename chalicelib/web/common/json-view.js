// JSON as it was stored, only indented: numbers and escapes stay as they are written, since nothing is parsed.

import { h } from "./dom.js";

const COLOURED = 80_000;
const SHOWN = 400_000;
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[{}[\],:]|\S/g;

/** A `<pre>` of `text`; a very long text is cut, and the note says so. `{element, note}`. */
export function jsonView(text, label) {
  const element = h("pre", { class: "json", tabindex: "0", role: "region", "aria-label": label });
  if (text.length <= COLOURED) element.append(...pretty(text));
  else element.textContent = text.slice(0, SHOWN);
  const cut = text.length - SHOWN;
  return { element, note: cut > 0 ? `The first ${SHOWN / 1000} KB are shown. Download it to see the rest.` : "" };
}

/** Text and spans: keys, strings, numbers and literals told apart, two spaces a level. */
export function pretty(text) {
  const tokens = text.match(TOKEN) ?? [];
  const out = [];
  let depth = 0;
  let plain = "";
  const flush = () => { if (plain) out.push(plain); plain = ""; };
  const line = () => { plain += `\n${"  ".repeat(depth)}`; };
  tokens.forEach((token, n) => {
    const before = tokens[n - 1];
    if (token === "}" || token === "]") {
      depth = Math.max(0, depth - 1);
      if (before !== "{" && before !== "[") line();
      plain += token;
    } else {
      if (before === "{" || before === "[" || before === ",") line();
      const kind = kindOf(token, tokens[n + 1]);
      if (kind) {
        flush();
        out.push(h("span", { class: kind }, token));
      } else plain += token === ":" ? ": " : token;
      if (token === "{" || token === "[") depth += 1;
    }
  });
  flush();
  return out;
}

function kindOf(token, next) {
  if (token.length > 1 && token.startsWith('"')) return next === ":" ? "j-key" : "j-string";
  if (/^-?\d/.test(token)) return "j-number";
  return /^(true|false|null)$/.test(token) ? "j-word" : "";
}

/** Save `text` as a file; nothing leaves the browser. */
export function download(text, name) {
  const href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  h("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}
