// The table of runs: one row a run, updated in place.

import { glyph, h, reconcile, replace, setAttr, setText } from "./dom.js";
import { ago, duration, ended, percent, ran, shortId, stamp, statusLabel } from "./format.js";

const COLUMNS = [["Status"], ["Function"], ["Run", "wide"], ["Detail", "wide"], ["Attempt", "wide number"], ["Created", "mid number"], ["Duration", "number"]];

/** `{element, show(runs), tick(now)}`. */
export function runsTable() {
  const rows = new WeakMap();
  const body = h("tbody", { on: { click: openRow, keydown: moveRow } });
  const head = h("tr", {}, COLUMNS.map(([name, kind]) => h("th", { scope: "col", class: kind }, name)));
  const element = h("table", { class: "runs" }, h("caption", { class: "sr-only" }, "Runs, newest first"), h("thead", {}, head), body);
  return {
    element,
    show(runs) {
      const now = Date.now();
      reconcile(body, runs, (run) => run.id, () => createRow(rows), (row, run) => updateRow(rows.get(row), run, now));
    },
    tick(now) {
      for (const row of body.children) updateTimes(rows.get(row), now);
    },
  };
}

function createRow(rows) {
  const part = {
    sign: h("span", { class: "sign" }),
    status: h("span", { class: "status-word" }),
    bar: h("span", { class: "bar", hidden: true }, h("span", {})),
    link: h("a", { class: "row-link" }),
    under: h("span", { class: "under mono" }),
    id: h("span", { class: "mono" }),
    key: h("span", { class: "key" }),
    detail: h("span", { class: "detail" }),
    attempt: h("td", { class: "wide number" }),
    created: h("time", {}),
    duration: h("span", {}),
    age: h("span", { class: "under", "aria-hidden": "true" }),
  };
  const row = h("tr", {},
    h("td", { class: "status" }, h("span", { class: "status-line" }, part.sign, part.status), part.bar),
    h("td", { class: "function" }, part.link, part.under),
    h("td", { class: "wide run" }, part.id, part.key),
    h("td", { class: "wide detail-cell" }, part.detail),
    part.attempt,
    h("td", { class: "mid number" }, part.created),
    h("td", { class: "number" }, part.duration, part.age));
  rows.set(row, { row, ...part });
  return row;
}

function updateRow(part, run, now) {
  part.run = run;
  if (part.row.dataset.status !== run.status) {
    part.row.dataset.status = run.status;
    replace(part.sign, glyph(run.status));
  }
  const done = run.progress?.fraction;
  const moving = run.status === "running" && typeof done === "number";
  setText(part.status, moving ? `Running ${percent(done)}` : run.cancel_requested && !ended(run) ? "Cancelling" : statusLabel(run.status));
  part.bar.hidden = !moving;
  if (moving) part.bar.firstChild.style.width = `${done * 100}%`;
  setAttr(part.link, "href", `#/runs/${run.id}`);
  setText(part.link, run.function);
  setText(part.id, shortId(run.id));
  setAttr(part.id, "title", run.id);
  setText(part.key, run.idempotency_key ?? "");
  setAttr(part.key, "title", run.idempotency_key);
  setText(part.under, run.idempotency_key ?? shortId(run.id));
  const detail = detailOf(run);
  setText(part.detail, detail);
  setAttr(part.detail, "title", detail);
  setText(part.attempt, run.attempt ? (run.max_attempts > 1 ? `${run.attempt} of ${run.max_attempts}` : `${run.attempt}`) : "–");
  setAttr(part.created, "datetime", run.created_at);
  setAttr(part.created, "title", stamp(run.created_at));
  updateTimes(part, now);
}

function updateTimes(part, now) {
  const age = ago(part.run.created_at, now);
  setText(part.created, age);
  setText(part.age, age);
  setText(part.duration, duration(ran(part.run, now)));
}

/** The one thing worth saying about a run in a line: its error, what it is doing, or its labels. */
export function detailOf(run) {
  if (run.error) return [run.error.type, run.error.message].filter(Boolean).join(": ");
  if (run.progress?.message && !ended(run)) return run.progress.message;
  return Object.entries(run.labels ?? {}).map(([name, value]) => `${name}:${value}`).join("  ");
}

function openRow(event) {
  if (event.target.closest("a, button") || String(getSelection())) return;
  event.target.closest("tr")?.querySelector("a.row-link")?.click();
}

const STEPS = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 };

function moveRow(event) {
  const step = STEPS[event.key];
  if (!step || event.ctrlKey || event.metaKey || event.altKey) return;
  const row = event.target.closest("tr");
  const next = step > 0 ? row?.nextElementSibling : row?.previousElementSibling;
  if (!next) return;
  event.preventDefault();
  next.querySelector("a.row-link").focus();
}
