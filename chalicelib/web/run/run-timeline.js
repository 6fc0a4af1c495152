// One run's life in order: accepted, each attempt, what it is doing, how it ended, and who was told.

import { attemptLog } from "./attempts.js";
import { glyph, h, reconcile, replace, setText } from "./dom.js";
import { ago, began, clock, duration, ended, millis, percent, ran, stamp, statusLabel } from "./format.js";

/** `{element, show(run, deliveries), note(log events), tick(now)}`. */
export function timeline() {
  const items = h("ol", { class: "timeline" });
  const strip = h("div", { class: "waterfall", "aria-hidden": "true" }, h("span", { class: "fill-queued" }), h("span", {}));
  const spans = h("p", { class: "spans" });
  const element = h("section", { class: "card", "aria-labelledby": "timeline-title" }, h("h2", { id: "timeline-title" }, "Timeline"), strip, spans, items);
  const log = attemptLog();
  let shown = null;
  const paint = (now) => {
    const [run, deliveries] = shown;
    reconcile(items, steps(run, deliveries, log.of(run), now), (step) => step.key, createStep, updateStep);
    paintSpans(run, now, strip, spans);
  };
  return {
    element,
    show(run, deliveries) { shown = [run, deliveries]; paint(Date.now()); },
    note(events) { log.note(events); if (shown) paint(Date.now()); },
    tick(now) { if (shown && !ended(shown[0])) paint(now); },
  };
}

function paintSpans(run, now, strip, spans) {
  const end = run.finished_at ? millis(run.finished_at) : now;
  const started = began(run) && !run.waiting_for;
  const start = started ? millis(began(run)) : end;
  const [waited, worked] = [Math.max(start - millis(run.created_at), 0), Math.max(end - start, 0)];
  const share = waited + worked ? waited / (waited + worked) : 1;
  strip.firstChild.style.flexGrow = share;
  strip.lastChild.style.flexGrow = 1 - share;
  strip.lastChild.className = `fill-${started ? run.status : "queued"}`;
  const before = run.attempt > 1 ? "before this attempt" : "waiting";
  setText(spans, started ? `${duration(waited)} ${before}, ${duration(worked)} running` : `${duration(waited)} waiting`);
}

/** What to show, oldest first: [{key, sign, title, time, detail}]. Pure. */
export function steps(run, deliveries, parts, now) {
  return [
    { key: "created", sign: "queued", title: "Accepted", time: run.created_at },
    ...parts.map((part) => attempt(run, part)),
    ...(run.status === "queued" || run.status === "scheduled" ? [waiting(run, now)] : []),
    ...(run.status === "running" ? [working(run, now)] : []),
    ...(run.cancel_requested && !ended(run) ? [{ key: "cancel", sign: "cancelled", title: "Cancel requested", detail: `${by(run)}the function sees it at its next check` }] : []),
    ...(ended(run) ? [outcome(run)] : []),
    ...deliveries.map(delivery),
    ...tell(run, deliveries, now),
    ...(ended(run) && run.expires_at ? [{ key: "kept", sign: "kept", title: "Kept until", time: run.expires_at, far: true }] : []),
  ];
}

const WAITS = {
  delay: "Waiting for its delay", backoff: "Waiting for the next attempt", dispatch: "Waiting to be started", continue: "Waiting for its next leg",
  paused: "Its function is paused", max_running: "Waiting for a free place of its function", concurrency: "Waiting for a free place of its key",
};

/** One attempt, or one leg of it: when it began, how long it took, how it went. */
function attempt(run, { attempt: number, leg, began: at, ended: over, outcome: how, current }) {
  const most = Math.max(run.max_attempts ?? 1, run.attempt);
  const title = `Attempt ${number}${most > 1 ? ` of ${most}` : ""}${run.leg > 1 ? `, leg ${leg}` : ""}`;
  const took = at && over ? `after ${duration(millis(over) - millis(at))}` : "";
  const said = current ? "" : [ENDS[how] ?? (how ? statusLabel(how).toLowerCase() : leg < (run.leg ?? 1) ? "continued" : run.attempt === number && run.waiting_for ? "ended, to be tried again" : "ended without a result"), took].filter(Boolean).join(" ");
  return { key: `attempt ${number}.${leg}`, sign: current ? "started" : leg < (run.leg ?? 1) ? "succeeded" : "failed", title, time: at, detail: said };
}

const ENDS = { queued: "to be tried again", continued: "continued", continue: "continued" };

function waiting(run, now) {
  const next = millis(run.next_attempt_at);
  const detail = next > now ? `in ${duration(next - now)}` : `for ${duration(now - millis((run.attempt && began(run)) || run.created_at))}`;
  return { key: "waiting", sign: run.status, title: WAITS[run.waiting_for] ?? statusLabel(run.status), time: next > now ? run.next_attempt_at : undefined, detail, current: true };
}

function working(run, now) {
  const { fraction, message } = run.progress ?? {};
  const detail = [percent(fraction), message].filter(Boolean).join(", ") || `for ${duration(ran(run, now))}`;
  return { key: "working", sign: "running", title: "Running", detail, current: true };
}

/** Whose token asked to cancel it. */
const by = (run) => (run.cancelled_by ? `by token ${run.cancelled_by}, ` : "");

function outcome(run) {
  const took = ran(run, NaN);
  return { key: "outcome", sign: run.status, title: statusLabel(run.status), time: run.finished_at, detail: by(run) + (Number.isFinite(took) && run.attempt ? `after ${duration(took)}` : "") };
}

function delivery(each, n) {
  const good = each.status_code >= 200 && each.status_code < 300;
  const said = each.status_code ? `answered ${each.status_code}` : each.error ?? "under way";
  const took = Number.isFinite(each.latency_ms) ? ` in ${duration(each.latency_ms)}` : "";
  return { key: `delivery ${n}`, sign: good ? "succeeded" : each.status_code || each.error ? "failed" : "running", title: `Callback, try ${each.attempt ?? n + 1}`, time: each.at, detail: said + took };
}

function tell(run, deliveries, now) {
  if (!ended(run) || run.callback?.status !== "pending") return [];
  const next = deliveries.at(-1)?.next_at;
  return [{ key: "tell", sign: "queued", title: "Callback pending", detail: next ? `next try ${ago(next, now)}` : "", current: true }];
}

function createStep() {
  const sign = h("span", { class: "step-sign" });
  const title = h("span", { class: "step-title" });
  const detail = h("span", { class: "step-detail" });
  const time = h("time", { class: "step-time" });
  return Object.assign(h("li", {}, sign, h("span", { class: "step-text" }, title, detail), time), { parts: { sign, title, detail, time } });
}

function updateStep(item, { sign, title, time, detail = "", current = false, far = false }) {
  const { parts } = item;
  if (item.dataset.sign !== sign) {
    item.dataset.sign = sign;
    replace(parts.sign, glyph(sign));
  }
  item.toggleAttribute("data-current", current);
  setText(parts.title, title);
  setText(parts.detail, detail);
  setText(parts.time, time ? (far ? stamp(time).split(",")[0] : clock(time)) : "");
  if (time) {
    parts.time.dateTime = time;
    parts.time.title = stamp(time);
  }
}
