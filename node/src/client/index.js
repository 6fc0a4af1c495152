export { Once } from "./once.js";
export { Run } from "./run.js";
export { Batch } from "./batch.js";
export { Bulk } from "./bulk.js";
export {
  BatchFailed, ConfigurationError, OnceError, Refused, RunCancelled, RunEnded, RunExpired, RunFailed, RunTimedOut,
  ServiceUnreachable, WaitTimeout,
} from "./errors.js";
