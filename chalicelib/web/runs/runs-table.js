// The table of runs: one row a run, updated in place.

import { glyph, h, reconcile, replace, setAttr, setText } from "./dom.js";
import { ago, duration, ended, errorLine, isRandomKey, percent, ran, shortId, stamp, statusLabel, unwell } from "./format.js";
import { moveRow, openRow, stepRow } from "./rows.js";

const COLUMNS = [["Status", "c-status"], ["Function", "c-function"], ["Run", "c-run wide"], ["Error or progress", "c-detail wide"], ["Labels", "c-labels widest"], ["Attempt", "c-attempt wide number"], ["Created", "c-created mid number"], ["Duration", "c-duration number"]];

/** `{element, show(runs), step(by), tick(now)}`. */
export function runsTable(caption = "Runs, newest first") {
  const rows = new WeakMap();
  const body = h("tbody", { on: { click: openRow, keydown: moveRow } });
  const head = h("tr", {}, COLUMNS.map(([name, kind]) => h("th", { scope: "col", class: kind }, name)));
  const element = h("table", { class: "runs" }, h("caption", { class: "sr-only" }, caption), h("thead", {}, head), body);
  return {
    element,
    show(runs) {
      const now = Date.now();
      reconcile(body, runs, (run) => run.id, () => createRow(rows), (row, run) => updateRow(rows.get(row), run, now));
    },
    step: (by) => stepRow(body, by),
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
    why: h("span", { class: "under why" }),
    id: h("span", { class: "mono" }),
    key: h("span", { class: "key" }),
    detail: h("span", { class: "detail" }),
    labels: h("span", {}),
    attempt: h("td", { class: "wide number" }),
    created: h("time", {}),
    duration: h("span", {}),
    age: h("span", { class: "under", "aria-hidden": "true" }),
  };
  const row = h("tr", {},
    h("td", { class: "status" }, h("span", { class: "status-line" }, part.sign, part.status), part.bar),
    h("td", { class: "function" }, part.link, part.under, part.why),
    h("td", { class: "wide run" }, part.id, part.key),
    h("td", { class: "wide detail-cell" }, part.detail),
    h("td", { class: "widest labels-cell" }, part.labels),
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
  part.row.toggleAttribute("data-unwell", unwell(run));
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
  const random = isRandomKey(run.idempotency_key);
  part.key.classList.toggle("dim", random);
  setText(part.under, run.idempotency_key && !random ? run.idempotency_key : shortId(run.id));
  const detail = detailOf(run);
  setText(part.detail, detail);
  setAttr(part.detail, "title", run.error?.message ?? detail);
  setText(part.why, errorLine(run.error));
  part.why.hidden = !run.error;
  paintLabels(part.labels, run.labels);
  setText(part.attempt, attemptOf(run));
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

/** `2 of 3`, and which leg of it where it has several. */
function attemptOf({ attempt, max_attempts: most, leg }) {
  if (!attempt) return "–";
  return [most > 1 ? `${attempt} of ${most}` : `${attempt}`, leg > 1 ? `leg ${leg}` : ""].filter(Boolean).join(", ");
}

function paintLabels(element, labels) {
  const texts = Object.entries(labels ?? {}).map(([name, value]) => `${name}:${value}`);
  const shown = texts.join("\n");
  if (element.dataset.shown === shown) return;
  element.dataset.shown = shown;
  element.title = shown;
  replace(element, texts.map((text) => h("a", { class: "label", href: `#/runs?label=${encodeURIComponent(text)}`, tabindex: "-1" }, text)));
}

const WAITS = { delay: "until its delay is over", backoff: "for its next attempt", continue: "for its next leg", paused: "its function is paused", max_running: "for a free place of its function", concurrency: "for a free place of its key" };

/** The one thing worth saying about a run in a line: its error, what it is doing, or what it waits for. */
export function detailOf(run) {
  if (run.error) return errorLine(run.error);
  if (ended(run)) return "";
  return run.progress?.message ?? (WAITS[run.waiting_for] ? `Waits ${WAITS[run.waiting_for]}` : "");
}
