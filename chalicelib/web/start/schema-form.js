// A form from a JSON Schema: objects, strings, numbers, switches, choices and simple lists. What it cannot draw
// becomes a JSON field. The service validates; this only keeps people from guessing.

import { button, h, setText } from "./dom.js";
import { bytes } from "./format.js";
import { jsonProblem } from "./json-where.js";

let serial = 0;

/** Can a form be drawn for this schema, or is a JSON editor the better tool? */
export function drawable(schema) {
  const properties = schema?.properties;
  return schema?.type === "object" && properties && Object.keys(properties).length > 0 && Object.keys(properties).length <= 30;
}

/**
 * The form of an object schema: `{element, read(), write(value), fault(pointer, text), clear()}`. `read()` gives
 * `{json, faults}`: the JSON text of what was typed (empty optional fields left out), or the faults that were
 * marked. `fault` marks the field at a JSON pointer ("/csv") and returns its input, or null where there is none.
 */
export function schemaForm(schema) {
  const root = objectField(schema, schema, "", true);
  return {
    element: root.element,
    read() {
      this.clear();
      const faults = [];
      const json = root.read(faults);
      for (const { field, text } of faults) mark(field, text);
      return { json: json ?? "{}", faults };
    },
    write: (value) => root.write(value),
    fault(pointer, text) {
      const field = find(root, pointer);
      if (field) mark(field, text);
      return field?.input ?? null;
    },
    clear: () => walk(root, (field) => mark(field, "")),
  };
}

function walk(field, visit) {
  visit(field);
  for (const child of field.children ?? []) walk(child, visit);
}

/** The field a pointer names, or the nearest one above it that has an input. */
function find(root, pointer) {
  let best = null;
  walk(root, (field) => {
    const inside = field.pointer && (pointer === field.pointer || pointer.startsWith(`${field.pointer}/`));
    if (inside && field.input && (!best || field.pointer.length > best.pointer.length)) best = field;
  });
  return best;
}

function mark(field, text) {
  if (!field.input) return;
  setText(field.error, text);
  field.input.setAttribute("aria-invalid", String(Boolean(text)));
}

function resolve(schema, root) {
  if (typeof schema?.$ref !== "string" || !schema.$ref.startsWith("#/")) return schema ?? {};
  return schema.$ref.slice(2).split("/").reduce((at, part) => at?.[part.replace(/~1/g, "/").replace(/~0/g, "~")], root) ?? {};
}

function kindOf(schema) {
  const types = [schema.type].flat().filter((type) => type && type !== "null");
  if (Array.isArray(schema.enum) && schema.enum.every((each) => typeof each !== "object")) return "choice";
  if (types.length !== 1 || schema.const !== undefined) return "json";
  if (types[0] === "object") return schema.properties ? "object" : "json";
  if (types[0] === "array") return ["string", "number", "integer"].includes(schema.items?.type) ? "list" : "json";
  return types[0];
}

function fieldOf(name, schema, root, pointer, required) {
  const real = resolve(schema, root);
  const kind = kindOf(real);
  if (kind === "object" && pointer.split("/").length <= 4) return objectField(real, root, pointer, required, name);
  return inputField(name, real, kind, pointer, required);
}

function objectField(schema, root, pointer, required, name = "") {
  const needed = new Set(schema.required ?? []);
  const children = Object.entries(schema.properties).map(([key, each]) =>
    fieldOf(key, each, root, `${pointer}/${key.replace(/~/g, "~0").replace(/\//g, "~1")}`, needed.has(key)));
  const names = Object.keys(schema.properties);
  const element = h(name ? "fieldset" : "div", { class: "fields" }, name ? h("legend", {}, name) : null, children.map((child) => child.element));
  return {
    pointer, element, children,
    read(faults) {
      const parts = children.map((child, n) => [names[n], child.read(faults)]).filter(([, json]) => json !== undefined);
      if (!parts.length && !required) return undefined;
      return `{${parts.map(([key, json]) => `${JSON.stringify(key)}:${json}`).join(",")}}`;
    },
    write(value) { children.forEach((child, n) => child.write(value?.[names[n]])); },
  };
}

function inputField(name, schema, kind, pointer, required) {
  const id = `field-${(serial += 1)}`;
  const input = control(kind, schema, id);
  const hint = hintOf(schema, kind);
  const error = h("p", { class: "field-error", id: `${id}-error` });
  input.setAttribute("aria-describedby", hint ? `${id}-hint ${id}-error` : `${id}-error`);
  if (required && kind !== "boolean") input.setAttribute("aria-required", "true");
  const label = h("label", { for: id }, h("span", { class: "mono" }, name), required ? null : h("span", { class: "optional" }, "optional"));
  const parts = kind === "boolean" ? [h("div", { class: "check" }, input, label)] : [label, input];
  const element = h("div", { class: "field" }, parts, hint ? h("p", { class: "hint", id: `${id}-hint` }, hint) : null, fileButton(schema, input), error);
  const field = { pointer, element, input, error, write: (value) => write(input, kind, schema, value) };
  field.read = (faults) => {
    const { json, fault } = READ[kind](input, schema, required);
    if (fault) faults.push({ field, text: fault });
    return json;
  };
  write(input, kind, schema, schema.default);
  return field;
}

function hintOf(schema, kind) {
  const limits = [
    schema.minimum !== undefined ? `at least ${schema.minimum}` : "",
    schema.maximum !== undefined ? `at most ${schema.maximum}` : "",
    schema.maxLength !== undefined ? `up to ${schema.maxLength} character${schema.maxLength === 1 ? "" : "s"}` : "",
    kind === "list" ? "one a line" : kind === "json" ? "JSON" : "",
  ].filter(Boolean).join(", ");
  return [schema.description, limits ? limits.charAt(0).toUpperCase() + limits.slice(1) : ""].filter(Boolean).join(" · ");
}

const FORMATS = { uri: "url", email: "email" };

function control(kind, schema, id) {
  const example = schema.examples?.[0];
  const common = { id, spellcheck: "false", autocomplete: "off", placeholder: typeof example === "object" ? null : example };
  if (kind === "boolean") return h("input", { id, type: "checkbox" });
  if (kind === "number" || kind === "integer") return h("input", { ...common, type: "text", inputmode: kind === "integer" ? "numeric" : "decimal", class: "short" });
  if (kind === "choice") return h("select", { id }, h("option", { value: "" }, "–"), schema.enum.map((each, n) => h("option", { value: n }, String(each))));
  if (kind === "string" && !multiline(schema) && (schema.format || schema.pattern || schema.maxLength <= 200)) return h("input", { ...common, type: "text", inputmode: FORMATS[schema.format] ?? null });
  return h("textarea", { ...common, rows: multiline(schema) ? 6 : 1, class: kind === "json" ? "code" : kind === "list" ? "several" : multiline(schema) ? "several mono" : null });
}

/** The schema says that its text has lines: a media type, a format of that name, or room for much. */
const multiline = (schema) => Boolean(schema.contentMediaType) || schema.format === "multiline" || schema.maxLength > 500;

/** A text that has a media type usually lies in a file: chosen by a button, or dropped on the field. */
function fileButton(schema, input) {
  if (!schema.contentMediaType) return null;
  const said = h("span", { class: "hint", role: "status" }, "or drop a file on the field");
  const take = async (file) => {
    if (!file) return;
    input.value = await file.text();
    setText(said, `${file.name}, ${bytes(file.size)}`);
    input.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const pick = h("input", { type: "file", class: "sr-only", tabindex: "-1", accept: `${schema.contentMediaType},text/*`, "aria-label": "Fill from a file", on: { change: () => take(pick.files[0]) } });
  input.addEventListener("dragover", (event) => event.preventDefault());
  input.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    take(event.dataTransfer.files[0]);
  });
  return h("div", { class: "file" }, button("Choose a file", () => pick.click(), "small"), pick, said);
}

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
const missing = (required) => (required ? { fault: "This is needed." } : {});

/** How each kind of input becomes JSON text. A number keeps the digits that were typed. */
const READ = {
  boolean: (input, schema, required) => (input.checked || required || schema.default !== undefined ? { json: String(input.checked) } : {}),
  choice: (input, schema, required) => (input.value === "" ? missing(required) : { json: JSON.stringify(schema.enum[Number(input.value)]) }),
  string: (input, schema, required) => (input.value === "" ? missing(required) : { json: JSON.stringify(input.value) }),
  number: readNumber,
  integer: readNumber,
  json: (input, schema, required) => {
    const text = input.value.trim();
    if (!text) return missing(required);
    const fault = jsonProblem(text);
    return fault ? { fault } : { json: text };
  },
  list: (input, schema, required) => {
    const lines = input.value.split("\n").map((line) => line.trim()).filter(Boolean);
    if (!lines.length) return required ? { json: "[]" } : {};
    const wrong = schema.items.type === "string" ? undefined : lines.find((line) => !NUMBER.test(line));
    if (wrong !== undefined) return { fault: `${wrong} is not a number.` };
    return { json: `[${lines.map((line) => (schema.items.type === "string" ? JSON.stringify(line) : line)).join(",")}]` };
  },
};

function readNumber(input, schema, required) {
  const text = input.value.trim();
  if (!text) return missing(required);
  return NUMBER.test(text) ? { json: text } : { fault: "This is not a number." };
}

function write(input, kind, schema, value) {
  if (kind === "boolean") input.checked = value === true;
  else if (kind === "choice") input.value = schema.enum.includes(value) ? String(schema.enum.indexOf(value)) : "";
  else if (value === undefined || value === null) input.value = "";
  else if (kind === "list" && Array.isArray(value)) input.value = value.join("\n");
  else input.value = typeof value === "string" && kind !== "json" ? value : JSON.stringify(value, null, 2);
}
