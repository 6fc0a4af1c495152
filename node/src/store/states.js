/**
 * Checkpoints: JSON text kept in the head while that stays within 1 KB, in an item of its own, or in S3, and read again by
 * the next leg or attempt; the places are those of invoke_once/store/states.py. Each is written once, under its lease and
 * number, before the head that names it; the name holds its hash.
 */
import { PayloadCorrupt } from "../errors.js";
import { DAY_S } from "../life/head.js";
import { fitsAnItem, itemSize, pack, sha, unpack } from "./payloads.js";

export const MAX_STATE_BYTES = 256 * 1024;
const HEAD_BYTES = 1024;
const RENEW_EVERY_MS = 43_200_000;

/** Put the state where it fits; the head's fields for it. `headOnly`: null where it does not fit the head. */
export async function keep({ store, objects }, head, { text, seq, atMs }, told, headOnly) {
  const fields = { state_size: text.length, state_lease: head.lease_id, state_at: atMs, state_leg: head.leg };
  const packed = pack(text);
  const { state_ref: _, ...now } = { ...head, ...told, ...fields, state_seq: seq, state: packed };
  if (itemSize(now) <= HEAD_BYTES) return { ...fields, state: packed };
  if (headOnly) return null;
  const name = `${head.lease_id}#${String(seq).padStart(6, "0")}`;
  if (fitsAnItem(packed, text)) {
    const part = `state#${name}`;
    await store.putPart(partOf("state", head.run_id, part, { run_id: head.run_id, part, state: packed, expires_at: head.expires_at }));
    return { ...fields, state_ref: `item:${name}:${sha(text)}` };
  }
  const key = `${head.function}/state/${head.run_id}/${head.generation}/${head.lease_id}-${seq}.json`;
  await objects.put(key, text);
  return { ...fields, state_ref: `s3:${key}:${sha(text)}` };
}

/** The JSON text of the newest checkpoint; null: there is none. Throws `PayloadCorrupt` where it is gone or changed. */
export async function read({ store, objects }, head) {
  if (head.state) return unpack(head.state);
  if (!head.state_ref) return null;
  const { kind, name, hash } = placeOf(head.state_ref);
  const item = kind === "s3" ? null : await store.part(head.run_id, `state#${name}`);
  if (kind !== "s3" && !item) throw new PayloadCorrupt("the stored checkpoint is missing");
  const text = item ? unpack(item.state) : await objects.get(name);
  if (sha(text) !== hash) throw new PayloadCorrupt("The stored checkpoint does not match its hash.");
  return text;
}

/** Let a state of its own live until `expiresAt` (s). What is gone already stays gone. */
export async function renew({ store, objects }, head, expiresAt) {
  if (!head.state_ref) return;
  const { kind, name } = placeOf(head.state_ref);
  if (kind === "s3") await renewObject(objects, name);
  else await renewPart(store, head.run_id, `state#${name}`, expiresAt);
}

export async function renewInput({ store, objects }, head, expiresAt) {
  if (!head.input_ref) return;
  const [kind, name] = [head.input_ref.slice(0, head.input_ref.indexOf(":")), head.input_ref.slice(head.input_ref.indexOf(":") + 1)];
  if (kind === "s3") await renewObject(objects, name);
  else await renewPart(store, head.run_id, `input#${name}`, expiresAt);
}

/** Until when (s) what the run needs has to be kept for a leg that begins at `notBefore`; null: what is kept lasts. */
export function outlives(head, notBefore) {
  const half = (ms) => Math.floor((ms - head.created_at) / RENEW_EVERY_MS);
  if (half(notBefore) === half(head.attempt_started_at ?? head.created_at)) return null;
  return Math.floor((notBefore + head.queue_ms) / 1_000) + DAY_S + head.retention_s;
}

async function renewObject(objects, key) {
  try {
    await objects.put(key, await objects.get(key));
  } catch (error) {
    if (!(error instanceof PayloadCorrupt)) throw error;
  }
}

const renewPart = (store, runId, part, expiresAt) => store.putPart({
  ...partOf("renew", runId, part, { expires_at: expiresAt }), replace: false, guard: [{ name: "still there", condition: ["=", "run_id", runId] }],
});

const partOf = (letter, runId, part, set) => ({ letter, run_id: runId, part, guard: [], set, set_once: {}, add: {}, remove: [], replace: true, mine: {} });

function placeOf(ref) {
  const [first, last] = [ref.indexOf(":"), ref.lastIndexOf(":")];
  return { kind: ref.slice(0, first), name: ref.slice(first + 1, last), hash: ref.slice(last + 1) };
}
