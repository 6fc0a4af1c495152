// The input of a run, as a form and as JSON: what was typed moves along when the tab changes.

import { button, h, setText } from "./dom.js";
import { exampleOf } from "./example.js";
import { jsonProblem } from "./json-where.js";
import { drawable, schemaForm } from "./schema-form.js";

/** `text`: JSON to begin with, or null. `{element, read(), fault(pointer, detail)}`. */
export function inputEditor(schema, text) {
  const form = drawable(schema) ? schemaForm(schema) : null;
  const code = h("textarea", { id: "input-json", class: "code", rows: "8", spellcheck: "false", autocomplete: "off", "aria-describedby": "input-json-hint input-json-error", on: { input: check } });
  const error = h("p", { class: "field-error", id: "input-json-error" });
  const editor = h("div", { class: "field" }, h("label", { for: "input-json" }, "Input, as JSON"), code,
    h("p", { class: "hint", id: "input-json-hint" }, form ? "Numbers are sent with the digits you type." : "This function has no schema: any JSON will do, or nothing."), error);
  const toggle = form ? button("Edit as JSON", swap, "quiet small") : null;
  const example = exampleOf(schema);
  const sample = example === undefined ? null : button("Fill in an example", () => { raw = !form; fill(JSON.stringify(example)); check(); paint(); element.dispatchEvent(new Event("input", { bubbles: true })); }, "quiet small");
  let raw = !form;
  const element = h("div", { class: "input-fields", role: "group", "aria-labelledby": "input-title" },
    h("div", { class: "input-head" }, h("h3", { id: "input-title" }, "Input"), h("span", { class: "tools" }, sample, toggle)), form?.element, editor);
  if (text !== undefined && text !== null) fill(text);
  paint();
  return { element, read, fault };

  function paint() {
    if (form) form.element.hidden = raw;
    editor.hidden = !raw;
    if (toggle) setText(toggle, raw ? "Edit as a form" : "Edit as JSON");
  }

  function fill(json) {
    code.value = indent(json);
    raw ||= !shows(json);
  }

  /** Can the form show all of it, to its last digit? Then it does. */
  function shows(json) {
    const value = JSON.parse(json);
    if (!form || value === null || typeof value !== "object" || Array.isArray(value) || rounds(json)) return false;
    form.write(value);
    const shown = same(JSON.parse(form.read().json), value);
    form.clear();
    return shown;
  }

  function swap() {
    if (!raw) code.value = indent(form.read().json);
    else if (check()) return;
    else if (code.value.trim() && !shows(code.value)) return mark("The form cannot show all of this.");
    raw = !raw;
    paint();
  }

  function check() {
    const found = code.value.trim() ? jsonProblem(code.value) : "";
    return mark(found);
  }

  function mark(found) {
    setText(error, found);
    code.setAttribute("aria-invalid", String(Boolean(found)));
    return found;
  }

  /** `{json}` or `{fault: true}`; no text at all is no input. */
  function read() {
    if (raw) return check() ? { fault: true } : { json: code.value.trim() || undefined };
    const { json, faults } = form.read();
    return faults.length ? { fault: true } : { json };
  }

  function fault(pointer, detail) {
    if (!raw) return form.fault(pointer, detail);
    mark(`${pointer} ${detail}`.trim());
    return code;
  }
}

const NUMBERS = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;

/** Has it a number that JavaScript's would not hold? 15 digits are safe in any of them. */
const rounds = (json) => (json.match(NUMBERS) ?? []).some((token) => !token.startsWith('"') && (!Number.isFinite(Number(token)) || token.replace(/[eE].*|[-.]/g, "").replace(/^0+/, "").length > 15));

const indent = (json) => (json.length > 100_000 || rounds(json) ? json : JSON.stringify(JSON.parse(json), null, 2));

function same(one, other) {
  if (typeof one !== "object" || one === null || other === null || typeof other !== "object") return one === other;
  const names = Object.keys(one);
  return Array.isArray(one) === Array.isArray(other) && names.length === Object.keys(other).length && names.every((name) => same(one[name], other[name]));
}
