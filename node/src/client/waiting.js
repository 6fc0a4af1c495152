/** Waiting for a run or a batch: one short hold, where a quick one ends; then looks, as often as the service says. */
import { WaitTimeout } from "./errors.js";
import { retryAfterMs } from "./http.js";

const FIRST_HOLD_S = 5;
const LONGEST_PAUSE_MS = 10_000;

/**
 * Yields each document that differs from the one before, the last one with `over(document)`.
 * `timeout` is milliseconds; then `WaitTimeout`.
 */
export async function* watch(http, path, over, { timeout = Infinity, signal, etag } = {}) {
  const until = Date.now() + timeout;
  let hold = FIRST_HOLD_S;
  for (;;) {
    const left = until - Date.now();
    const held = Math.max(0, Math.min(hold, Math.floor(left / 1000)));
    const headers = {};
    if (etag) headers["If-None-Match"] = etag;
    if (held) headers.Prefer = `wait=${held}`;
    const answer = await http.call("GET", path, { headers, hold: held, signal });
    if (answer.status !== 304) {
      etag = answer.headers.get("etag") ?? undefined;
      const document = await answer.json();
      yield document;
      if (over(document)) return;
    }
    hold = 0;
    const wait = Math.min(retryAfterMs(answer) ?? 1_000, LONGEST_PAUSE_MS, Math.max(until - Date.now(), 0));
    if (Date.now() + wait >= until) throw new WaitTimeout(`it has not ended after ${timeout / 1000} s; it goes on`);
    await http.sleep(wait, signal);
  }
}
