// Times, durations, sizes and states as people read them. Pure: `now` is always an argument.

/** `timed_out` → `Timed out`. */
export const statusLabel = (status) => capital(status.replace(/_/g, " "));

export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** A run or a batch that is over: only then does it have a time of its end. */
export const ended = (run) => Boolean(run.finished_at);

/** It ended otherwise than it should. */
export const unwell = (run) => ended(run) && run.status !== "succeeded" && run.status !== "cancelled";

/** The statuses among `runs`: succeeded, other ends, then what is under way; for bars and legends. */
export function statusesOf(runs) {
  const rank = new Map(runs.map((run) => [run.status, run.status === "succeeded" ? 0 : ended(run) ? 1 : 2]));
  return [...rank.keys()].sort((a, b) => rank.get(a) - rank.get(b) || a.localeCompare(b));
}

export const millis = (time) => (time ? Date.parse(time) : NaN);

/** 840 → `840 ms`, 4 210 → `4.2 s`, 75 000 → `1 m 15 s`. */
export function duration(ms) {
  if (!Number.isFinite(ms)) return "–";
  const left = Math.max(0, ms);
  if (left < 1000) return `${Math.round(left)} ms`;
  if (left < 59_950) return `${(left / 1000).toFixed(1)} s`;
  const seconds = Math.round(left / 1000);
  if (seconds < 3600) return pair(seconds, 60, "m", "s");
  if (seconds < 86_400) return pair(Math.round(seconds / 60), 60, "h", "m");
  return pair(Math.round(seconds / 3600), 24, "d", "h");
}

function pair(count, per, big, small) {
  const rest = count % per;
  return rest ? `${Math.floor(count / per)} ${big} ${rest} ${small}` : `${Math.floor(count / per)} ${big}`;
}

/** `12 s ago`, `in 3 m`; coarse, for lists. */
export function ago(time, now) {
  const ms = now - millis(time);
  if (!Number.isFinite(ms)) return "–";
  const seconds = Math.floor(Math.abs(ms) / 1000);
  if (seconds < 2) return ms < 0 ? "soon" : "just now";
  const steps = [[60, 1, "s"], [3600, 60, "m"], [86_400, 3600, "h"], [Infinity, 86_400, "d"]];
  const [, unit, name] = steps.find(([limit]) => seconds < limit);
  const count = `${Math.floor(seconds / unit)} ${name}`;
  return ms < 0 ? `in ${count}` : `${count} ago`;
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const SHORT = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

/** `14:03:20.125`, local. */
export function clock(time) {
  const at = new Date(time);
  return Number.isNaN(+at) ? "–" : `${CLOCK.format(at)}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

/** `23 Nov 2026, 14:03:20.125`, local. */
export function stamp(time) {
  const at = new Date(time);
  return Number.isNaN(+at) ? "–" : `${FULL.format(at)}, ${clock(time)}`;
}

/** The label of an axis: as coarse as `span` (ms) allows. */
export function tick(ms, span) {
  if (span > 2 * 86_400_000) return DAY.format(ms);
  return (span < 600_000 ? CLOCK : SHORT).format(ms);
}

/** Bytes: `840 B`, `12.4 KB`, `3.1 MB`. */
export function bytes(count) {
  if (!Number.isFinite(count)) return "";
  if (count < 1000) return `${count} B`;
  const power = count < 999_500 ? 1 : 2;
  return `${(count / 1000 ** power).toFixed(1)} ${["KB", "MB"][power - 1]}`;
}

/** When the attempt began that runs, or ran last. */
export const began = (run) => run.attempt_started_at ?? run.started_at;

/** How long the attempt has been, or was, under way, in ms: from its start, or NaN before it and while it waits. */
export function ran(run, now) {
  const from = millis(began(run));
  if (run.waiting_for) return NaN;
  return (run.finished_at ? millis(run.finished_at) : ended(run) ? NaN : now) - from;
}

/** 0.42 → `42 %`; null → empty. */
export function percent(fraction) {
  return typeof fraction === "number" ? `${Math.floor(fraction * 100)} %` : "";
}

/** `1 run`, `2 runs`. */
export const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

/** A key that nobody chose to be read: a UUID, alone or behind a prefix, or a long run of hex digits. */
export const isRandomKey = (key) => /[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}$/i.test(key ?? "");

/** The first line of a text. */
export const firstLine = (text) => String(text ?? "").trimStart().split("\n", 1)[0];

/** `TypeError: first line of the message`. */
export const errorLine = (error) => (error ? [error.type, firstLine(error.message)].filter(Boolean).join(": ") : "");

/** `run_abcdef…wxyz`: enough to recognise it in a list. */
export const shortId = (id) => (id.length > 16 ? `${id.slice(0, 10)}…${id.slice(-4)}` : id);
