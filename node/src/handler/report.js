/** The lines that say how an attempt ended. Each carries the claim's token: a line that has it is this run's own. */
import { errorOf } from "../store/payloads.js";
import { logEvent } from "./log.js";

export function report(head, result, outcome, tookMs) {
  const about = { run_id: head.run_id, attempt: head.attempt, claim: head.claim_token };
  if (!result.applied) {
    logEvent("outcome_refused", { ...about, outcome: outcome.status, winner: result.head?.status, because: result.arms }, { OutcomesRefused: 1 });
    return;
  }
  if (outcome.error) {
    const { type, message, trace } = errorOf({ error: outcome.error });
    logEvent("attempt_failed", { level: "ERROR", ...about, function: head.function, error_type: type, message, trace });
  }
  logEvent("attempt_ended", {
    ...about, function: head.function, outcome: outcome.status, run_status: result.head.status, error_type: outcome.errorType,
  }, { attempt_ms: tookMs, [`Ended_${result.head.status}`]: 1 });
}
