// Try it: fill in an operation, see the curl that does the same, send it with this tab's token, see what comes back.

import { urlOf } from "./base.js";
import { copyButton, h, replace, setText } from "./dom.js";
import { deref, sample } from "./docs-schema.js";
import { jsonView } from "./json-view.js";
import { token } from "./session.js";

/** The fold under an operation; nothing is built before it is opened. */
export function tryIt(operation, doc) {
  const element = h("details", { class: "try", on: { toggle: () => element.open && element.children.length === 1 && element.append(form(operation, doc)) } },
    h("summary", {}, "Try it, or as curl"));
  return element;
}

function form(operation, doc) {
  const id = `try-${operation.operationId ?? operation.method}`;
  const needsToken = (operation.security ?? doc.security ?? []).length > 0;
  const inputs = operation.parameters.map((parameter, n) => parameterInput(parameter, `${id}-${n}`, doc));
  const body = operation.request ? bodyInput(operation.request, doc, `${id}-body`) : null;
  const command = h("pre", { class: "snippet", tabindex: "0", role: "region", "aria-label": "curl" });
  const answer = h("div", { class: "answer", role: "status" });
  const submit = h("button", { type: "submit", class: "button primary" }, `Send ${operation.method.toUpperCase()}`);
  const element = h("form", { class: "try-form", novalidate: true, on: { submit: send, input: paint } },
    h("div", { class: "fields pair" }, inputs.map((input) => input.element)), body?.element,
    h("div", { class: "with-copy" }, command, copyButton("Copy", () => command.textContent)),
    h("div", { class: "actions" }, submit, needsToken ? h("span", { class: "hint" }, "Sent for real, with this tab's token.") : null), answer);
  paint();
  return element;

  function request() {
    const values = (where) => inputs.filter((input) => input.where === where && input.value() !== "").map((input) => [input.name, input.value()]);
    const path = values("path").reduce((at, [name, value]) => at.replace(`{${name}}`, encodeURIComponent(value)), operation.path);
    return { url: urlOf(path.replace(/^\//, ""), Object.fromEntries(values("query"))), headers: Object.fromEntries(values("header")), body: body?.value() || undefined };
  }

  function paint() {
    const { url, headers, body: text } = request();
    const sent = { ...(needsToken ? { Authorization: "Bearer $ONCE_TOKEN" } : {}), ...(text ? { "Content-Type": "application/json" } : {}), ...headers };
    const parts = [`curl${operation.method === "get" ? "" : ` -X ${operation.method.toUpperCase()}`} ${quote(url.href)}`,
      ...Object.entries(sent).map(([name, value]) => (name === "Authorization" ? `-H "${name}: ${value}"` : `-H ${quote(`${name}: ${value}`)}`)), ...(text ? [`-d ${quote(text)}`] : [])];
    setText(command, parts.join(" \\\n  "));
  }

  async function send(event) {
    event.preventDefault();
    const unfilled = inputs.find((input) => input.where === "path" && !input.value());
    if (unfilled) return unfilled.focus();
    submit.disabled = true;
    replace(answer, h("p", { class: "loading" }, "Waiting for the answer…"));
    const { url, headers, body: text } = request();
    const sent = { ...headers, ...(text ? { "Content-Type": "application/json" } : {}), ...(needsToken && token() ? { Authorization: `Bearer ${token()}` } : {}) };
    const began = performance.now();
    try {
      const response = await fetch(url, { method: operation.method.toUpperCase(), headers: sent, body: text, redirect: "manual", cache: "no-store", credentials: "omit" });
      replace(answer, await answerView(response, Math.round(performance.now() - began)));
    } catch (error) {
      replace(answer, h("p", { class: "inline-error" }, `It could not be sent: ${error.message}`));
    }
    submit.disabled = false;
  }
}

const quote = (text) => `'${text.replace(/'/g, "'\\''")}'`;

function parameterInput(parameter, id, doc) {
  const { schema = {} } = parameter;
  const choices = deref(schema, doc).enum ?? deref(schema.items, doc)?.enum;
  const input = choices
    ? h("select", { id }, h("option", { value: "" }, "–"), choices.map((each) => h("option", { value: each }, String(each))))
    : h("input", { id, type: "text", autocomplete: "off", spellcheck: "false", placeholder: parameter.example ?? schema.examples?.[0] ?? schema.default ?? "" });
  const label = h("label", { for: id }, h("span", { class: "mono" }, parameter.name), h("span", { class: "optional" }, parameter.required ? parameter.in : `${parameter.in}, optional`));
  return { name: parameter.name, where: parameter.in, element: h("div", { class: "field" }, label, input), value: () => input.value.trim(), focus: () => input.focus() };
}

function bodyInput(request, doc, id) {
  const { schema, example, examples } = request.content?.["application/json"] ?? {};
  const given = example ?? Object.values(examples ?? {})[0]?.value ?? sample(schema ?? {}, doc);
  const input = h("textarea", { id, class: "code", rows: "6", spellcheck: "false", value: JSON.stringify(given, null, 2) });
  return { element: h("div", { class: "field" }, h("label", { for: id }, "Body, as JSON"), input), value: () => input.value };
}

async function answerView(response, tookMs) {
  if (response.type === "opaqueredirect") return h("p", {}, h("b", {}, "A redirect"), `, ${tookMs} ms: follow it with curl -L.`);
  const text = await response.text();
  const headers = [...response.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
  const isJson = /json/.test(response.headers.get("Content-Type") ?? "");
  return [
    h("p", {}, h("b", { class: `status-${String(response.status)[0]}` }, `${response.status} ${response.statusText}`.trim()), `, ${tookMs} ms`),
    h("details", {}, h("summary", {}, "Headers"), h("pre", { class: "snippet", tabindex: "0" }, headers)),
    !text ? null : isJson ? jsonView(text, "Answer").element : h("pre", { class: "snippet", tabindex: "0" }, text.slice(0, 20_000)),
  ];
}
