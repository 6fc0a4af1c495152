/** The checkpoints of one attempt: the newest, whether it is kept, and when the leg has to end. Loaded by the first one. */
import { CheckpointTooLarge, PayloadCorrupt } from "../errors.js";
import { keep, MAX_STATE_BYTES, read, renew } from "../store/states.js";
import { jsonText } from "./outcomes.js";
import { marginMs } from "./watchdog.js";

/** A stretch of work may take this much longer than the longest one so far. */
const STRETCH = 1.25;

export class Checkpoints {
  #payloads; #head; #deadlineMs; #marginMs; #seq; #lastMs; #ready;
  #longestMs = 0;
  pending = null;
  kept = false; // one of this attempt is in the table
  text = null; // of the newest one, of this attempt or an earlier one
  lost = null; // why it cannot be read

  constructor(payloads, head, beganMs, deadlineMs) {
    this.#payloads = payloads;
    this.#head = head;
    this.#deadlineMs = deadlineMs;
    this.#marginMs = marginMs(deadlineMs - beganMs);
    this.#seq = head.state_seq ?? 0;
    this.#lastMs = beganMs;
  }

  /** What an earlier leg or attempt has kept. */
  async load() {
    try {
      this.text ??= await read(this.#payloads, this.#head);
    } catch (error) {
      if (!(error instanceof PayloadCorrupt)) throw error;
      this.lost = error;
    }
  }

  /** There is one of this attempt. */
  get newer() { return this.kept || this.pending !== null; }

  /** What is changed in `state` afterwards is not in it. Throws `CheckpointTooLarge`, `NotSerializable`; the one before stays. */
  make(state, nowMs) {
    const text = jsonText(state, "state");
    if (text.length > MAX_STATE_BYTES) throw new CheckpointTooLarge(`the state has ${text.length} bytes; the limit is ${MAX_STATE_BYTES}`);
    this.#seq += 1;
    [this.text, this.lost] = [text, null];
    this.pending = { seq: this.#seq, text, atMs: nowMs };
    this.#longestMs = Math.max(this.#longestMs, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
  }

  /** Another stretch of work might not end before the watchdog has to act. */
  isLegOver(nowMs) { return this.#deadlineMs - nowMs < this.#marginMs + STRETCH * this.#longestMs; }

  /** The pending one as a move carries it; what does not fit the head is put where it fits, once. */
  async write(told, headOnly = false) {
    const made = this.pending;
    if (!made) return null;
    if (this.#ready?.seq !== made.seq) {
      const fields = await keep(this.#payloads, this.#head, made, told, headOnly);
      if (!fields) return null;
      this.#ready = { seq: made.seq, fields };
    }
    return this.#ready;
  }

  /** `state`, or a newer one of this attempt, is in the table. */
  wrote(state) {
    if (!state) return;
    this.kept = true;
    if (this.pending && this.pending.seq <= state.seq) this.pending = null;
  }

  drop() { this.pending = null; }

  /** Let the state that the next leg begins with live as long as the run will. */
  async renew(expiresAt) {
    await renew(this.#payloads, this.#ready ? { ...this.#head, state_ref: this.#ready.fields.state_ref } : this.#head, expiresAt);
  }
}
