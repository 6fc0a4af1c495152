/**
 * Which run an equal direct call attaches to, where no key tells: the numbered runs of one function and payload. A number
 * is begun only when the one before ended longer ago than the window, and who begins it is decided, as for any key, by
 * the conditional write of its head. The `slot` item is a hint, the last number begun; see invoke_once/handler/direct/slots.py.
 */
import { StoreUnavailable } from "../../errors.js";
import { DAY_S, isTerminal } from "../../life/head.js";
import { owned, RESERVED_KEYS, runId } from "../../life/keys.js";
import { sha } from "../../store/payloads.js";
import { logEvent } from "../log.js";
import { canonical } from "./canonical.js";

const HASH_CHARS = 22;

/** Begin the payload's next run (`register`, `run`), or `follow` the one that holds: live, or ended within the window. */
export async function enter(rt, { tenant, name, event, windowMs }, { register, run, follow }) {
  const hash = sha(Buffer.from(canonical(event)));
  const slotId = `slot_${owned(name, [tenant, name, hash])}`;
  const keyOf = (number) => `${RESERVED_KEYS}${hash.slice(0, HASH_CHARS)}:${number}`;
  let number = (await rt.store.part(slotId, "slot"))?.sequence ?? 0;
  let held = number ? await rt.store.get(runId(tenant, name, keyOf(number)), rt.now()) : null;
  while (!held || (isTerminal(held) && (held.finished_at ?? 0) + windowMs < rt.now())) {
    number += 1;
    const result = await register(keyOf(number));
    held = result.head;
    if (result.applied) {
      await hint(rt, slotId, number);
      return run(result.head);
    }
  }
  return follow(held);
}

/** Move the hint forward, never back. Without it the next caller counts one further; so it may fail. */
async function hint(rt, slotId, number) {
  const item = { run_id: slotId, part: "slot", sequence: number, expires_at: Math.floor(rt.now() / 1_000) + rt.policy.retentionS + 2 * DAY_S };
  const behind = ["OR", ["missing", "sequence"], ["<", "sequence", number]];
  try {
    await rt.store.putPart({
      letter: "slot", run_id: slotId, part: "slot", guard: [{ name: "behind", condition: behind }], set: item, set_once: {},
      add: {}, remove: [], replace: true, mine: {},
    });
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    logEvent("slot_not_told", { reason: error.message });
  }
}
