/** One attempt at one run, from the claim to the recorded outcome. Every write it makes is fenced by its lease. */
import { AttemptSuperseded, ContinueLater, RunCancelled } from "../errors.js";
import { attemptNumber, isTerminal, LEASE_GRACE_MS } from "../life/head.js";
import { fence } from "../life/move.js";
import { textOf } from "../store/texts.js";
import { Ending } from "./ending.js";
import { logEvent } from "./log.js";
import { outOfTime } from "./outcomes.js";
import { report } from "./report.js";
import { Telling } from "./telling.js";

const TELL_EVERY_MS = 2_000;
const LONGEST_SLEEP_S = 7 * 86_400;

export class Attempt {
  #rt; #head; #deadlineMs; #beganMs; #toldMs; #lookedMs;
  #telling; #ending;
  #writing = Promise.resolve();
  #cancelled; #superseded = false;
  #settled;
  #abort; #polling;

  constructor(rt, head, deadlineMs, tracestate = null) {
    this.tracestate = tracestate;
    this.#rt = rt;
    this.#head = head;
    this.#deadlineMs = deadlineMs;
    this.#beganMs = this.#lookedMs = rt.now();
    this.#toldMs = this.#beganMs - TELL_EVERY_MS;
    this.#cancelled = head.cancel_requested;
    this.#telling = new Telling(rt, head, fence(head), this.#beganMs, deadlineMs);
    this.#ending = new Ending(rt, head, fence(head), this.#beganMs, deadlineMs, this.#telling);
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
    const { checkpoints } = this.#telling;
    if (checkpoints?.lost) throw checkpoints.lost;
    return checkpoints?.text ? JSON.parse(checkpoints.text.toString()) : null;
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
    this.#telling.note(fraction, message);
    if (this.#telling.pending && this.#rt.now() - this.#toldMs >= TELL_EVERY_MS) this.#inBackground(this.#tell());
  }

  /**
   * Keep `state`, any JSON to 256 KB: another leg, a retry and a redrive begin with it. As often as you like: one write
   * per 2 s, and the newest is written when the leg ends. `now`: await it, it is written then. Where the function has
   * `on_timeout = "continue"`, it throws `ContinueLater` when the time left would not do for another stretch of work.
   * One that nobody awaits cannot end the leg: then the watchdog does, and the process lives.
   */
  checkpoint(state, fraction, message, options) {
    const kept = new Promise((resolve, reject) => {
      this.#checkpoint(state, fraction, message, options).then((legIsOver) => {
        if (!legIsOver) return resolve();
        kept.catch(() => {});
        return reject(new ContinueLater(0, false));
      }, reject);
    });
    return kept;
  }

  async #checkpoint(state, fraction, message, { now = false } = {}) {
    this.#telling.note(fraction, message);
    const nowMs = this.#rt.now();
    await this.ready();
    const { checkpoints } = this.#telling;
    checkpoints.make(state, nowMs);
    if (this.#head.on_timeout === "continue" && checkpoints.isLegOver(nowMs)) return true;
    if (now) await this.#inBackground(this.#tell(null, true));
    else if (nowMs - this.#toldMs >= TELL_EVERY_MS) this.#inBackground(this.#tell());
    if (now && this.#superseded) throw new AttemptSuperseded();
    return false;
  }

  /** End this leg: throws `ContinueLater`, which the handler lets pass. Another one begins after so many seconds, with the state. */
  continueLater(after = 0) {
    if (typeof after !== "number" || !(after >= 0 && after <= LONGEST_SLEEP_S)) throw new RangeError("continueLater takes seconds, from 0 to seven days");
    throw new ContinueLater(after * 1_000);
  }

  /** What an earlier leg or attempt has kept is read. */
  ready() { return this.#telling.ready(); }

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

  async #tell(leaseUntil = null, strict = false) {
    this.#toldMs = this.#lookedMs = this.#rt.now();
    try {
      const result = await this.#telling.write(leaseUntil);
      if (result) this.#see(result.applied ? result.head : null);
    } catch (error) {
      if (strict) throw error;
      logEvent("progress_not_told", { run_id: this.id, attempt: this.#head.attempt, reason: textOf(error?.message) });
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
    const result = await this.#ending.record(outcome);
    report(this.#head, result, outcome, this.#rt.now() - this.#beganMs);
    return result;
  }
}
