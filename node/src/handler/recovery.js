/** What is done for an attempt that vanished, or never began. */
import { backoffMs, dispatchWaitMs, mayRetry } from "../life/due.js";
import { attemptNumber } from "../life/head.js";
import { move, NOT_CANCELLED } from "../life/move.js";
import { errorFields } from "../store/payloads.js";
import { refusedOnlyBy } from "../store/store.js";
import { logEvent } from "./log.js";

/** Move J for an attempt that is gone: back to the queue if the policy allows, else `failed` with `AttemptLost`. */
export async function lose(store, head, nowMs, why) {
  if (mayGoOn(head)) {
    const next = await store.apply(move("lose_leg", { head, now_ms: nowMs, seen_dead: false }));
    if (next.applied) logEvent("leg_lost", { run_id: head.run_id, attempt: head.attempt, leg: head.leg, function: head.function }, { LegsLost: 1 });
    if (next.applied || !refusedOnlyBy(next, NOT_CANCELLED) || !next.head) return next;
    head = next.head;
  }
  const result = await loseOnce(store, head, nowMs, errorFields("AttemptLost", why));
  if (result.applied && !result.repeated) {
    logEvent("attempt_lost", { run_id: head.run_id, attempt: head.attempt, function: head.function, run_status: result.head.status }, { Lost: 1 });
  }
  return result;
}

/** A leg that made a checkpoint goes on in another one, if its function's timeouts do; no attempt is spent then. */
const mayGoOn = (head) => head.on_timeout === "continue" && Boolean(head.state_lease) && head.state_lease === head.lease_id
  && head.on_lost === "retry" && head.leg < head.max_legs && !head.cancel_requested;

async function loseOnce(store, head, nowMs, error) {
  // it may only have missed its beats: until Lambda ends its body, its slot of a limit stays taken
  const kept = head.slot && head.body_until ? { slot_until: head.body_until } : {};
  const ended = (fields) => store.apply(move("lose", { head, now_ms: nowMs, not_before: null, fields, seen_dead: false }));
  if (head.cancel_requested) return ended({ status: "cancelled", ...kept });
  if (head.on_lost !== "retry" || !mayRetry(head)) return ended({ error, ...kept });
  const notBefore = nowMs + backoffMs(head, Math.random());
  const result = await store.apply(move("lose", { head, now_ms: nowMs, not_before: notBefore, fields: { error, ...kept }, seen_dead: false }));
  return refusedOnlyBy(result, NOT_CANCELLED) && result.head ? loseOnce(store, result.head, nowMs, error) : result;
}

/** Move U for an attempt whose body was certainly not started; looked at again as a dispatch that nobody claimed. */
export async function giveBack(store, head, nowMs) {
  const notBefore = nowMs + dispatchWaitMs(Math.max(attemptNumber(head), 1));
  const result = await store.apply(move("give_back", { head, not_before: notBefore, error: null }));
  if (refusedOnlyBy(result, NOT_CANCELLED)) {
    return store.apply(move("lose", { head, now_ms: nowMs, not_before: null, fields: { status: "cancelled" }, seen_dead: true }));
  }
  if (result.applied) logEvent("attempt_given_back", { run_id: head.run_id, attempt: head.attempt, function: head.function });
  return result;
}
