// `#/start`, `#/start/FUNCTION?from=RUN`: choose a function, fill its form, start a run.

import { getFunctions, getInput, getRun, startRun } from "./api.js";
import { copyAs, startAs } from "./copy-as.js";
import { announce, button, h, replace, setText } from "./dom.js";
import { inputEditor } from "./input-editor.js";
import { remember, remembered } from "./session.js";
import { startOptions } from "./start-options.js";
import { limits } from "./limits.js";

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

function startForm(chosen, from, go) {
  const input = inputEditor(chosen.input_schema, from?.text ?? remembered(chosen.name));
  const options = startOptions(chosen, from?.labels);
  const summary = h("div", { class: "error-summary", role: "alert", tabindex: "-1", hidden: true });
  const submit = h("button", { type: "submit", class: "button primary" }, `Start ${chosen.name}`);
  const keys = keyKeeper();
  const copies = copyAs(startAs(request));
  const form = h("form", { class: "start card", novalidate: true, "aria-labelledby": "start-title", on: { submit: send, keydown: quick } },
    h("h2", { id: "start-title" }, chosen.name), h("p", { class: "hint" }, [chosen.description, limits(chosen)].filter(Boolean).join(" · ")),
    summary, input.element, options.element, h("div", { class: "actions" }, submit, h("span", { class: "hint" }, "or Ctrl + Enter")), copies.element);
  form.addEventListener("input", copies.refresh);
  return form;

  /** What the form says now; throws where it says nothing that could be sent. */
  function request() {
    const given = input.read();
    const extra = options.read();
    if (given.fault || extra.fault) throw new Error("Some fields need another look first.");
    return { function: chosen.name, input: given.json, key: extra.key, options: JSON.parse(`{${extra.json.slice(1)}}`), body: bodyOf(given, extra) };
  }

  function bodyOf(given, extra) {
    return `{"function":${JSON.stringify(chosen.name)}${given.json === undefined ? "" : `,"input":${given.json}`}${extra.json}}`;
  }

  function quick(event) {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  }

  async function send(event) {
    event.preventDefault();
    const given = input.read();
    const extra = options.read();
    if (given.fault || extra.fault) return refuse([], "Some fields need another look.");
    const body = bodyOf(given, extra);
    submit.disabled = true;
    try {
      const { run, replayed } = await startRun(body, extra.key || keys.keyFor(body));
      announce("Run started");
      if (given.json !== undefined) remember(chosen.name, given.json);
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
