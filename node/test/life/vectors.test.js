/** What Python's own moves and store made of ~500 inputs; this library has to make the same requests of them. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { backoffMs, dispatchWaitMs, isLost } from "../../src/life/due.js";
import { headOf } from "../../src/life/head.js";
import { dueShard, pauseId, runId, tenantShard } from "../../src/life/keys.js";
import { changed, move, refusing } from "../../src/life/move.js";
import { requestOf } from "../../src/store/request.js";

const { heads, moves, others } = JSON.parse(readFileSync(new URL("vectors.json", import.meta.url), "utf8"), (_, value) => (
  value && typeof value === "object" && typeof value.bytes === "string" ? Buffer.from(value.bytes, "base64") : value
));

/** Numbers are compared as numbers: Python writes 1.0 where JavaScript writes 1. */
function comparable(value) {
  if (Array.isArray(value)) return value.map(comparable);
  if (Buffer.isBuffer(value) || value === null || typeof value !== "object") return value;
  const found = Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, name === "N" ? Number(inner) : comparable(inner)]));
  return found;
}

function made(vector) {
  const given = { ...vector.arguments };
  if ("head" in given) given.head = headOf(heads[given.head]);
  const tokens = [..."abcdefgh"];
  return move(vector.move, given, () => tokens.shift().repeat(13));
}

for (const name of new Set(moves.map((vector) => vector.move))) {
  const mine = moves.filter((vector) => vector.move === name);
  test(`${name}: ${mine.length} requests are Python's`, () => {
    for (const vector of mine) assert.deepEqual(comparable(requestOf("runs", made(vector))), comparable(vector.request), JSON.stringify(vector.arguments));
  });
  test(`${name}: the same arms hold, and leave the same item`, () => {
    for (const vector of mine) {
      const found = made(vector);
      const item = heads[vector.found];
      const refused = refusing(found, item);
      assert.deepEqual(found.guard.map((arm) => arm.name).filter((arm) => !refused.includes(arm)), vector.holds);
      if (vector.after) assert.deepEqual({ ...changed(found, item), run_id: found.run_id, part: "head" }, vector.after);
    }
  });
}

test("ids and shards are Python's, lone surrogates included", () => {
  for (const [tenant, name, key, id] of others.run_id) assert.equal(runId(tenant, name, key), id, JSON.stringify(key));
  for (const [name, id] of others.pause_id) assert.equal(pauseId(name), id);
  for (const [id, due, tenant] of others.due_shard) assert.deepEqual([dueShard(id), tenantShard("acme", id)], [due, tenant]);
});

test("times are Python's", () => {
  for (const [head, now, due] of others.is_due) assert.equal(isLost(headOf(heads[head]), now), due === "lose");
  for (const [head, spread, wait] of others.backoff_ms) assert.equal(backoffMs(headOf(heads[head]), spread), wait);
  for (const [dispatches, wait] of others.dispatch_wait_ms) assert.equal(dispatchWaitMs(dispatches), wait);
});
