/** The records and events of every release, which Python's tests play too: read here, moved on here. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";

import { envelopeOf } from "../../src/handler/envelope.js";
import { tracked } from "../../src/index.js";
import { headOf, isTerminal } from "../../src/life/head.js";
import { move, refusing } from "../../src/life/move.js";
import { errorOf, Payloads } from "../../src/store/payloads.js";
import { itemOf, untyped } from "../../src/store/request.js";
import { Bench } from "../handler/bench.js";

const FIXTURES = new URL("../../../tests/fixtures/", import.meta.url);
const read = (path) => JSON.parse(readFileSync(new URL(path, FIXTURES), "utf8"));
const under = (path) => readdirSync(new URL(path, FIXTURES)).sort().map((name) => `${path}${name}`);
/** An item as the SDK gives it: bytes are bytes. */
const unwired = (item) => Object.fromEntries(Object.entries(item).map(([name, raw]) => [name, "B" in raw ? { B: Buffer.from(raw.B, "base64") } : raw]));
const records = under("records/").filter((path) => /\/v\d+$/.test(path)).flatMap((path) => under(`${path}/`)).filter((path) => path.endsWith(".json"));
const heads = records.map((path) => [path, read(path)]).filter(([, { item }]) => item.part?.S === "head");

test("there are records of two releases", () => assert.ok(heads.length > 30, `${heads.length}`));

for (const [path, { at_ms: atMs, item, reads }] of heads) {
  test(`${path} reads as Python reads it`, async () => {
    const head = headOf(untyped(unwired(item)));
    const payloads = new Payloads({ part: async () => null }, { get: async () => assert.fail("none is in S3") });
    for (const [name, value] of Object.entries(reads)) {
      if (["input", "output"].includes(name)) continue;
      if (name === "error") assert.deepEqual(errorOf(head), value && JSON.parse(value));
      else assert.deepEqual(head[name] ?? null, value, name);
    }
    if (head.output) assert.deepEqual(JSON.parse((await payloads.output(head)).toString()), typeof reads.output === "string" ? JSON.parse(reads.output) : reads.output);
    const claim = move("claim", { run_id: head.run_id, generation: head.generation, now_ms: atMs, lease_ms: 60_000, fired_at: null, request_id: null, left_ms: 60_000, leg: 1 });
    const free = head.status === "queued" && (head.not_before ?? 0) <= atMs;
    assert.equal(refusing(claim, head).length === 0, free, `${head.status}: may it be claimed`);
    assert.equal(isTerminal(head), Boolean(head.finished_at));
  });
}

test("what a later version has added is left alone", () => {
  const item = unwired({ ...heads[0][1].item, colour: { S: "blue" }, flags: { M: { x: { BOOL: true } } }, sizes: { L: [{ N: "1" }] } });
  assert.deepEqual(untyped(item), untyped(unwired(heads[0][1].item)));
  assert.equal(itemOf({ status: "queued", error: null }).error, undefined);
});

for (const [name, inputRef] of [["tracked", null], ["tracked-by-reference", "item:XXTsTmqLt5Z-BMCptO-Z2yB4cm8nqW55DA83_dDYMaY"]]) {
  test(`the event ${name} of 0.1.0 is known`, () => {
    const event = read(`events/v1/${name}.json`), { invoke_once: meta } = event;
    assert.deepEqual(envelopeOf(event), { runId: meta.run_id, generation: meta.generation, firedAt: meta.fired_at, inputRef, leg: null, tracestate: null });
  });
}

test("an event for a run of another generation runs nothing", async () => {
  const bench = new Bench(), event = await bench.queued();
  event.invoke_once.generation = "before";
  const answer = await bench.call(tracked(async () => assert.fail("no body")), event);
  assert.equal(answer.duplicate, true);
  assert.equal(bench.head(event.invoke_once.run_id).status, "queued");
});
