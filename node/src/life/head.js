/** A run's head: its stored item, with what a reader fills in. The legend of its fields is invoke_once/life/head.py. */
import data from "./moves.data.js";

const { fields, defaults, compared } = data.head;
const KNOWN = new Set(fields);
const COMPARED = new Set(compared);
export const TERMINAL = new Set(data.statuses.terminal);
export const { day_s: DAY_S, lease_grace_ms: LEASE_GRACE_MS, first_look_ms: FIRST_LOOK_MS, last_look_ms: LAST_LOOK_MS } = data.times;

/** The head that an item is; fields of a later version are left out. */
export function headOf(item) {
  const head = { ...defaults };
  for (const [name, value] of Object.entries(item)) if (value !== null && value !== undefined && KNOWN.has(name)) head[name] = value;
  return head;
}

/** `values` without what a reader fills in anyway: a shorter head costs less. */
export function toItem(values) {
  const item = {};
  for (const [name, value] of Object.entries(values)) {
    if (value === null || value === undefined) continue;
    if (name === "part" || COMPARED.has(name) || value !== defaults[name]) item[name] = value;
  }
  return item;
}

/** The attempt as people count it: a run that goes on in another leg is still at the same one. */
export const attemptNumber = (head) => head.attempt - head.legs + (head.between_legs ? 1 : 0);
/** Whether an earlier leg or attempt has kept a checkpoint. */
export const hasState = (head) => head.state_seq !== undefined && head.state_seq !== null;
export const isTerminal = (head) => TERMINAL.has(head.status);
export const isExpiredAt = (head, nowMs) => head.expires_at * 1000 <= nowMs;
