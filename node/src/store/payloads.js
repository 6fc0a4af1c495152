/**
 * Inputs and outputs: JSON text kept in the head, in an item of its own, or in S3; the places and limits are those of
 * invoke_once/store/payloads.py. A packed payload is one byte that says how (0 plain, 1 zlib) and the text.
 */
import { createHash } from "node:crypto";
import { deflateSync, inflateSync } from "node:zlib";

import { PayloadCorrupt, PayloadTooLarge } from "../errors.js";
import { clean, MESSAGE_CHARS, TRACE_CHARS } from "./texts.js";

const MAX_DIRECT_BYTES = 8 * 1024 * 1024;
const MAX_OUTPUT_BYTES = 10 * 1024 * 1024;
const MAX_ITEM_BYTES = 8 * 1024;
const MAX_INLINE_TEXT = 64 * 1024;
export const HEAD_ROOM_BYTES = 832;
const COMPRESS_OVER_BYTES = 1024;

export function pack(text) {
  if (text.length > COMPRESS_OVER_BYTES) {
    const short = deflateSync(text, { level: 6 });
    if (short.length < text.length) return Buffer.concat([Buffer.of(1), short]);
  }
  return Buffer.concat([Buffer.of(0), text]);
}

export const unpack = (data) => (data[0] === 1 ? inflateSync(data.subarray(1)) : Buffer.from(data.subarray(1)));
export const sha = (text) => createHash("sha256").update(text).digest("base64url");

/** Bytes DynamoDB counts for an item (Developer Guide, "DynamoDB item sizes and formats"). */
export const itemSize = (item) => Object.entries(item).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + valueSize(value), 0);

function valueSize(value) {
  if (typeof value === "boolean" || value === null || value === undefined) return 1;
  if (typeof value === "number") return Math.floor((String(value).replace(/^-+/, "").replace(/^[0.]+|[0.]+$/g, "").length + 1) / 2) + 1;
  return typeof value === "string" ? Buffer.byteLength(value) : value.length;
}

export class Payloads {
  constructor(store, objects) {
    this.store = store;
    this.objects = objects;
  }

  /** Put a direct call's input where it fits, before its head; the head's fields for it. */
  async keepInput(name, runId, text, headSize, expiresAt) {
    if (text.length > MAX_DIRECT_BYTES) throw new PayloadTooLarge(`the input has ${text.length} bytes; the limit is ${MAX_DIRECT_BYTES}`);
    const packed = pack(text), size = { input_size: text.length };
    if (text.length <= MAX_INLINE_TEXT && headSize + packed.length <= HEAD_ROOM_BYTES) return { input: packed, ...size };
    const hash = sha(text);
    if (fitsAnItem(packed, text)) {
      const part = `input#${hash}`;
      await this.store.putPart({
        letter: "input", run_id: runId, part, guard: [], set: { run_id: runId, part, input: packed, expires_at: expiresAt },
        set_once: {}, add: {}, remove: [], replace: true, mine: {},
      });
      return { input_ref: `item:${hash}`, ...size };
    }
    const key = `${name}/in/${runId}/${hash}.json`;
    await this.objects.put(key, text);
    return { input_ref: `s3:${key}`, ...size };
  }

  /** The input's JSON text. `null` where none was given. */
  async input(head) {
    if (head.input) return unpack(head.input);
    if (!head.input_ref) return Buffer.from("null");
    const [kind, where] = divided(head.input_ref);
    if (kind === "s3") return this.objects.get(where);
    const item = await this.store.part(head.run_id, `input#${where}`);
    if (!item) throw new PayloadCorrupt("the stored input is missing");
    return checked(unpack(item.input), where);
  }

  /** Put the output where it fits and return the head's fields for it. The head's own write commits it. */
  async keepOutput(head, text) {
    if (text.length > MAX_OUTPUT_BYTES) throw new PayloadTooLarge(`the output has ${text.length} bytes; the limit is ${MAX_OUTPUT_BYTES}`);
    const packed = pack(text), known = { output_size: text.length, output_sha: sha(text) };
    if (fitsAnItem(packed, text)) return { output: packed, ...known };
    const key = `${head.function}/out/${head.run_id}/${head.generation}/${head.attempt}-${head.lease_id}.json`;
    await this.objects.put(key, text);
    return { output_ref: `s3:${key}`, ...known };
  }

  /** The output's JSON text, checked against the hash the outcome recorded. */
  async output(head) {
    if (!head.output && !head.output_ref) throw new PayloadCorrupt("the run has no output");
    return checked(head.output ? unpack(head.output) : await this.objects.get(divided(head.output_ref)[1]), head.output_sha);
  }
}

/** An error as the head keeps it: packed, cut to a size. */
export function errorFields(type, message, trace = null) {
  const body = { type: clean(type, 200), message: clean(message, MESSAGE_CHARS), trace: trace ? clean(trace, TRACE_CHARS) : null };
  return pack(Buffer.from(JSON.stringify(body)));
}

export function errorOf(head) {
  return head.error ? JSON.parse(unpack(head.error).toString()) : null;
}

export const fitsAnItem = (packed, text) => packed.length <= MAX_ITEM_BYTES && text.length <= MAX_INLINE_TEXT;
const divided = (ref) => [ref.slice(0, ref.indexOf(":")), ref.slice(ref.indexOf(":") + 1)];

function checked(text, expected) {
  if (expected && sha(text) !== expected) throw new PayloadCorrupt("The stored payload does not match its recorded size and hash.");
  return text;
}
