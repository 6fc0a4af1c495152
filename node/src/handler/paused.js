/**
 * Whether a late event's function was paused meanwhile: Lambda's own queue, where it waited, knows nothing of that. Asked
 * for an event that is older than 5 s (`fired.js`), and then at most every 5 s. It is left unclaimed: its run stays
 * queued, and is held back when it is to be fired again.
 */
import { StoreUnavailable } from "../errors.js";
import { pauseId } from "../life/keys.js";
import { logEvent } from "./log.js";

const KEPT_MS = 5_000;
/** Of each runtime: function -> `[when it was asked, what was found]`. */
const known = new WeakMap();

/** For everybody. A pause of one tenant's runs is the service's to keep; without the table nobody knows. */
export async function isPaused(rt, name) {
  const nowMs = rt.now(), asked = known.get(rt) ?? new Map();
  const [atMs, found] = asked.get(name) ?? [-Infinity];
  if (atMs <= nowMs && nowMs < atMs + KEPT_MS) return found;
  const paused = await read(rt, name);
  known.set(rt, asked.set(name, [nowMs, paused]));
  return paused;
}

async function read(rt, name) {
  try {
    const item = await rt.store.part(pauseId(name), "pause", { consistent: false });
    return Boolean(item) && JSON.parse(item.pauses)["*"]?.since != null;
  } catch (error) {
    if (!(error instanceof StoreUnavailable)) throw error;
    logEvent("pause_not_known", { function: name, reason: error.message });
    return false;
  }
}
