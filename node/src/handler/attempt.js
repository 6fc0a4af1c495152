/** One attempt at one run, from the claim to the recorded outcome. Every write it makes is fenced by its lease. */
import { AttemptSuperseded, ContinueLater, PayloadTooLarge, RunCancelled, StoreUnavailable } from "../errors.js";
import { backoffMs, mayRetry } from "../life/due.js";
import { attemptNumber, isTerminal, LEASE_GRACE_MS } from "../life/head.js";
import { fence, move, newToken, NEWER_STATE, NO_NEWER_STATE, NOT_CANCELLED } from "../life/move.js";
import { refusedOnlyBy } from "../store/store.js";
import { textOf } from "../store/texts.js";
import { logEvent } from "./log.js";
import { failed, legsExhausted, outOfTime } from "./outcomes.js";
import { report } from "./report.js";

const TELL_EVERY_MS = 2_000;
const MESSAGE_CHARS = 500;
const LONGEST_SLEEP_S = 7 * 86_400;
/** How long the end of an attempt waits for where a large checkpoint goes, while that is away. */
const STATE_PATIENCE_MS = 10_000;

export class Attempt {
  #rt; #head; #mine; #deadlineMs; #beganMs; #toldMs; #lookedMs;
  #pending = {};
  #writing = Promise.resolve();
  #cancelled; #superseded = false;
  #settled;
  #checkpoints = null; #stateUntilMs = 0; #shown = {};
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
  get attempt() { return attemptNumber(this.#head); }
  get function() { return this.#head.function; }
  get tenant() { return this.#head.tenant; }
  /** Of the request that started it (W3C Trace Context): the parent of what the handler traces. */
  get traceparent() { return this.#head.traceparent ?? null; }

  /** Which leg this is, from 1. */
  get leg() { return this.#head.leg; }
  /** Seconds until Lambda ends this leg. */
  get timeLeft() { return Math.max(this.#deadlineMs - this.#rt.now(), 0) / 1_000; }

  /** What the newest checkpoint has, of this leg, an earlier one or an earlier attempt: a new value each time. null: there is none. */
  get state() {
    if (this.#checkpoints?.lost) throw this.#checkpoints.lost;
    return this.#checkpoints?.text ? JSON.parse(this.#checkpoints.text.toString()) : null;
  }

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
    this.#note(fraction, message);
    if (Object.keys(this.#pending).length && this.#rt.now() - this.#toldMs >= TELL_EVERY_MS) this.#inBackground(this.#tell());
  }

  #note(fraction, message) {
    if (fraction !== undefined && fraction !== null) {
      if (typeof fraction !== "number" || !Number.isFinite(fraction)) throw new RangeError("progress takes a fraction from 0 to 1");
      this.#pending.fraction = Math.round(Math.min(Math.max(fraction, 0), 1) * 10_000) / 10_000;
    }
    if (message !== undefined && message !== null) this.#pending.message = textOf(message, MESSAGE_CHARS);
  }

  /**
   * Keep `state`, any JSON to 256 KB: another leg, a retry and a redrive begin with it. As often as you like: one write
   * per 2 s, and the newest is written when the leg ends. `now`: await it, it is written then. Where the function has
   * `on_timeout = "continue"`, it throws `ContinueLater` when the time left would not do for another stretch of work.
   */
  async checkpoint(state, fraction, message, { now = false } = {}) {
    this.#note(fraction, message);
    const nowMs = this.#rt.now();
    await this.ready();
    this.#checkpoints.make(state, nowMs);
    if (this.#head.on_timeout === "continue" && this.#checkpoints.isLegOver(nowMs)) throw new ContinueLater(0, false);
    if (now) await this.#inBackground(this.#tell(null, true));
    else if (nowMs - this.#toldMs >= TELL_EVERY_MS) this.#inBackground(this.#tell());
    if (now && this.#superseded) throw new AttemptSuperseded();
  }

  /** End this leg: throws `ContinueLater`, which the handler lets pass. Another one begins after so many seconds, with the state. */
  continueLater(after = 0) {
    if (typeof after !== "number" || !(after >= 0 && after <= LONGEST_SLEEP_S)) throw new RangeError("continueLater takes seconds, from 0 to seven days");
    throw new ContinueLater(after * 1_000);
  }

  /** What an earlier leg or attempt has kept is read; before the body, where there is any. */
  async ready() {
    if (this.#checkpoints) return;
    const { Checkpoints } = await import("./checkpoints.js");
    const made = new Checkpoints(this.#rt.payloads, this.#head, this.#beganMs, this.#deadlineMs);
    if (hasState(this.#head)) await this.#rt.keepTrying(() => made.load(), this.#deadlineMs, () => {});
    this.#checkpoints ??= made;
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
        logEvent("process_ended", { run_id: this.id, attempt: this.#head.attempt, reason: "timed out" });
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

  /** Write what is pending. A beat carries no checkpoint: it must not wait for where that goes. */
  async #tell(leaseUntil = null, strict = false) {
    const told = this.#pending, made = leaseUntil === null ? this.#checkpoints : null;
    this.#pending = {};
    this.#toldMs = this.#lookedMs = this.#rt.now();
    try {
      const given = { mine: this.#mine, fraction: told.fraction ?? null, message: told.message ?? null, lease_until: leaseUntil };
      const state = (await made?.write({ ...this.#shown, ...asKept(told) })) ?? null;
      if (given.fraction === null && given.message === null && leaseUntil === null && !state) return;
      const result = await this.#apply("progress", given, state);
      Object.assign(this.#shown, asKept(told));
      this.#see(result.applied ? result.head : null);
    } catch (error) {
      if (strict) throw error;
      logEvent("progress_not_told", { run_id: this.id, attempt: this.#head.attempt, reason: textOf(error?.message) });
    }
  }

  /** The move with its checkpoint; without, where a newer one is kept. */
  async #apply(name, given, state) {
    let result = await this.#rt.store.apply(move(name, { ...given, state }));
    if (refusedOnlyBy(result, NO_NEWER_STATE)) result = await this.#rt.store.apply(move(name, { ...given, state: null }));
    if (result.applied) this.#checkpoints?.wrote(state);
    return result;
  }

  #lookSometimes() {
    if (this.#settled || this.#rt.now() - this.#lookedMs < TELL_EVERY_MS) return this.#writing;
    return this.#inBackground(this.#look());
  }

  async #look() {
    this.#lookedMs = this.#rt.now();
    try {
      const head = await this.#rt.store.get(this.id, this.#lookedMs, { consistent: false });
      if (head && head.attempt >= this.#head.attempt) this.#see(head.lease_id === this.#head.lease_id && !isTerminal(head) ? head : null);
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
    report(this.#head, result, outcome, this.#rt.now() - this.#beganMs);
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
    if (Object.keys(this.#pending).length || this.#checkpoints?.pending) {
      this.#pending = {};
      this.#checkpoints?.drop();
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
      logEvent("outcome_delayed", { run_id: this.id, attempt: this.#head.attempt, reason: error.message });
    });
  }

  async #record(outcome, token) {
    const nowMs = this.#rt.now(), about = { mine: this.#mine, head: this.#head, token };
    const state = await this.#stateToKeep(nowMs, outcome.status === "succeeded");
    let ended = outcome;
    if (this.#goesOn(outcome)) {
      const result = await this.#continue(outcome, state, nowMs, token);
      if (result.arms) return result;
      ended = result;
    }
    if (ended.retriable && ended.error && mayRetry(this.#head)) {
      const againMs = this.#notBefore(ended, nowMs + backoffMs(this.#head, Math.random()));
      await this.#renew(againMs);
      const given = { ...about, not_before: againMs, error: ended.error, slot_until: this.#slotUntil(ended) };
      const result = await this.#apply("requeue", given, state);
      if (!refusedOnlyBy(result, NOT_CANCELLED)) return result;
      ended = { status: "cancelled" };
    }
    const fields = await this.#fields(ended);
    return this.#apply("finish", { ...about, status: ended.status, now_ms: nowMs, fields }, state);
  }

  /** Another leg is asked for; or its time is over, and its function goes on from a checkpoint then. */
  #goesOn({ status }) {
    return status === "queued" || (status === "timed_out" && this.#head.on_timeout === "continue" && Boolean(this.#checkpoints?.newer));
  }

  /** Move W, or how the run ends where there is no other leg. */
  async #continue(outcome, state, nowMs, token) {
    const head = this.#head;
    if (head.leg >= head.max_legs) return legsExhausted(head.max_legs);
    const notBefore = this.#notBefore(outcome, nowMs + (outcome.afterMs ?? 0));
    await this.#renew(notBefore);
    const slotUntil = this.#slotUntil(outcome), told = { ...asKept(this.#pending), ...(slotUntil === null ? {} : { slot_until: slotUntil }) };
    const result = await this.#apply("continue_later", { head, not_before: notBefore, token, asked: outcome.asked ?? false, told }, state);
    if (result.applied || !result.arms.length || !result.arms.every((arm) => [NOT_CANCELLED, NEWER_STATE].includes(arm))) return result;
    return result.arms.includes(NOT_CANCELLED) ? { status: "cancelled" } : outOfTime((nowMs - this.#beganMs) / 1_000);
  }

  /** The pending checkpoint, for the write that ends this attempt. The outcome does not wait for long for it. */
  async #stateToKeep(nowMs, headOnly) {
    try {
      return (await this.#checkpoints?.write({ ...this.#shown, ...asKept(this.#pending) }, headOnly)) ?? null;
    } catch (error) {
      this.#stateUntilMs ||= Math.min(nowMs + STATE_PATIENCE_MS, this.#deadlineMs);
      if (nowMs < this.#stateUntilMs && !error.forGood) throw error;
      logEvent("checkpoint_not_kept", { run_id: this.id, attempt: this.#head.attempt, reason: error.message });
      this.#checkpoints.drop();
      return null;
    }
  }

  /** The input, and a state of its own, last until the next attempt or leg has ended. */
  async #renew(notBefore) {
    if (!this.#head.input_ref && !this.#checkpoints && !this.#head.state_ref) return;
    const { outlives, renewInput } = await import("../store/states.js");
    const expiresAt = outlives(this.#head, notBefore);
    if (expiresAt === null) return;
    await renewInput(this.#rt.payloads, this.#head, expiresAt);
    await this.ready();
    await this.#checkpoints.renew(expiresAt);
  }

  /** A timed-out body may go on until Lambda kills it, so not before that, on any clock. */
  #notBefore({ status }, atMs) {
    return status === "timed_out" ? Math.max(atMs, this.#deadlineMs + LEASE_GRACE_MS) : atMs;
  }

  /** The watchdog's outcome comes before the body's end: until then a slot of a limit stays taken. */
  #slotUntil(outcome) {
    return this.#head.slot && outcome.status === "timed_out" ? this.#deadlineMs + LEASE_GRACE_MS : null;
  }

  async #fields(outcome) {
    const { output, error } = outcome, fields = asKept(this.#pending), slotUntil = this.#slotUntil(outcome);
    if (slotUntil !== null) fields.slot_until = slotUntil;
    if (output) return { ...fields, ...(await this.#rt.payloads.keepOutput(this.#head, output)) };
    return error ? { ...fields, error } : fields;
  }
}

/** Whether an earlier leg or attempt has kept a checkpoint. */
export const hasState = (head) => head.state_seq !== undefined && head.state_seq !== null;

/** Progress in the head's words. */
function asKept({ fraction, message }) {
  return { ...(fraction === undefined ? {} : { progress: fraction }), ...(message === undefined ? {} : { message }) };
}
