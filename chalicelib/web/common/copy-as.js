// The same request in the tools that people have: curl, once, Python, Node. Each is complete, and quoted for where it goes.

import { urlOf } from "./base.js";
import { button, copyButton, h, setText } from "./dom.js";

/** A word of a POSIX shell. */
export const shell = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replace(/'/g, "'\\''")}'`);

const CURL = (path) => `curl -sS ${shell(String(urlOf(path)))} \\\n  -H "Authorization: Bearer $ONCE_TOKEN"`;
const TOKENS = /"(?:[^"\\]|\\.)*"|\btrue\b|\bfalse\b|\bnull\b/g;
const PYTHON = { true: "True", false: "False", null: "None" };

/** A Python literal of JSON text; numbers keep their digits. */
export const python = (json) => json.replace(TOKENS, (token) => PYTHON[token] ?? text(token));

/** A JavaScript literal of JSON text. */
export const script = (json) => json.replace(TOKENS, (token) => (token.startsWith('"') ? text(token) : token));

/** One string token as JSON, Python and JavaScript alike read it: pairs of surrogates as the character they are. */
const text = (token) => JSON.stringify(JSON.parse(token)).replace(/[\u007f-\u009f\u2028\u2029\ufeff]/g, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** How to wait for a run and read its output. */
export const readAs = (id) => ({
  curl: () => `${CURL(`runs/${id}`)} \\\n  -H 'Prefer: wait=20'`,
  once: () => `once attach ${id}`,
  Python: () => `from invoke_once import Once\n\noutput = Once().get(${JSON.stringify(id)}).result()`,
  Node: () => `import { Once } from "invoke-once/client";\n\nconst run = await new Once().get(${JSON.stringify(id)});\nconst output = await run.result();`,
});

/** How to start the run that `read()` describes: `{function, input (JSON text, or undefined), key, options}`. */
export const startAs = (read) => ({
  curl: () => startCurl(read()),
  once: () => startOnce(read()),
  Python: () => startPython(read()),
  Node: () => startNode(read()),
});

function startCurl({ body, key }) {
  const named = key ? ` \\\n  -H ${shell(`Idempotency-Key: "${key.replace(/[\\"]/g, "\\$&")}"`)}` : "";
  return `${CURL("runs")} \\\n  -H 'Content-Type: application/json'${named} \\\n  --data-raw ${shell(body)}`;
}

function startOnce({ function: name, input, key, options }) {
  const flags = [
    input === undefined ? "" : `-d ${shell(input)}`,
    key ? `--key ${shell(key)}` : "",
    ...Object.entries(options.labels ?? {}).map(([label, value]) => `--label ${shell(`${label}=${value}`)}`),
    options.callback ? `--callback ${shell(options.callback.url)}` : "",
    options.delay_seconds ? `--delay ${options.delay_seconds}s` : "",
    options.queue_timeout_seconds ? `--queue-timeout ${options.queue_timeout_seconds}s` : "",
    options.retry ? `--retry-max ${options.retry.max_attempts}` : "",
  ];
  return `once invoke -f ${[shell(name), ...flags.filter(Boolean), "--wait"].join(" ")}`;
}

function startPython({ function: name, input, key, options }) {
  const { callback, ...rest } = options;
  const given = { key: key || undefined, callback: callback?.url, ...rest };
  const named = Object.entries(given).filter(([, value]) => value !== undefined).map(([option, value]) => `, ${option}=${python(JSON.stringify(value))}`);
  return `from invoke_once import Once\n\nrun = Once().start(${text(JSON.stringify(name))}${input === undefined ? "" : `, ${python(input)}`}${named.join("")})\nprint(run.result())`;
}

function startNode({ function: name, input, key, options }) {
  const given = { key: key || undefined, callback: options.callback?.url, labels: options.labels, retry: options.retry, delaySeconds: options.delay_seconds, queueTimeoutSeconds: options.queue_timeout_seconds };
  const set = JSON.stringify(given);
  return `import { Once } from "invoke-once/client";\n\nconst run = await new Once().start(${text(JSON.stringify(name))}, ${input === undefined ? "null" : script(input)}${set === "{}" ? "" : `, ${script(set)}`});\nconsole.log(await run.result());`;
}

/** A row of tools and what is copied for the chosen one. `forms`: name → text, or a function that throws what is wrong. */
export function copyAs(forms, title = "Copy as") {
  const names = Object.keys(forms);
  const shown = h("pre", { class: "snippet", tabindex: "0", role: "region", "aria-label": title });
  let chosen = names[0];
  const tabs = names.map((name) => button(name, () => choose(name), "quiet small", { "aria-pressed": "false" }));
  const element = h("details", { class: "copy-as", on: { toggle: () => element.open && choose(chosen) } }, h("summary", {}, title),
    h("div", { class: "tools" }, tabs, copyButton("Copy", () => forms[chosen]())), shown);
  function choose(name) {
    chosen = name;
    tabs.forEach((tab, n) => tab.setAttribute("aria-pressed", String(names[n] === name)));
    try {
      setText(shown, forms[name]());
    } catch (problem) {
      setText(shown, problem.message);
    }
  }
  return { element, refresh: () => element.open && choose(chosen) };
}
