/** What an attempt has to tell: progress, and its newest checkpoint, until a write carries them. */
import { hasState } from "../life/head.js";
import { move, NO_NEWER_STATE } from "../life/move.js";
import { refusedOnlyBy } from "../store/store.js";
import { textOf } from "../store/texts.js";

const MESSAGE_CHARS = 500;

export class Telling {
  #rt; #head; #mine; #beganMs; #deadlineMs;
  #pending = {}; #shown = {};
  checkpoints = null;

  constructor(rt, head, mine, beganMs, deadlineMs) {
    this.#rt = rt;
    this.#head = head;
    this.#mine = mine;
    this.#beganMs = beganMs;
    this.#deadlineMs = deadlineMs;
  }

  /** There is progress that no write has carried. */
  get pending() { return Object.keys(this.#pending).length > 0; }
  /** The same in the head's words. */
  get fields() { return asKept(this.#pending); }

  note(fraction, message) {
    if (fraction !== undefined && fraction !== null) {
      if (typeof fraction !== "number" || !Number.isFinite(fraction)) throw new RangeError("progress takes a fraction from 0 to 1");
      this.#pending.fraction = Math.round(Math.min(Math.max(fraction, 0), 1) * 10_000) / 10_000;
    }
    if (message !== undefined && message !== null) this.#pending.message = textOf(message, MESSAGE_CHARS);
  }

  /** What an earlier leg or attempt has kept is read; before the body, where there is any. */
  async ready() {
    if (this.checkpoints) return;
    const { Checkpoints } = await import("./checkpoints.js");
    const made = new Checkpoints(this.#rt.payloads, this.#head, this.#beganMs, this.#deadlineMs);
    if (hasState(this.#head)) await this.#rt.keepTrying(() => made.load(), this.#deadlineMs, () => {});
    this.checkpoints ??= made;
  }

  /** Write what is pending; null: nothing is. A beat (`leaseUntil`) carries no checkpoint: it must not wait for where that goes. */
  async write(leaseUntil) {
    const { fraction = null, message = null } = this.#pending, told = this.fields;
    this.#pending = {};
    const state = leaseUntil === null ? await this.state(false, told) : null;
    if (fraction === null && message === null && leaseUntil === null && !state) return null;
    const result = await this.apply("progress", { mine: this.#mine, fraction, message, lease_until: leaseUntil }, state);
    Object.assign(this.#shown, told);
    return result;
  }

  /** The pending checkpoint as a move carries it; null: there is none, or, with `headOnly`, it does not fit the head. */
  async state(headOnly, told = this.fields) {
    return (await this.checkpoints?.write({ ...this.#shown, ...told }, headOnly)) ?? null;
  }

  /** The move with its checkpoint; without, where a newer one is kept. */
  async apply(name, given, state) {
    let result = await this.#rt.store.apply(move(name, { ...given, state }));
    if (refusedOnlyBy(result, NO_NEWER_STATE)) result = await this.#rt.store.apply(move(name, { ...given, state: null }));
    if (result.applied) this.checkpoints?.wrote(state);
    return result;
  }

  drop() {
    this.#pending = {};
    this.checkpoints?.drop();
  }
}

function asKept({ fraction, message }) {
  return { ...(fraction === undefined ? {} : { progress: fraction }), ...(message === undefined ? {} : { message }) };
}
