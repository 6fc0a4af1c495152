/** What is due for a run, and when, as far as a worker has to know it: see invoke_once/life/due.py. */
import { attemptNumber, FIRST_LOOK_MS, LAST_LOOK_MS } from "./head.js";

/** Its lease is over: the attempt has vanished. */
export const isLost = (head, nowMs) => head.status === "running" && head.lease_until < nowMs;
export const mayRetry = (head) => head.attempt < head.max_attempts;

/** The wait after the n-th dispatch (n from 1) before the next: 1, 2, 4 … 30 min. */
export const dispatchWaitMs = (dispatches) => Math.min(FIRST_LOOK_MS * 2 ** Math.min(Math.max(dispatches - 1, 0), 10), LAST_LOOK_MS);

/** The wait before the attempt after `head.attempt`; `spread`, in [0, 1), takes off up to half of it. */
export function backoffMs(head, spread) {
  const wait = Math.min(head.backoff_ms * 2 ** Math.min(Math.max(attemptNumber(head) - 1, 0), 20), head.max_backoff_ms);
  return head.jitter ? Math.trunc(wait * (1 - 0.5 * spread)) : wait;
}
