/** How the outcome of an attempt is recorded: another leg, a retry, or the run's end; in one write, tried until the lease ends. */
import { PayloadTooLarge, StoreUnavailable } from "../errors.js";
import { backoffMs, mayRetry } from "../life/due.js";
import { LEASE_GRACE_MS } from "../life/head.js";
import { newToken, NEWER_STATE, NOT_CANCELLED } from "../life/move.js";
import { refusedOnlyBy } from "../store/store.js";
import { logEvent } from "./log.js";
import { failed, legsExhausted, outOfTime } from "./outcomes.js";

/** How long the end of an attempt waits for where a large checkpoint goes, while that is away. */
const STATE_PATIENCE_MS = 10_000;

export class Ending {
  #rt; #head; #mine; #beganMs; #deadlineMs; #telling;
  #token = newToken(); // kept over tries of this same write
  #stateUntilMs = 0;

  constructor(rt, head, mine, beganMs, deadlineMs, telling) {
    this.#rt = rt;
    this.#head = head;
    this.#mine = mine;
    this.#beganMs = beganMs;
    this.#deadlineMs = deadlineMs;
    this.#telling = telling;
  }

  /** Throws `StoreUnavailable` where DynamoDB or S3 is away until the lease ends. */
  async record(outcome) {
    try {
      return await this.#keepRecording(outcome);
    } catch (error) {
      if (error instanceof PayloadTooLarge) return this.#keepRecording(failed("OutputTooLarge", error.message));
      if (!(error instanceof StoreUnavailable && error.forGood)) throw error;
      return this.#recordLess(outcome, error.message);
    }
  }

  /** Part of the outcome was refused for good: without what may be missing, then with the refusal in its place. */
  async #recordLess(outcome, why) {
    if (this.#telling.pending || this.#telling.checkpoints?.pending) {
      this.#telling.drop();
      try {
        return await this.#keepRecording(outcome);
      } catch (error) {
        if (!(error instanceof StoreUnavailable)) throw error;
        why = error.message;
      }
    }
    return this.#keepRecording(failed(outcome.errorType ?? "OutputNotKept", `the outcome could not be kept: ${why}`));
  }

  #keepRecording(outcome) {
    return this.#rt.keepTrying(() => this.#record(outcome), this.#deadlineMs + LEASE_GRACE_MS, (error) => {
      logEvent("outcome_delayed", { run_id: this.#head.run_id, attempt: this.#head.attempt, reason: error.message });
    });
  }

  async #record(outcome) {
    const nowMs = this.#rt.now(), about = { mine: this.#mine, head: this.#head, token: this.#token };
    const state = await this.#stateToKeep(nowMs, outcome.status === "succeeded");
    let ended = outcome;
    if (this.#goesOn(outcome)) {
      const result = await this.#continue(outcome, state, nowMs);
      if (result.arms) return result;
      ended = result;
    }
    if (ended.retriable && ended.error && mayRetry(this.#head)) {
      const againMs = this.#notBefore(ended, nowMs + backoffMs(this.#head, this.#rt.random()));
      await this.#renew(againMs);
      const given = { ...about, not_before: againMs, error: ended.error, slot_until: this.#slotUntil(ended) };
      const result = await this.#telling.apply("requeue", given, state);
      if (!refusedOnlyBy(result, NOT_CANCELLED)) return result;
      ended = { status: "cancelled" };
    }
    const fields = await this.#fields(ended);
    return this.#telling.apply("finish", { ...about, status: ended.status, now_ms: nowMs, fields }, state);
  }

  /** Another leg is asked for; or its time is over, and its function goes on from a checkpoint then. */
  #goesOn({ status }) {
    return status === "queued" || (status === "timed_out" && this.#head.on_timeout === "continue" && Boolean(this.#telling.checkpoints?.newer));
  }

  /** Move W, or how the run ends where there is no other leg. */
  async #continue(outcome, state, nowMs) {
    const head = this.#head;
    if (head.leg >= head.max_legs) return legsExhausted(head.max_legs);
    const notBefore = this.#notBefore(outcome, nowMs + (outcome.afterMs ?? 0));
    await this.#renew(notBefore);
    const given = { head, not_before: notBefore, token: this.#token, asked: outcome.asked ?? false, told: this.#told(outcome) };
    const result = await this.#telling.apply("continue_later", given, state);
    if (result.applied || !result.arms.length || !result.arms.every((arm) => [NOT_CANCELLED, NEWER_STATE].includes(arm))) return result;
    return result.arms.includes(NOT_CANCELLED) ? { status: "cancelled" } : outOfTime((nowMs - this.#beganMs) / 1_000);
  }

  /** The pending checkpoint, for the write that ends this attempt. The outcome does not wait for long for it. */
  async #stateToKeep(nowMs, headOnly) {
    try {
      return await this.#telling.state(headOnly);
    } catch (error) {
      this.#stateUntilMs ||= Math.min(nowMs + STATE_PATIENCE_MS, this.#deadlineMs);
      if (nowMs < this.#stateUntilMs && !error.forGood) throw error;
      logEvent("checkpoint_not_kept", { run_id: this.#head.run_id, attempt: this.#head.attempt, reason: error.message });
      this.#telling.checkpoints.drop();
      return null;
    }
  }

  /** The input, and a state of its own, last until the next attempt or leg has ended. */
  async #renew(notBefore) {
    if (!this.#head.input_ref && !this.#telling.checkpoints && !this.#head.state_ref) return;
    const { outlives, renewInput } = await import("../store/states.js");
    const expiresAt = outlives(this.#head, notBefore);
    if (expiresAt === null) return;
    await renewInput(this.#rt.payloads, this.#head, expiresAt);
    await this.#telling.ready();
    await this.#telling.checkpoints.renew(expiresAt);
  }

  /** A timed-out body may go on until Lambda kills it, so not before that, on any clock. */
  #notBefore({ status }, atMs) {
    return status === "timed_out" ? Math.max(atMs, this.#deadlineMs + LEASE_GRACE_MS) : atMs;
  }

  /** The watchdog's outcome comes before the body's end: until then a slot of a limit stays taken. */
  #slotUntil({ status }) {
    return this.#head.slot && status === "timed_out" ? this.#deadlineMs + LEASE_GRACE_MS : null;
  }

  #told(outcome) {
    const slotUntil = this.#slotUntil(outcome);
    return { ...this.#telling.fields, ...(slotUntil === null ? {} : { slot_until: slotUntil }) };
  }

  async #fields(outcome) {
    const { output, error } = outcome, fields = this.#told(outcome);
    if (output) return { ...fields, ...(await this.#rt.payloads.keepOutput(this.#head, output)) };
    return error ? { ...fields, error } : fields;
  }
}
