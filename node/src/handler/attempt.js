/** One attempt at one run, from the claim to the recorded outcome. Every write it makes is fenced by its lease. */
import { AttemptSuperseded, PayloadTooLarge, RunCancelled, StoreUnavailable } from "../errors.js";
import { backoffMs, mayRetry } from "../life/due.js";
import { isTerminal, LEASE_GRACE_MS } from "../life/head.js";
import { fence, move, newToken, NOT_CANCELLED } from "../life/move.js";
import { errorOf } from "../store/payloads.js";
import { refusedOnlyBy } from "../store/store.js";
import { textOf } from "../store/texts.js";
import { logEvent } from "./log.js";
import { failed, outOfTime } from "./outcomes.js";

const TELL_EVERY_MS = 2_000;
const MESSAGE_CHARS = 500;

export class Attempt {
  #rt; #head; #mine; #deadlineMs; #beganMs; #toldMs; #lookedMs;
  #pending = {};
  #writing = Promise.resolve();
  #cancelled; #superseded = false;
  #settled;
  #abort; #polling;

  constructor(rt, head, deadlineMs, tracestate = null) {
    this.tracestate = tracestate;
    this.#rt = rt;
    this.#head = head;
    this.#mine = fence(head);
    this.#deadlineMs = deadlineMs;
    this.#beganMs = this.#lookedMs = rt.now();
    this.#toldMs = this.#beganMs - TELL_EVERY_MS;
    this.#cancelled = head.cancel_requested;
  }

  get id() { return this.#head.run_id; }
  get attempt() { return this.#head.attempt; }
  get function() { return this.#head.function; }
  get tenant() { return this.#head.tenant; }
  /** Of the request that started it (W3C Trace Context): the parent of what the handler traces. */
  get traceparent() { return this.#head.traceparent ?? null; }

  /** Somebody asked to cancel, as far as is known. Looked up, in the background, at most every 2 s. */
  get cancelRequested() {
    if (!this.#cancelled) this.#lookSometimes();
    return this.#cancelled;
  }

  /** Aborted after a cancel, or when another attempt has taken over. From its first use on the run is looked at every 2 s. */
  get signal() {
    if (!this.#abort) {
      this.#abort = new AbortController();
      this.#polling = setInterval(() => this.#lookSometimes(), TELL_EVERY_MS).unref();
      this.#tellSignal();
    }
    return this.#abort.signal;
  }

  /** Tell how far the run is: a fraction from 0 to 1, a message. As often as you like: one write per 2 s. */
  progress(fraction, message) {
    if (fraction !== undefined && fraction !== null) {
      if (typeof fraction !== "number" || !Number.isFinite(fraction)) throw new RangeError("progress takes a fraction from 0 to 1");
      this.#pending.fraction = Math.round(Math.min(Math.max(fraction, 0), 1) * 10_000) / 10_000;
    }
    if (message !== undefined && message !== null) this.#pending.message = textOf(message, MESSAGE_CHARS);
    if (Object.keys(this.#pending).length && this.#rt.now() - this.#toldMs >= TELL_EVERY_MS) this.#inBackground(this.#tell());
  }

  /** Throws `RunCancelled` after a cancel, `AttemptSuperseded` when another attempt has taken over. Asks at most every 2 s. */
  async check() {
    if (!this.#cancelled && !this.#superseded) await this.#lookSometimes();
    if (this.#superseded) throw new AttemptSuperseded();
    if (this.#cancelled) throw new RunCancelled();
  }

  /** Say that the attempt lives: the lease goes on, never beyond the attempt's own deadline. */
  async beat(leaseMs) {
    await this.#tell(Math.min(this.#rt.now() + leaseMs, this.#deadlineMs) + LEASE_GRACE_MS);
  }

  /** Lambda is about to kill the attempt. Where it does not, the process ends itself: a body that went on beside the next attempt would be a second one. */
  async runOut(seconds) {
    if (this.#settled) return;
    try {
      await this.settle(outOfTime(seconds));
    } finally {
      if (this.#rt.endProcess) {
        logEvent("process_ended", { run_id: this.id, attempt: this.attempt, reason: "timed out" });
        this.#rt.endProcess(1);
      }
    }
  }

  /**
   * Record the outcome, once: the watchdog and the body's end may both come here, the first one counts. Tries again
   * while DynamoDB or S3 is away, until the lease ends; then throws `StoreUnavailable`.
   */
  settle(outcome) {
    this.#settled ??= this.#settle(outcome);
    return this.#settled;
  }

  /** No write of this attempt is under way any more. */
  async quiet() {
    clearInterval(this.#polling);
    await this.#writing;
  }

  #inBackground(work) {
    this.#writing = Promise.allSettled([this.#writing, work]);
    return work;
  }

  async #tell(leaseUntil = null) {
    const told = this.#pending;
    this.#pending = {};
    this.#toldMs = this.#lookedMs = this.#rt.now();
    try {
      const given = { mine: this.#mine, fraction: told.fraction ?? null, message: told.message ?? null, lease_until: leaseUntil };
      const result = await this.#rt.store.apply(move("progress", given));
      this.#see(result.applied ? result.head : null);
    } catch (error) {
      logEvent("progress_not_told", { run_id: this.id, attempt: this.attempt, reason: textOf(error?.message) });
    }
  }

  #lookSometimes() {
    if (this.#settled || this.#rt.now() - this.#lookedMs < TELL_EVERY_MS) return this.#writing;
    return this.#inBackground(this.#look());
  }

  async #look() {
    this.#lookedMs = this.#rt.now();
    try {
      const head = await this.#rt.store.get(this.id, this.#lookedMs, { consistent: false });
      if (head && head.attempt >= this.attempt) this.#see(head.lease_id === this.#head.lease_id && !isTerminal(head) ? head : null);
    } catch {
      // the next look comes
    }
  }

  /** Take in what a write or a read showed; null: this attempt is no longer the run's. */
  #see(head) {
    if (this.#settled) return;
    this.#superseded = head === null;
    this.#cancelled ||= Boolean(head?.cancel_requested);
    this.#tellSignal();
  }

  #tellSignal() {
    if (this.#superseded) this.#abort?.abort(new AttemptSuperseded());
    else if (this.#cancelled) this.#abort?.abort(new RunCancelled());
  }

  async #settle(outcome) {
    clearInterval(this.#polling);
    const token = newToken();
    const result = await this.#recordSomehow(outcome, token);
    this.#report(result, outcome);
    return result;
  }

  async #recordSomehow(outcome, token) {
    try {
      return await this.#keepRecording(outcome, token);
    } catch (error) {
      if (error instanceof PayloadTooLarge) return this.#keepRecording(failed("OutputTooLarge", error.message), token);
      if (!(error instanceof StoreUnavailable && error.forGood)) throw error;
      return this.#recordLess(outcome, token, error.message);
    }
  }

  /** Part of the outcome was refused for good: without what may be missing, then with the refusal in its place. */
  async #recordLess(outcome, token, why) {
    if (Object.keys(this.#pending).length) {
      this.#pending = {};
      try {
        return await this.#keepRecording(outcome, token);
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error;
        why = error.message;
      }
    }
    return this.#keepRecording(failed(outcome.errorType ?? "OutputNotKept", `the outcome could not be kept: ${why}`), token);
  }

  #keepRecording(outcome, token) {
    return this.#rt.keepTrying(() => this.#record(outcome, token), this.#deadlineMs + LEASE_GRACE_MS, (error) => {
      logEvent("outcome_delayed", { run_id: this.id, attempt: this.attempt, reason: error.message });
    });
  }

  async #record(outcome, token) {
    const { store } = this.#rt, nowMs = this.#rt.now();
    let status = outcome.status, ended = outcome;
    if (outcome.retriable && outcome.error && mayRetry(this.#head)) {
      const given = { mine: this.#mine, head: this.#head, not_before: this.#retryAt(outcome, nowMs), error: outcome.error, token, slot_until: this.#slotUntil(outcome) };
      const result = await store.apply(move("requeue", given));
      if (!refusedOnlyBy(result, NOT_CANCELLED)) return result;
      ended = { status: (status = "cancelled") };
    }
    const fields = await this.#fields(ended);
    return store.apply(move("finish", { mine: this.#mine, head: this.#head, status, now_ms: nowMs, fields, token }));
  }

  /** After the backoff; a timed-out body may go on until Lambda kills it, so not before that, on any clock. */
  #retryAt(outcome, nowMs) {
    const againMs = nowMs + backoffMs(this.#head, Math.random());
    return outcome.status === "timed_out" ? Math.max(againMs, this.#deadlineMs + LEASE_GRACE_MS) : againMs;
  }

  /** The watchdog's outcome comes before the body's end: until then a slot of a limit stays taken. */
  #slotUntil(outcome) {
    return this.#head.slot && outcome.status === "timed_out" ? this.#deadlineMs + LEASE_GRACE_MS : null;
  }

  async #fields(outcome) {
    const { output, error } = outcome, fields = {}, slotUntil = this.#slotUntil(outcome);
    if (slotUntil !== null) fields.slot_until = slotUntil;
    if (this.#pending.fraction !== undefined) fields.progress = this.#pending.fraction;
    if (this.#pending.message !== undefined) fields.message = this.#pending.message;
    if (output) return { ...fields, ...(await this.#rt.payloads.keepOutput(this.#head, output)) };
    return error ? { ...fields, error } : fields;
  }

  #report(result, outcome) {
    const about = { run_id: this.id, attempt: this.attempt, claim: this.#head.claim_token };
    if (!result.applied) {
      logEvent("outcome_refused", { ...about, outcome: outcome.status, winner: result.head?.status, because: result.arms }, { OutcomesRefused: 1 });
      return;
    }
    if (outcome.error) {
      const { type, message, trace } = errorOf({ error: outcome.error });
      logEvent("attempt_failed", { level: "ERROR", ...about, function: this.function, error_type: type, message, trace });
    }
    logEvent("attempt_ended", {
      ...about, function: this.function, outcome: outcome.status, run_status: result.head.status, error_type: outcome.errorType,
    }, { attempt_ms: this.#rt.now() - this.#beganMs, [`Ended_${result.head.status}`]: 1 });
  }
}
