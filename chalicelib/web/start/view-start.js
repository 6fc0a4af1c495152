// `#/start`, `#/start/FUNCTION?from=RUN`: choose a function, fill its form, start a run.

import { getFunctions, getInput, getRun, startRun } from "./api.js";
import { announce, button, h, replace, setText } from "./dom.js";
import { jsonProblem } from "./json-view.js";
import { startOptions } from "./start-options.js";
import { drawable, schemaForm } from "./schema-form.js";

export function mount(root, { id: chosen, params, go }) {
  const heading = h("h1", { tabindex: "-1" }, "Start a run");
  const body = h("div", {}, h("p", { class: "loading" }, "Loading functions…"));
  replace(root, h("nav", { class: "crumbs", "aria-label": "Breadcrumb" }, h("a", { href: "#/runs" }, "Runs"), h("span", { "aria-hidden": "true" }, "/"), "Start"),
    h("div", { class: "title-row" }, heading), body);
  load();
  return { heading, title: "Start a run", unmount() {} };

  async function load() {
    try {
      const [functions, from] = await Promise.all([getFunctions(), params.from ? earlier(params.from) : null]);
      if (functions.length) replace(body, h("div", { class: "starter" }, chooser(functions, chosen), editor(functions.find((each) => each.name === chosen), from)));
      else replace(body, h("div", { class: "state" }, h("h2", {}, "No functions"), h("p", {}, "functions.toml names none that may be run.")));
    } catch (error) {
      replace(body, h("p", { class: "inline-error" }, error.message, " ", button("Try again", load, "small")));
    }
  }

  function editor(chosenFunction, from) {
    if (chosenFunction) return startForm(chosenFunction, from, go);
    return h("p", { class: "hint" }, chosen ? `There is no function ${chosen} here.` : "Choose what to run.");
  }
}

/** What an earlier run was given, to start a copy: {text, labels}, or null where it cannot be had. */
async function earlier(id) {
  const [input, run] = await Promise.all([getInput(id), getRun(id, null)]).catch(() => [{}, {}]);
  return input.text === undefined ? null : { text: input.text, labels: run.data.labels };
}

function chooser(functions, chosen) {
  const items = functions.map((each) => h("li", {}, h("a", { href: `#/start/${encodeURIComponent(each.name)}`, class: "choice", "aria-current": each.name === chosen ? "true" : null },
    h("b", {}, each.name), each.description ? h("span", {}, each.description) : null)));
  return h("nav", { "aria-label": "Functions" }, h("ul", { class: "choices" }, items));
}

function limits(each) {
  const tries = each.retry?.max_attempts ?? 1;
  return [each.timeout_seconds ? `up to ${each.timeout_seconds} s` : "", tries > 1 ? `${tries} attempts` : "one attempt", each.retention_days ? `kept ${each.retention_days} days` : ""].filter(Boolean).join(" · ");
}

function startForm(chosen, from, go) {
  const input = inputEditor(chosen.input_schema, from?.text);
  const options = startOptions(chosen, from?.labels);
  const summary = h("div", { class: "error-summary", role: "alert", tabindex: "-1", hidden: true });
  const submit = h("button", { type: "submit", class: "button primary" }, `Start ${chosen.name}`);
  const keys = keyKeeper();
  const form = h("form", { class: "start card", novalidate: true, "aria-labelledby": "start-title", on: { submit: send, keydown: quick } },
    h("h2", { id: "start-title" }, chosen.name), h("p", { class: "hint" }, [chosen.description, limits(chosen)].filter(Boolean).join(" · ")),
    summary, input.element, options.element, h("div", { class: "actions" }, submit, h("span", { class: "hint" }, "or Ctrl + Enter")));
  return form;

  function quick(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  }

  async function send(event) {
    event.preventDefault();
    const given = input.read();
    const extra = options.read();
    if (given.fault || extra.fault) return refuse([], "Some fields need another look.");
    const body = `{"function":${JSON.stringify(chosen.name)}${given.json === undefined ? "" : `,"input":${given.json}`}${extra.json}}`;
    submit.disabled = true;
    try {
      const { run, replayed } = await startRun(body, extra.key || keys.keyFor(body));
      announce("Run started");
      go(`runs/${run.id}`, replayed ? { replayed: 1 } : {});
    } catch (error) {
      refuse(error.fields ?? [], error.message);
    }
    submit.disabled = false;
  }

  /** Put each of the service's findings next to its field; what has no field goes on top. */
  function refuse(fields, message) {
    const left = fields.filter(({ pointer, detail }) => !place(pointer, detail));
    summary.hidden = false;
    replace(summary, h("p", {}, message), left.length ? h("ul", {}, left.map(({ pointer, detail }) => h("li", {}, `${plain(pointer)} ${detail}`.trim()))) : null);
    const first = form.querySelector("[aria-invalid=true]");
    first?.closest("details")?.setAttribute("open", "");
    (first ?? summary).focus();
  }

  function place(pointer, detail) {
    const path = plain(pointer);
    if (path === "/input" || path.startsWith("/input/")) return input.fault(path.slice("/input".length), detail);
    return options.fault(path, detail);
  }
}

/** A pointer may come as a URI fragment: `#/input/csv`. */
const plain = (pointer) => String(pointer ?? "").replace(/^#/, "");

/** One key a body: pressing Start again after a lost answer joins the run, an edited form starts another. */
function keyKeeper() {
  let last = { body: "", key: "" };
  return {
    keyFor(body) {
      if (body !== last.body) last = { body, key: `web-${crypto.randomUUID?.() ?? Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(16)).join("")}` };
      return last.key;
    },
  };
}

/** The function's input, as a form and as JSON; what was typed moves along when the tab changes. */
function inputEditor(schema, text) {
  const form = drawable(schema) ? schemaForm(schema) : null;
  const code = h("textarea", { id: "input-json", class: "code", rows: "8", spellcheck: "false", autocomplete: "off", "aria-describedby": "input-json-hint input-json-error", on: { input: check } });
  const error = h("p", { class: "field-error", id: "input-json-error" });
  const editor = h("div", { class: "field" }, h("label", { for: "input-json" }, "Input, as JSON"), code,
    h("p", { class: "hint", id: "input-json-hint" }, form ? "Numbers are sent with the digits you type." : "This function has no schema: any JSON will do, or nothing."), error);
  const toggle = form ? button("Edit as JSON", swap, "quiet small") : null;
  let raw = !form;
  const element = h("div", { class: "input-fields", role: "group", "aria-labelledby": "input-title" },
    h("div", { class: "input-head" }, h("h3", { id: "input-title" }, "Input"), toggle), form?.element, editor);
  if (text !== undefined) fill(text);
  paint();
  return { element, read, fault };

  function paint() {
    if (form) form.element.hidden = raw;
    editor.hidden = !raw;
    if (toggle) setText(toggle, raw ? "Edit as a form" : "Edit as JSON");
  }

  function fill(json) {
    code.value = indent(json);
    const value = JSON.parse(json);
    if (form && value !== null && typeof value === "object" && !Array.isArray(value) && faithful(value)) form.write(value);
    else raw = true;
  }

  /** Can the form show all of `value`? */
  function faithful(value) {
    form.write(value);
    const { json, faults } = form.read();
    return !faults.length && same(JSON.parse(json), value);
  }

  function swap() {
    if (raw && !check() && code.value.trim()) form.write(JSON.parse(code.value));
    else if (!raw) code.value = indent(form.read().json);
    if (raw && error.textContent) return;
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

const indent = (json) => (json.length > 100_000 || /\d{16}/.test(json) ? json : JSON.stringify(JSON.parse(json), null, 2));

function same(one, other) {
  if (typeof one !== "object" || one === null || other === null || typeof other !== "object") return one === other;
  const names = Object.keys(one);
  return Array.isArray(one) === Array.isArray(other) && names.length === Object.keys(other).length && names.every((name) => same(one[name], other[name]));
}
