// `#/runs/ID`: one run, live until it has ended and its callback is settled.

import { cancelRun, getCheckpoint, getFunctions, getInput, getOutput, getRun, retryRun } from "./api.js";
import { confirm } from "./confirm.js";
import { copyAs, readAs } from "./copy-as.js";
import { announce, button, copyButton, glyph, h, replace, setText } from "./dom.js";
import { ago, bytes, duration, ended, millis, percent, ran, shortId, stamp, statusLabel } from "./format.js";
import { pausedBanner } from "./paused.js";
import { Poller } from "./poll.js";
import { deliveryPanel, logPanel, payloadPanel } from "./run-panels.js";
import { timeline } from "./run-timeline.js";
import { linked, preference } from "./session.js";

const SOONEST_MS = 1000;
const LATEST_MS = 4000;
const LATE_LOGS_MS = 20_000;

export function mount(root, { id, params, setTitle }) {
  const whole = !linked(); // a link opens the run and its output, nothing else
  const page = layout(id, whole);
  const line = timeline();
  const logs = whole ? logPanel(id, (events) => line.note(events)) : null;
  const output = payloadPanel("Output", `${id}-output.json`, () => getOutput(id), false);
  const input = whole ? payloadPanel("Input", `${id}-input.json`, () => getInput(id), preference("panel-input") !== "off") : null;
  const calls = deliveryPanel(id, () => { tries = null; poller.now(); });
  const checkpoint = payloadPanel("Checkpoint", `${id}-checkpoint.json`, () => getCheckpoint(id), false);
  const paused = pausedBanner();
  const copies = copyAs(readAs(id), "Copy as");
  const details = h("section", { class: "card", "aria-labelledby": "details-title" });
  const failure = h("div", {});
  let run = null;
  let last = null;
  let tries = null;
  let wait = SOONEST_MS;
  let lateUntil = 0;
  replace(root, page.element);
  const poller = new Poller(refresh).start();
  const ticker = setInterval(tick, 1000);
  return { heading: page.heading, title: "Run", poller, unmount() { poller.stop(); clearInterval(ticker); } };

  async function refresh(signal) {
    try {
      last = await getRun(id, last, signal);
    } catch (error) {
      if (error.kind === "missing") return gone(error);
      if (!run && error.kind) replace(page.main, h("p", { class: "inline-error" }, error.message));
      throw error;
    }
    wait = last.changed ? SOONEST_MS : Math.min(wait * 1.5, LATEST_MS);
    await take(last.data, signal);
    if (!ended(run)) return wait;
    return run.callback?.status === "pending" || (run.callback && !tries) ? Math.max(wait, 2500) : null;
  }

  function gone(error) {
    replace(page.main, h("div", { class: "state" }, h("h2", {}, "No such run"), h("p", {}, error.message), h("p", {}, h("a", { href: "#/runs" }, "All runs"))));
    return null;
  }

  /** Show `next`; say aloud what changed since the last reading. */
  async function take(next, signal) {
    const before = run;
    run = next;
    if (!before) build();
    if (before?.checkpoint?.at !== run.checkpoint?.at) checkpoint.renew();
    if (before && before.status !== run.status) announce(`Run ${statusLabel(run.status).toLowerCase()}`);
    if (ended(run) && before?.status !== run.status) settle();
    if (run.callback && wantsTries(before)) tries = await calls.load(signal).catch(({ kind }) => (kind === "down" || kind === "busy" ? tries : tries ?? []));
    paint();
    logs?.follow();
  }

  function wantsTries(before) {
    const { attempts, status } = run.callback;
    return tries === null || before?.callback?.attempts !== attempts || before?.callback?.status !== status;
  }

  function build() {
    const more = (element) => (whole ? element : null);
    replace(page.main, more(paused.element), failure, output.element, logs?.element, more(checkpoint.element), input?.element);
    replace(page.side, line.element, run.callback ? calls.element : null, details, more(h("section", { class: "card" }, copies.element)));
    if (params.replayed) page.say("This key already had a run: here it is. Nothing new was started.");
  }

  /** Log lines come some seconds late: look for them a little longer. */
  function settle() {
    if (Date.now() - millis(run.finished_at) < 60_000) lateUntil = Date.now() + LATE_LOGS_MS;
    if (run.status === "succeeded") output.open();
    else if (run.attempt) logs?.open();
    logs?.follow(true);
  }

  function paint() {
    const name = `${run.function}, ${statusLabel(run.status).toLowerCase()}`;
    setTitle(run.status === "running" && typeof run.progress?.fraction === "number" ? `${percent(run.progress.fraction)} ${run.function}` : name);
    page.show(run, { act });
    line.show(run, tries ?? []);
    logs?.setAttempts(run.attempt);
    checkpoint.element.hidden = !run.checkpoint;
    if (run.waiting_for !== "paused") paused.show([]);
    else if (whole && paused.element.hidden) getFunctions(true).then((all) => paused.show(all.filter((each) => each.name === run.function)), () => {});
    output.element.hidden = run.status !== "succeeded";
    replace(failure, run.error ? errorCard(run) : null);
    if (run.callback) calls.show(run, tries ?? [], ended(run));
    paintDetails(details, run, whole);
  }

  async function act(call, done) {
    page.say("");
    try {
      const next = await call(id);
      announce(done);
      last = null;
      wait = SOONEST_MS;
      await take(next);
    } catch (error) {
      page.say(error.message, true);
    }
    poller.now();
  }

  function tick() {
    if (!run) return;
    line.tick(Date.now());
    page.tick(run);
    if (Date.now() < lateUntil && !document.hidden) logs?.follow();
  }
}

function layout(id, whole) {
  const heading = h("h1", { tabindex: "-1" }, "Run");
  const badge = h("span", { class: "badge" });
  const meter = h("div", { class: "meter", role: "progressbar", "aria-label": "Progress", "aria-valuemin": "0", "aria-valuemax": "100", hidden: true }, h("span", {}));
  const message = h("p", { class: "run-message" });
  const actions = h("div", { class: "actions push" });
  const notice = h("p", { class: "notice", role: "status", hidden: true });
  const main = h("div", { class: "run-main" }, h("p", { class: "loading" }, "Loading the run…"));
  const side = h("div", { class: "run-side" });
  const element = h("div", {},
    h("nav", { class: "crumbs", "aria-label": "Breadcrumb" }, whole ? [h("a", { href: "#/runs" }, "Runs"), h("span", { "aria-hidden": "true" }, "/")] : null, h("span", { class: "mono break" }, id), copyButton("Copy", () => id)),
    h("div", { class: "title-row" }, heading, badge, actions), meter, message, notice, h("div", { class: "columns" }, main, side));
  let state = "";
  return {
    element, heading, main, side,
    say(text, bad = false) {
      notice.hidden = !text;
      notice.classList.toggle("bad", bad);
      setText(notice, text);
    },
    show(run, { act }) {
      setText(heading, run.function);
      replace(badge, glyph(run.status), run.cancel_requested && !ended(run) ? "Cancelling" : statusLabel(run.status));
      badge.dataset.status = run.status;
      showProgress(run, meter, message);
      const next = `${run.status} ${run.cancel_requested} ${Boolean(run.checkpoint)}`;
      if (next === state) return;
      state = next;
      const held = actions.contains(document.activeElement);
      replace(actions, whole ? actionsOf(run, act) : null);
      if (held) heading.focus();
    },
    tick(run) { if (run.status === "running" && !run.progress) setText(message, `Running for ${duration(ran(run, Date.now()))}`); },
  };
}

function showProgress(run, meter, message) {
  const done = run.progress?.fraction;
  meter.hidden = run.status !== "running" || typeof done !== "number";
  meter.firstChild.style.width = `${(done ?? 0) * 100}%`;
  meter.setAttribute("aria-valuenow", String(Math.round((done ?? 0) * 100)));
  if (run.progress?.message) meter.setAttribute("aria-valuetext", `${percent(done)}, ${run.progress.message}`);
  message.hidden = run.status !== "running";
  if (run.progress) setText(message, [percent(done), run.progress.message].filter(Boolean).join(" · "));
}

function actionsOf(run, act) {
  const cancel = async () => {
    const sure = await confirm("Cancel this run?", run.status === "running"
      ? "The function is told, and stops at its next check. What it has done already stays done."
      : "It has not started, and will not.", "Cancel the run", "Keep it going");
    if (sure) act(cancelRun, "Cancel requested");
  };
  const can = { cancel: !ended(run) && !run.cancel_requested, retry: ended(run) && run.status !== "succeeded" };
  return [
    can.cancel ? button("Cancel run", cancel, "danger") : null,
    can.retry ? button("Retry", () => act(retryRun, "Retry requested"), "primary", run.checkpoint ? { title: "It begins at the checkpoint" } : {}) : null,
    can.retry && run.checkpoint ? button("Retry from the start", () => act((each) => retryRun(each, "start"), "Retry requested")) : null,
    h("a", { class: "button", href: `#/start/${encodeURIComponent(run.function)}?from=${run.id}` }, "Start a copy"),
  ];
}

function errorCard({ error, status, attempt, finished_at: over }) {
  const title = error.type ?? "Error";
  return h("section", { class: "card error-card", "data-status": over ? status : "failed", "aria-labelledby": "error-title" },
    h("h2", { id: "error-title" }, over ? title : `Attempt ${attempt}: ${title}`),
    h("p", { class: "error-message" }, error.message ?? ""),
    error.trace ? h("details", { open: true }, h("summary", {}, "Trace"), h("pre", { class: "trace", tabindex: "0", role: "region", "aria-label": "Trace" }, String(error.trace))) : null);
}

function paintDetails(element, run, whole) {
  const time = (value) => (value ? h("time", { datetime: value, title: ago(value, Date.now()) }, stamp(value)) : null);
  const labels = Object.entries(run.labels ?? {}).map(([name, value]) => h("a", { class: "label", href: `#/runs?label=${encodeURIComponent(`${name}:${value}`)}` }, `${name}:${value}`));
  const rows = [
    ["Function", whole ? h("a", { href: `#/runs?function=${encodeURIComponent(run.function)}` }, run.function) : run.function],
    ["Key", run.idempotency_key ? h("span", { class: "mono break" }, run.idempotency_key) : null],
    ["Batch", whole && run.batch ? [h("a", { href: `#/batches/${run.batch.id}`, class: "mono break" }, shortId(run.batch.id)), `, item ${run.batch.index}`] : null],
    ["Attempts", `${run.attempt} of ${Math.max(run.max_attempts ?? 1, run.attempt)}`],
    ["Leg", run.leg > 1 ? String(run.leg) : null],
    ["Checkpoint", run.checkpoint ? [`leg ${run.checkpoint.leg}, ${bytes(run.checkpoint.size)}, `, time(run.checkpoint.at)] : null],
    ["Cancelled by", run.cancelled_by ? h("span", { class: "mono break" }, `token ${run.cancelled_by}`) : null],
    ["Labels", labels.length ? labels : null],
    ["Created", time(run.created_at)], ["Started", time(run.started_at)], ["This attempt", run.attempt > 1 ? time(run.attempt_started_at) : null], ["Next attempt", time(run.next_attempt_at)], ["Finished", time(run.finished_at)], ["Kept until", time(run.expires_at)],
  ].filter(([, value]) => value);
  const state = JSON.stringify([run.attempt, run.leg, run.checkpoint, run.cancelled_by, run.started_at, run.attempt_started_at, run.next_attempt_at, run.finished_at, run.expires_at]);
  if (element.dataset.state === state) return;
  element.dataset.state = state;
  replace(element, h("h2", { id: "details-title" }, "Details"),
    h("dl", {}, rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))));
}
