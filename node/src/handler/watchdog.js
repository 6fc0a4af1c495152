/**
 * Records `timed_out` shortly before Lambda kills the attempt; with a heartbeat, keeps the lease meanwhile. It is a
 * timer: a body that never lets the event loop go is not seen by it, and ends as lost when Lambda reports its death.
 */
import { textOf } from "../store/texts.js";
import { logEvent } from "./log.js";

/** How long before the kill the watchdog acts: a fifth of the time, at most 2 s. */
export const marginMs = (leftMs) => Math.min(Math.floor(leftMs / 5), 2_000);

/** Watches until the function it returns is called, which waits for what it is just doing. */
export function watch(rt, attempt, leftMs, heartbeatMs) {
  const endsAt = rt.now() + Math.max(leftMs - marginMs(leftMs), 0);
  let stopped = false, timer, acting = Promise.resolve();
  const arm = () => {
    const waitMs = Math.max(endsAt - rt.now(), 0);
    timer = rt.timer(act, heartbeatMs ? Math.min(heartbeatMs / 3, waitMs) : waitMs);
  };
  const act = () => {
    if (stopped) return;
    const over = rt.now() >= endsAt;
    acting = (over ? attempt.runOut(leftMs / 1_000) : attempt.beat(heartbeatMs)).catch((error) => {
      logEvent("watchdog_failed", { reason: textOf(error?.message) }); // the attempt's own end tries again
    });
    if (!over) arm();
  };
  arm();
  return async () => {
    stopped = true;
    clearTimeout(timer);
    await acting;
  };
}
