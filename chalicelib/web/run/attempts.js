// The attempts and legs of a run with their own times, as the log tells them: the document knows the newest alone.

import { millis } from "./format.js";

const BEGINS = "claimed";
const ENDS = /^(attempt_ended|outcome_refused|attempt_failed|leg_ended|continued)$/;

/** `{note(events), of(run)}`: take log events in, give the parts of a run's life out, oldest first. */
export function attemptLog() {
  const parts = new Map();
  const legs = new Map(); // the number that lines of a leg carry → which leg of which attempt it was

  function note(events) {
    for (const { time, message, attempt: told, leg: toldLeg } of events) {
      if (!told) continue;
      const own = ownEvent(message);
      if (own?.event === BEGINS && own.leg && !toldLeg) legs.set(told, { leg: own.leg, attempt: told - (own.legs ?? 0) });
      const { attempt, leg } = legs.get(told) ?? { attempt: told, leg: toldLeg ?? 1 };
      const key = `${attempt}.${leg}`;
      const part = parts.get(key) ?? { attempt, leg, began: time };
      if (own?.event === BEGINS) part.began = time;
      if (own && ENDS.test(own.event)) Object.assign(part, { ended: time, outcome: own.outcome ?? part.outcome });
      parts.set(key, part);
    }
  }

  /** [{attempt, leg, began, ended, outcome, current}]; what no log line told of has no times. */
  function of(run) {
    if (!run.attempt) return [];
    const known = [...parts.values()].filter((part) => part.attempt <= run.attempt);
    for (let attempt = 1; attempt < run.attempt; attempt += 1) if (!known.some((part) => part.attempt === attempt)) known.push({ attempt, leg: 1 });
    const leg = run.leg ?? 1;
    const newest = known.find((part) => part.attempt === run.attempt && part.leg === leg) ?? { attempt: run.attempt, leg };
    if (!known.includes(newest)) known.push(newest);
    const begun = run.attempt_started_at ?? run.started_at;
    if (begun) newest.began = begun;
    newest.current = !run.waiting_for;
    return known.sort((a, b) => a.leg - b.leg || a.attempt - b.attempt || millis(a.began) - millis(b.began));
  }

  return { note, of };
}

/** A line of the wrapper's own, or null. */
export function ownEvent(message) {
  try {
    const value = JSON.parse(message);
    return typeof value?.event === "string" && value.run_id ? value : null;
  } catch {
    return null;
  }
}
