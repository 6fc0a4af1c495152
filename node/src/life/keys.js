/** Ids derived from what they stand for, and the shards of the indexes: as invoke_once/life/keys.py makes them. */
import { createHash } from "node:crypto";
import * as zlib from "node:zlib";

import data from "./moves.data.js";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
const { due_shards: DUE_SHARDS, tenant_shards: TENANT_SHARDS, mark_chars: MARK_CHARS, reserved } = data.keys;
/** Begins the keys of direct calls that no key tells apart, and no others. */
export const RESERVED_KEYS = reserved;

export const runId = (tenant, name, key) => `run_${owned(name, [tenant, name, key])}`;
/** 26 base32 characters: the function's mark, then 105 bits of the value's hash. */
export const owned = (name, value) => digest([name]).slice(0, MARK_CHARS) + digest(value).slice(0, 26 - MARK_CHARS);
export const pauseId = (name) => `slot_${owned(name, ["pause", name])}`;
export const dueShard = (run) => `due#${crc32(run) % DUE_SHARDS}`;
export const tenantShard = (tenant, run) => `${tenant}#${crc32(run) % TENANT_SHARDS}`;

/** 26 base32 characters (128 bits of SHA-256) of a list of texts. */
function digest(texts) {
  return base32(createHash("sha256").update(utf8(rawJson(texts))).digest().subarray(0, 16));
}

export function base32(bytes) {
  let text = "", bits = 0, held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET[(held >> (bits - 5)) & 31];
    held &= (1 << bits) - 1;
  }
  return bits ? text + ALPHABET[(held << (5 - bits)) & 31] : text;
}

/** JSON text whose lone surrogates stand for themselves, as Python's `ensure_ascii=False` leaves them. */
const rawJson = (value) => JSON.stringify(value).replace(/\\(?:u(d[89a-f][0-9a-f]{2})|.)/g, (whole, hex) => (hex ? String.fromCharCode(parseInt(hex, 16)) : whole));

/** UTF-8 in which a lone surrogate keeps its own three bytes: Buffer would make one and the same sign of all of them. */
export function utf8(text) {
  if (text.isWellFormed()) return Buffer.from(text);
  return Buffer.concat(Array.from(text, (sign) => {
    const code = sign.codePointAt(0);
    return code >= 0xd800 && code <= 0xdfff ? Buffer.from([0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63)]) : Buffer.from(sign);
  }));
}

function crc32(text) {
  if (zlib.crc32) return zlib.crc32(text);
  let crc = ~0; // Node 20 has none
  for (const byte of Buffer.from(text)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return ~crc >>> 0;
}
