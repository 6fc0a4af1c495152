/**
 * The errors of the client.
 *
 *     OnceError
 *       ConfigurationError       no URL, or one that is none
 *       ServiceUnreachable       no answer over several tries; `idempotencyKey` after a start
 *       Refused                  the service said no: `status`, `type`, `detail`, `errors`
 *       WaitTimeout              the time to wait is over; the run goes on
 *       RunEnded                 `result()` of a run that did not succeed; `run` is its document
 *         RunFailed, RunTimedOut, RunCancelled, RunExpired
 *       BatchFailed              `results()` of a batch in which a run did not succeed; `result` is that one's
 */
export class OnceError extends Error {
  constructor(message, more = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = new.target.name;
    const { cause, ...rest } = more;
    Object.assign(this, rest);
  }
}
export class ConfigurationError extends OnceError {}
export class ServiceUnreachable extends OnceError {}
export class Refused extends OnceError {}
export class WaitTimeout extends OnceError {}
export class RunEnded extends OnceError {}
export class RunFailed extends RunEnded {}
export class RunTimedOut extends RunEnded {}
export class RunCancelled extends RunEnded {}
export class RunExpired extends RunEnded {}
export class BatchFailed extends OnceError {}

const ENDINGS = { failed: RunFailed, timed_out: RunTimedOut, cancelled: RunCancelled, expired: RunExpired };

/** The error for a run that ended without success. */
export function ended(run) {
  const why = run.error ? `: ${run.error.type}: ${run.error.message}` : "";
  return new (ENDINGS[run.status] ?? RunEnded)(`${run.id} ${run.status.replace("_", " ")}${why}`, { run });
}
