/**
 * The moves: who may change a run, from where, with which token. They are Python's (invoke_once/life/moves), exported as
 * data, in which an arm or a value has a number; here they are filled in. A move is one conditional write; `store.js` makes it.
 */
import { randomBytes } from "node:crypto";

import { holds } from "./conditions.js";
import { attemptNumber, toItem } from "./head.js";
import { base32, dueShard, runId, tenantShard } from "./keys.js";
import data from "./moves.data.js";

const { arms: ARMS, values: VALUES, removed: REMOVED, questions: QUESTIONS } = data.tables;
const CALLS = { attempt_number: attemptNumber, run_id: runId, due_shard: dueShard, tenant_shard: tenantShard };
/** The arm that refuses a way back to the queue; whoever meets it ends the run cancelled instead. */
export const NOT_CANCELLED = data.arms.not_cancelled;
/** The arm that refuses a checkpoint where a newer one is kept, and the one that refuses a leg which would get nowhere. */
export const { no_newer_state: NO_NEWER_STATE, newer_state: NEWER_STATE } = data.arms;

/** 13 characters, 64 random bits: a lease, a generation, a settling write. */
export const newToken = () => base32(randomBytes(8));
export const fence = (head) => ({ run_id: head.run_id, attempt: head.attempt, lease_id: head.lease_id ?? "" });

/** The move `name` with these arguments, which are those of the Python function of the same name. */
export function move(name, given, token = newToken) {
  const made = filled(data.moves[name], given, token);
  if (!given.state) return made;
  const kept = filled(data.carried, given, token); // a checkpoint, which the move writes too
  return { ...made, guard: [...made.guard, ...kept.guard], set: { ...made.set, ...kept.set }, remove: [...made.remove, ...kept.remove] };
}

function filled({ choose, moves }, given, token) {
  const tokens = [];
  const value = (form) => evaluate(form, given, (n) => (tokens[n] ??= token()));
  const made = moves[chosen(choose, value)];
  const set = values(made.set, value);
  return {
    letter: made.letter,
    run_id: value(made.run_id),
    part: "head",
    guard: made.guard.map((n) => ({ name: ARMS[n].name, condition: condition(ARMS[n].condition, value) })),
    set: made.replace ? toItem(set) : set,
    set_once: values(made.set_once, value),
    add: made.add ?? {},
    remove: REMOVED[made.removed],
    replace: made.replace ?? false,
    mine: values(made.mine, value),
    known: made.known ? given.head : undefined,
  };
}

/** Which arms of its guard refuse `move` on this item. */
export const refusing = (move, item) => move.guard.filter((arm) => !holds(arm.condition, item)).map((arm) => arm.name);

/** `item` after this move. */
export function changed(move, item) {
  const after = { ...item };
  for (const name of move.remove) delete after[name];
  for (const [name, value] of Object.entries(move.set_once)) after[name] ??= value;
  for (const [name, value] of Object.entries(move.add)) after[name] = (after[name] ?? 0) + value;
  return { ...after, ...move.set };
}

function chosen(tree, value) {
  if (typeof tree === "number") return tree;
  const [question, yes, no] = tree;
  return chosen(answer(QUESTIONS[question], value) ? yes : no, value);
}

function answer(question, value) {
  const [[kind, of]] = Object.entries(question);
  switch (kind) {
    case "none": return value(of) === null;
    case "true": return Boolean(value(of));
    case "has": return of[1] in (value(of[0]) ?? {});
    case "in": return of[1].includes(value(of[0]));
    case "==": return value(of[0]) === value(of[1]);
    case "<": return value(of[0]) < value(of[1]);
    case "<=": return value(of[0]) <= value(of[1]);
    default: throw new Error(`no question ${kind}`);
  }
}

function evaluate(form, given, token) {
  if (form === null || typeof form !== "object" || Array.isArray(form)) return form;
  const inner = (part) => evaluate(part, given, token);
  const [[kind, of]] = Object.entries(form);
  switch (kind) {
    case "$": return of.split(".").reduce((found, name) => found?.[name], given) ?? null;
    case "+": return inner(of[0]) + inner(of[1]);
    case "-": return inner(of[0]) - inner(of[1]);
    case "//": return Math.floor(inner(of[0]) / inner(of[1]));
    case "abs": return Math.abs(inner(of));
    case "max": return Math.max(...of.map(inner));
    case "min": return Math.min(...of.map(inner));
    case "or": return inner(of[0]) || inner(of[1]);
    case "call": return CALLS[of[0]](...of.slice(1).map(inner));
    case "token": return token(of);
    default: throw new Error(`no expression ${kind}`);
  }
}

/** The values of a mapping; the members of an open one stand where its `...NAME` does. */
function values(numbers = [], value) {
  const found = {};
  for (const [name, form] of numbers.map((n) => VALUES[n])) {
    if (name.startsWith("...")) Object.assign(found, value(form) ?? {});
    else found[name] = value(form);
  }
  return found;
}

function condition([op, ...rest], value) {
  if (op === "AND" || op === "OR") return [op, ...rest.map((part) => condition(part, value))];
  return op === "missing" || op === "< field" ? [op, ...rest] : [op, rest[0], value(rest[1])];
}
