/** `currentRun()`: what a handler knows of the run it works for. */
import { AsyncLocalStorage } from "node:async_hooks";

import { ContinueLater, NoCurrentRun } from "../errors.js";
import { isDeployed } from "./runtime.js";

const storage = new AsyncLocalStorage();
const live = new Set();

/** Outside Lambda and any run: everything works and does nothing, so that a handler runs in a plain test. */
const NO_RUN = Object.freeze({
  id: "local", attempt: 1, function: "local", tenant: "local", cancelRequested: false, traceparent: null, tracestate: null, signal: new AbortController().signal,
  progress() {}, async check() {}, state: null, leg: 1, timeLeft: Infinity, async checkpoint() {},
  continueLater(after = 0) { throw new ContinueLater(after * 1_000); },
});

/** Code that `work` calls or awaits works for `run`. */
export async function working(run, work) {
  live.add(run);
  try {
    return await storage.run(run, work);
  } finally {
    live.delete(run);
  }
}

/** The run being worked for: this context's, else the one that this process works at. */
export function currentRun() {
  const found = storage.getStore();
  if (found) return found;
  if (live.size === 1) return live.values().next().value;
  if (!live.size && !isDeployed()) return NO_RUN;
  throw new NoCurrentRun(live.size);
}
