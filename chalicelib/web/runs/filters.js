// The filters of a list of runs: a search box, chips for what is searched for, and choices of status, function and time.

import { getFunctions, getStatuses, listRuns } from "./api.js";
import { button, h, setText } from "./dom.js";
import { statusLabel } from "./format.js";

export const SINCE = { "1h": ["Last hour", 3600], "24h": ["Last 24 hours", 86_400], "7d": ["Last 7 days", 604_800] };
const RUN = /^run_[a-z0-9]{6,}$/;
const BATCH = /^batch_[a-z0-9]{6,}$/;

/**
 * What a text in the search box asks for: `{path}` of a run or a batch, or `{key}`, or `{label}` as name:value. A key
 * may look like a label, so a text that does is looked up as a key first; `known(key)` says whether it is one.
 */
export async function meaning(text, known) {
  if (RUN.test(text)) return { path: `runs/${text}` };
  if (BATCH.test(text)) return { path: `batches/${text}` };
  const pair = /^([^:=]+)[:=](.*)$/s.exec(text);
  if (!pair || (await known(text))) return { key: text };
  return { label: `${pair[1]}:${pair[2]}` };
}

const isKey = (key) => listRuns({ key, limit: 1 }).then(({ data }) => data.runs.length > 0, () => false);

/** `{element, fold, focus(), refuse(problem)}`; `params` are those of the address. */
export function filterBar(params, go) {
  const option = (value, label) => h("option", { value }, label);
  const given = (name) => (params[name] ? option(params[name], name === "status" ? statusLabel(params[name]) : params[name]) : null);
  const status = h("select", { id: "filter-status" }, option("", "Any status"), given("status"));
  const name = h("select", { id: "filter-function" }, option("", "Any function"), given("function"));
  const since = h("select", { id: "filter-since" }, option("", "Any time"), Object.entries(SINCE).map(([each, [label]]) => option(each, label)));
  const search = h("input", { id: "search", type: "search", placeholder: "Run id, key or label", autocomplete: "off", spellcheck: "false", "aria-describedby": "filter-error" });
  const error = h("p", { class: "field-error", id: "filter-error", role: "alert" });
  const choices = { status, function: name, since };
  for (const [field, input] of Object.entries(choices)) input.value = params[field] ?? "";
  late(name, getFunctions().then((known) => known.map((each) => each.name).sort()));
  late(status, getStatuses(), statusLabel);

  async function apply(event) {
    event.preventDefault();
    if (event.type === "change" && event.target === search) return;
    const kept = { key: params.key, label: params.label, batch: params.batch, ...Object.fromEntries(Object.entries(choices).map(([field, input]) => [field, input.value])) };
    const text = search.value.trim();
    const found = text ? await meaning(text, isKey) : {};
    if (found.path) return go(found.path);
    go("runs", Object.fromEntries(Object.entries({ ...kept, ...found }).filter(([, value]) => value)));
  }

  const chips = ["key", "label", "batch"].filter((each) => params[each]).map((each) => chip(each, params));
  const active = Object.keys(choices).some((field) => params[field]) || chips.length > 0;
  const element = h("form", { class: "filters", id: "filters", role: "search", "aria-label": "Filter runs", on: { submit: apply, change: apply } },
    h("div", { class: "filter search" }, h("label", { for: "search" }, "Search"), search),
    field("Status", status), field("Function", name), field("Created", since),
    h("button", { type: "submit", class: "button" }, "Search"),
    chips.length ? h("div", { class: "chips" }, chips) : null,
    active ? h("a", { class: "button quiet", href: "#/runs" }, "Clear") : null, error);
  element.classList.toggle("folded", !active);
  const unfold = (open) => { element.classList.toggle("folded", !open); fold.setAttribute("aria-expanded", String(open)); };
  const fold = button("Filters", () => unfold(element.classList.contains("folded")), "quiet fold only-narrow", { "aria-controls": element.id, "aria-expanded": String(active) });
  return { element, fold, focus() { unfold(true); search.focus(); }, refuse: (problem) => setText(error, problem.fields[0]?.detail ?? problem.message) };
}

/** Something searched for, with a link to the list without it. */
function chip(name, params) {
  const { [name]: value, ...rest } = params;
  const text = name === "label" ? value : `${name} ${value}`;
  return h("span", { class: "chip" }, h("span", {}, text), h("a", { href: `#/runs?${new URLSearchParams(rest)}`, "aria-label": `Without ${text}` }, "×"));
}

function field(label, input) {
  return h("div", { class: "filter" }, h("label", { for: input.id }, label), input);
}

/** Add choices when they come, without a touch on what somebody has chosen meanwhile. */
async function late(select, names, label = (name) => name) {
  const there = new Set([...select.options].map((each) => each.value));
  const known = await names.catch(() => []);
  select.append(...known.filter((name) => !there.has(name)).map((name) => h("option", { value: name }, label(name))));
}
