/** The only writer of runs, and their reader. One move is one conditional write; nothing here decides anything. */
import { headOf, isExpiredAt } from "../life/head.js";
import { refusing } from "../life/move.js";

export class Store {
  #engine;

  /** `engine`: a `DynamoTable`, or a `MemoryTable`. */
  constructor(engine) {
    this.#engine = engine;
  }

  /**
   * Make a move of the head, or learn who won instead: `{ applied, head, arms }`. Never reads: a refusal carries the
   * item. A write that the SDK repeated after a lost response is recognised as this very one.
   */
  async apply(move) {
    const { item, found } = await this.#engine.write(move);
    if (item) return { applied: true, head: headOf(item), arms: [] };
    if (wroteItBefore(move, found)) return { applied: true, repeated: true, head: headOf(found), arms: [] };
    return { applied: false, head: Object.keys(found).length ? headOf(found) : null, arms: refusing(move, found) };
  }

  /** Put another item of the run's collection: an input, a slot. */
  async putPart(move) {
    return this.#engine.write(move);
  }

  /** The run, or null: also when its retention is over and TTL has not deleted it yet. */
  async get(runId, nowMs, options) {
    const item = await this.#engine.get(runId, "head", options);
    const head = item && headOf(item);
    return head && !isExpiredAt(head, nowMs) ? head : null;
  }

  async part(runId, part, options) {
    return this.#engine.get(runId, part, options);
  }

  async warm() {
    await this.#engine.warm?.();
  }
}

/** Whether `arm` alone refused it: everything else would have allowed the move. */
export const refusedOnlyBy = (result, arm) => !result.applied && result.arms.length === 1 && result.arms[0] === arm;

function wroteItBefore(move, found) {
  const mine = Object.entries(move.mine ?? {});
  return mine.length > 0 && mine.every(([name, value]) => found[name] === value);
}
