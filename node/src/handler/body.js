/** Run the body of a claimed run, watched, and record how it ended. */
import { hasState } from "../life/head.js";
import { Attempt } from "./attempt.js";
import { working } from "./current.js";
import { logEvent } from "./log.js";
import { thrown } from "./outcomes.js";
import { outcomeOf } from "./replies.js";
import { watch } from "./watchdog.js";

/**
 * Returns `{ settled, value, error, failed }`. Never before the body's promise is settled, whatever the watchdog has
 * recorded: a sandbox that is thawed for another event would go on with a body that was left pending.
 */
export async function runAttempt(rt, handler, event, context, head, deadlineMs, tracestate) {
  logEvent("claimed", { run_id: head.run_id, attempt: head.attempt, claim: head.claim_token, function: head.function, request_id: context?.awsRequestId }, { Claimed: 1 });
  const attempt = new Attempt(rt, head, deadlineMs, tracestate);
  const stop = watch(rt, attempt, deadlineMs - rt.now(), rt.policy.heartbeatMs);
  try {
    const ended = await answered(attempt, handler, event, context, head);
    const outcome = ended.failed ? thrown(ended.error) : outcomeOf(event, ended.value);
    return { settled: await attempt.settle(outcome), ...ended };
  } finally {
    await stop();
    await attempt.quiet();
  }
}

async function answered(attempt, handler, event, context, head) {
  try {
    if (hasState(head)) await attempt.ready();
    return { value: await working(attempt, async () => handler(event, context)), failed: false };
  } catch (error) {
    return { error, failed: true };
  }
}
