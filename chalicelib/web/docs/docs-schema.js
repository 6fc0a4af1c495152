// JSON Schemas as people read them: a tree that unfolds by hand (so a schema may contain itself), and examples.

import { h } from "./dom.js";
import { pretty } from "./json-view.js";

/** What `$ref` points to inside the document, or the value itself. */
export function deref(value, doc) {
  if (typeof value?.$ref !== "string") return value;
  const found = value.$ref.replace(/^#\//, "").split("/").reduce((at, part) => at?.[part.replace(/~1/g, "/").replace(/~0/g, "~")], doc);
  return deref(found, doc) ?? {};
}

/** Light Markdown: paragraphs, lists of `- `, `code` and **bold**. All of it as text nodes. */
export function prose(text) {
  if (!text) return null;
  return h("div", { class: "prose" }, text.trim().split(/\n\s*\n/).map((block) => {
    const lines = block.split("\n");
    if (lines.every((line) => /^\s*[-*] /.test(line))) return h("ul", {}, lines.map((line) => h("li", {}, inline(line.replace(/^\s*[-*] /, "")))));
    return h("p", {}, inline(block));
  }));
}

function inline(text) {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).filter(Boolean).map((part) => {
    if (part.startsWith("`") && part.endsWith("`") && part.length > 2) return h("code", {}, part.slice(1, -1));
    if (part.startsWith("**") && part.endsWith("**") && part.length > 4) return h("b", {}, part.slice(2, -2));
    return part;
  });
}

/** The schema and an example of each media type. */
export function bodyView(content, doc) {
  return Object.entries(content).map(([type, { schema, example, examples }]) => h("div", { class: "body" },
    h("p", { class: "kind" }, type),
    schema ? schemaView(schema, doc) : null,
    exampleView(example ?? Object.values(examples ?? {})[0]?.value ?? (schema && sample(schema, doc)))));
}

function exampleView(example) {
  if (example === undefined) return null;
  return h("details", {}, h("summary", {}, "Example"), h("pre", { class: "json", tabindex: "0" }, pretty(JSON.stringify(example))));
}

/** One schema: its kind and limits, then what it is made of. */
export function schemaView(schema, doc) {
  const real = deref(schema, doc);
  const members = partsOf(real, doc);
  const line = h("p", { class: "kind" }, describe(schema, doc));
  if (!members.length) return line;
  return h("div", {}, line, h("ul", { class: "properties" }, members.map((member) => memberView(member, doc))));
}

/**
 * What a schema is made of: [{name, schema, required, choice}]. A list is made of what its items are made of, and
 * so is the one thing that may also be null; of several things, each is a member that is a `choice`.
 */
function partsOf(schema, doc) {
  const all = (schema.allOf ?? []).flatMap((each) => partsOf(deref(each, doc), doc));
  const own = Object.entries(schema.properties ?? {}).map(([name, each]) => ({ name, schema: each, required: (schema.required ?? []).includes(name) }));
  if (own.length || all.length) return [...all, ...own];
  if (schema.items && schema.items !== true) return partsOf(deref(schema.items, doc), doc);
  const { propertyName, mapping } = schema.discriminator ?? {};
  if (mapping) return Object.entries(mapping).map(([value, $ref]) => ({ name: `${propertyName} ${JSON.stringify(value)}`, schema: { $ref }, required: false, choice: true }));
  const choices = (schema.anyOf ?? schema.oneOf ?? []).filter((each) => deref(each, doc).type !== "null");
  if (choices.length === 1) return partsOf(deref(choices[0], doc), doc);
  return choices.filter((each) => partsOf(deref(each, doc), doc).length).map((each) => ({ name: "or", schema: each, required: false, choice: true }));
}

function memberView({ name, schema, required, choice }, doc) {
  const real = deref(schema, doc);
  const head = h("p", { class: "property" }, choice ? h("span", { class: "kind" }, name) : h("code", {}, name),
    h("span", { class: "kind" }, describe(schema, doc)), required ? h("span", { class: "needed" }, "required") : null);
  const text = prose(real.description);
  if (!partsOf(real, doc).length) return h("li", {}, head, text);
  const fold = h("details", { on: { toggle: () => {
    if (fold.open && fold.children.length === 1) fold.append(h("ul", { class: "properties" }, partsOf(real, doc).map((member) => memberView(member, doc))));
  } } }, h("summary", {}, choice ? "Members" : `Members of ${name}`));
  return h("li", {}, head, text, fold);
}

/** `integer, 0 to 10, default 3`. */
export function describe(schema, doc) {
  const real = deref(schema, doc);
  const values = real.enum ?? deref(real.items, doc)?.enum;
  const limits = [
    real.format, real.pattern?.length <= 60 ? `pattern ${real.pattern}` : "", range(real.minimum, real.maximum, ""), range(real.minLength, real.maxLength, " character"),
    range(real.minItems, real.maxItems, " item"), real.default !== undefined ? `default ${JSON.stringify(real.default)}` : "",
    values && values.length <= 12 ? `${real.enum ? "one" : "each one"} of ${values.map((each) => JSON.stringify(each)).join(", ")}` : "",
    real.const !== undefined ? `always ${JSON.stringify(real.const)}` : "",
  ];
  return [typeName(schema, doc), ...limits].filter(Boolean).join(", ");
}

function range(low, high, unit) {
  if (low === undefined && high === undefined) return "";
  const many = (count) => `${count}${unit}${unit && count !== 1 ? "s" : ""}`;
  if (high === undefined) return `at least ${many(low)}`;
  return low === undefined ? `at most ${many(high)}` : `${low} to ${many(high)}`;
}

function typeName(schema, doc) {
  const real = deref(schema, doc);
  const choice = real.anyOf ?? real.oneOf;
  if (real.discriminator) return `object, told apart by ${real.discriminator.propertyName}`;
  if (choice) return choice.map((each) => typeName(each, doc)).join(" or ");
  const name = schema?.$ref ? schema.$ref.split("/").at(-1) : "";
  if (real.type === "array") return `list of ${real.items ? typeName(real.items, doc) : "anything"}`;
  const type = [real.type].flat().filter(Boolean).join(" or ") || (real.enum ? typeof real.enum[0] : real.properties ? "object" : "any");
  return name && real.properties ? name : type;
}

/** A value that fits the schema, made of its examples, defaults and limits. */
export function sample(schema, doc, depth = 0) {
  const real = deref(schema, doc);
  for (const given of [real.example, real.examples?.[0], real.const, real.default, real.enum?.[0]]) if (given !== undefined) return given;
  const choice = (real.anyOf ?? real.oneOf)?.find((each) => deref(each, doc).type !== "null") ?? (real.anyOf ?? real.oneOf)?.[0];
  if (choice) return depth > 3 ? null : sample(choice, doc, depth + 1);
  const type = [real.type].flat().find((each) => each && each !== "null");
  if (type === "object" || real.properties || real.allOf) {
    const parts = depth > 3 ? [] : partsOf(real, doc);
    return Object.fromEntries(parts.map((part) => [part.name, sample(part.schema, doc, depth + 1)]));
  }
  if (type === "array") return depth > 2 ? [] : [sample(real.items ?? {}, doc, depth + 1)];
  return { string: real.format === "date-time" ? "2026-01-31T12:00:00.000Z" : real.format === "uri" ? "https://example.com/" : "text", integer: real.minimum ?? 1, number: real.minimum ?? 0.5, boolean: true }[type] ?? null;
}
