/**
 * An event of the service's: claim its run, run the body, record what came of it. A duplicate finds a live lease or a
 * finished run, logs one line and *returns*: throwing would make Lambda deliver it again. So does an attempt whose
 * handler threw: its error is recorded, Lambda need not know.
 */
import { NotClaimed, PayloadCorrupt, StoreUnavailable } from "../errors.js";
import { LEASE_GRACE_MS } from "../life/head.js";
import { move } from "../life/move.js";
import { Attempt } from "./attempt.js";
import { runAttempt } from "./body.js";
import { logEvent } from "./log.js";
import { failed } from "./outcomes.js";
import { giveBack } from "./recovery.js";
import { timeLeftMs } from "./runtime.js";

/** How long a claim is tried while the table is away; but never for more than a tenth of the lease, the body's time. */
const CLAIM_PATIENCE_MS = 30_000, PATIENCE_SHARE = 10;

/** An event older than that waited in Lambda's queue, and its function may have been paused meanwhile. */
const LATE_MS = 5_000;

/** Throws `NotClaimed` where the body was not started, `StoreUnavailable` where its outcome could not be written. */
export async function runFired(rt, handler, event, context, envelope) {
  if (envelope.firedAt !== null && envelope.firedAt + LATE_MS < rt.now()) {
    const { isPaused } = await import("./paused.js");
    if (await isPaused(rt, rt.policy.function)) {
      logEvent("paused", { run_id: envelope.runId, function: rt.policy.function });
      return { ...summary(envelope.runId, null), paused: true };
    }
  }
  const { claimed, deadlineMs } = await claimRun(rt, envelope, context);
  if (!claimed.applied) {
    logEvent("duplicate_refused", { run_id: envelope.runId, run_status: claimed.head?.status, because: claimed.arms }, { DuplicatesRefused: 1 });
    return { ...summary(envelope.runId, claimed.head), duplicate: true };
  }
  const given = await inputOf(rt, event, envelope, claimed.head);
  if (given.lost) return summary(envelope.runId, (await new Attempt(rt, claimed.head, deadlineMs).settle(given.lost)).head);
  const { settled } = await runAttempt(rt, handler, given.value, context, claimed.head, deadlineMs, envelope.tracestate);
  return summary(envelope.runId, settled.head);
}

/** Claim the run of an event. The clock is read before the time left: a pause in between makes the lease shorter. */
export async function claimRun(rt, envelope, context) {
  const nowMs = rt.now(), leftMs = timeLeftMs(context);
  const leaseMs = rt.policy.heartbeatMs ? Math.min(leftMs, rt.policy.heartbeatMs) : leftMs;
  const claim = move("claim", { run_id: envelope.runId, generation: envelope.generation, now_ms: nowMs, lease_ms: leaseMs, fired_at: envelope.firedAt, request_id: null, left_ms: leftMs, leg: envelope.leg });
  const leaseId = claim.set.lease_id;
  const untilMs = nowMs + Math.min(Math.floor(leaseMs / PATIENCE_SHARE), CLAIM_PATIENCE_MS);
  let claimed;
  try {
    claimed = await rt.keepTrying(() => rt.store.apply(claim), untilMs, (error) => logEvent("claim_delayed", { run_id: envelope.runId, reason: error.message }));
  } catch (error) {
    throw error instanceof StoreUnavailable ? new NotClaimed(leaseId, error.message, error.code) : error;
  }
  if (claimed.applied && rt.now() > nowMs + leaseMs) throw new NotClaimed(leaseId, "the answer came when the lease was over");
  return { claimed, deadlineMs: nowMs + leftMs };
}

/**
 * The input of a fired run: in its event, or, where that says so, by the reference in the head that was claimed. What
 * the event itself names is never read: an event can be forged, a claimed head cannot.
 */
async function inputOf(rt, event, envelope, head) {
  if (envelope.inputRef === null) return { value: event.input ?? null };
  const leftMs = head.lease_until - LEASE_GRACE_MS - rt.now();
  const untilMs = rt.now() + Math.min(Math.floor(leftMs / PATIENCE_SHARE), CLAIM_PATIENCE_MS);
  try {
    const text = await rt.keepTrying(() => rt.payloads.input(head), untilMs, (error) => logEvent("input_delayed", { run_id: head.run_id, attempt: head.attempt, reason: error.message }));
    if (rt.now() > head.lease_until - LEASE_GRACE_MS) throw new StoreUnavailable("the input came when the lease was over");
    return { value: JSON.parse(text.toString()) };
  } catch (error) {
    if (error instanceof PayloadCorrupt) return { lost: failed("InputLost", error.message) };
    if (!(error instanceof StoreUnavailable)) throw error;
    if (error.forGood) return { lost: failed("InputNotRead", `the input could not be read: ${error.message}`) };
    throw await givenBack(rt, head, error.message);
  }
}

async function givenBack(rt, head, why) {
  try {
    await giveBack(rt.store, head, rt.now());
    return new NotClaimed("", why);
  } catch {
    return new NotClaimed(head.lease_id ?? "", why); // the service does it, by the lease, when Lambda reports this error
  }
}

const summary = (runId, head) => ({ run_id: runId, status: head?.status ?? null });
