/** Direct calls: each registers itself, and its duplicates find it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test, { describe } from "node:test";

import { ConfigurationError, StillRunning } from "../../src/errors.js";
import { canonical } from "../../src/handler/direct/canonical.js";
import { keyFinder, ownId } from "../../src/handler/direct/keys.js";
import { currentRun, tracked } from "../../src/index.js";
import { owned } from "../../src/life/keys.js";
import { sha } from "../../src/store/payloads.js";
import { Bench } from "./bench.js";

const { others } = JSON.parse(readFileSync(new URL("../life/vectors.json", import.meta.url), "utf8"));

/** A handler that counts its bodies, and ends when it is let. */
function counted(options) {
  const count = { bodies: 0 };
  count.handler = tracked(async (event) => { count.bodies += 1; await count.work?.(event); return { n: count.bodies, event }; }, options);
  return count;
}

describe("without a key", () => {
  test("a call is a run of its own, with its result, and gets the value back", async () => {
    const bench = new Bench(), count = counted();
    assert.deepEqual(await bench.call(count.handler, { a: 1 }), { n: 1, event: { a: 1 } });
    await bench.call(count.handler, { a: 1 });
    assert.equal(count.bodies, 2);
    const [head] = bench.heads();
    assert.deepEqual([head.status, head.direct, head.key, head.attempt, head.tenant], ["succeeded", true, "request-1", 1, "demo"]);
    assert.equal(bench.table.writes, 4, "two writes a call");
  });

  test("a delivery that AWS repeats, by request id, is dropped", async () => {
    const bench = new Bench(), count = counted();
    await bench.call(count.handler, {}, bench.context(9_000, "same"));
    assert.deepEqual(await bench.call(count.handler, {}, bench.context(9_000, "same")), { n: 1, event: {} });
    assert.equal(count.bodies, 1);
  });

  test("attach: equal calls while the first runs, and shortly after, share its answer; a later one is a new run", async () => {
    const bench = new Bench(), count = counted({ attach: true });
    count.work = () => bench.step(3_000);
    const answers = await Promise.all([1, 2, 3, 4].map((_) => bench.call(count.handler, { b: 1, a: [2] })));
    answers.push(await bench.call(count.handler, { a: [2], b: 1 }));
    assert.equal(count.bodies, 1);
    for (const answer of answers) assert.deepEqual(answer, answers[0]);
    await bench.call(count.handler, { a: [3], b: 1 });
    assert.equal(count.bodies, 2, "another payload");
    await bench.step(61_000);
    await bench.call(count.handler, { b: 1, a: [2] });
    assert.equal(count.bodies, 3);
    assert.match(bench.heads()[0].key, /^payload:[\w-]{22}:1$/);
  });

  test("attach: the first's error is thrown to all under its own name", async () => {
    const bench = new Bench();
    const handler = tracked(async () => { await bench.step(10); throw new RangeError("no"); }, { attach: true });
    const ends = await Promise.allSettled([1, 2, 3].map((_) => bench.call(handler, {})));
    assert.deepEqual(ends.map(({ reason }) => [reason.name, reason.message]), Array(3).fill(["RangeError", "no"]));
    assert.equal(bench.heads().length, 1);
  });

  test("attach: who waits gives up shortly before its own end", async () => {
    const bench = new Bench();
    let end;
    const handler = tracked(() => new Promise((resolve) => { end = resolve; }), { attach: true });
    const first = bench.call(handler, {}, bench.context(900_000));
    await new Promise(setImmediate);
    await assert.rejects(bench.call(handler, {}, bench.context(5_000)), StillRunning);
    end(1);
    assert.equal(await first, 1);
  });
});

describe("with a key", () => {
  test("a known key gets the recorded outcome", async () => {
    const bench = new Bench(), count = counted({ key: "detail.orderId" });
    const event = { detail: { orderId: "order-1", more: 1 } };
    await bench.call(count.handler, event);
    assert.deepEqual(await bench.call(count.handler, { detail: { orderId: "order-1", more: 2 } }), { n: 1, event });
    assert.equal(count.bodies, 1);
    assert.equal(bench.heads()[0].key, "order-1");
  });

  test("while it runs, it is dropped without attach", async () => {
    const bench = new Bench(), count = counted({ key: "id" });
    let dropped;
    count.work = async () => { dropped ??= await bench.call(count.handler, { id: 1 }); };
    await bench.call(count.handler, { id: 1 });
    assert.deepEqual(dropped, { invoke_once: { run_id: bench.heads()[0].run_id, status: "running", duplicate: true } });
  });

  test("nothing at its key is an error, and no run", async () => {
    const bench = new Bench(), count = counted({ key: "detail.orderId" });
    for (const event of [{}, { detail: null }, { detail: { orderId: " " } }, { detail: { orderId: true } }, { detail: { orderId: [[], {}] } }, null, 7]) {
      await assert.rejects(bench.call(count.handler, event), ConfigurationError);
    }
    assert.deepEqual([count.bodies, bench.heads().length], [0, 0]);
  });

  for (const [path, event, key] of [
    ["a", { a: "x" }, "x"], ["a", { a: 0 }, "0"], ['detail."order id"', { detail: { "order id": "o" } }, "o"], ["Records[0].id", { Records: [{ id: "i" }] }, "i"],
    ["a[-1]", { a: [1, 2] }, "2"], ["[a, b.c]", { a: 1, b: { c: "ü" } }, '[1,"\\u00fc"]'], ["a", { a: { z: 1, b: 2 } }, '{"b":2,"z":1}'], ["a[1][0]", { a: [0, [5]] }, "5"],
  ]) test(`the path ${path}`, () => assert.equal(keyFinder(path)(event), key));
  for (const path of ["", "a.", ".a", "a b", "a[?x]", "a | b", "a[", "length(a)", "a[*]"]) test(`${JSON.stringify(path)} is no path`, () => assert.throws(() => keyFinder(path), ConfigurationError));

  test("a function of the event; what is no JSON is none", () => {
    assert.equal(keyFinder((event) => `${event.a}-1`)({ a: 7 }), "7-1");
    assert.throws(() => keyFinder(async () => "x")({}), ConfigurationError);
    assert.throws(() => keyFinder(() => 1n)({}), ConfigurationError);
  });

  test("long keys, and those that look like ours, are told apart by their hash", () => {
    const find = keyFinder("a");
    assert.equal(find({ a: "k".repeat(255) }), "k".repeat(255));
    assert.match(find({ a: "k".repeat(256) }), /^k{200}#[\w-]{43}$/);
    assert.match(find({ a: "payload:x:1" }), /^x:1#[\w-]{43}$/);
    assert.notEqual(find({ a: "\ud800" }), find({ a: "\ud801" }));
  });
});

test("events' own ids", () => {
  assert.equal(ownId({ id: "e-1", source: "s", "detail-type": "t" }), "e-1");
  assert.equal(ownId({ Records: [{ EventSource: "aws:sns", Sns: { MessageId: "m" } }] }), "m");
  assert.equal(ownId({ Records: [{ eventSource: "aws:kinesis", eventID: "a" }, { eventSource: "aws:kinesis", eventID: "b" }] }), "a..b");
  assert.equal(ownId({ Records: [{ eventSource: "aws:s3", eventName: "ObjectCreated:Put", s3: { bucket: { name: "b" }, object: { key: "k", sequencer: "1" } } }] }), "s3:b/k/ObjectCreated:Put/1");
  for (const none of [null, 1, [], {}, { Records: [] }, { id: "" }]) assert.equal(ownId(none), null);
});

test("a run whose attempt has vanished is taken over, with its own input", async () => {
  const bench = new Bench({ policy: { maxAttempts: 2 } });
  const hang = tracked(() => new Promise(() => {}), { key: "id" });
  bench.call(hang, { id: "k", of: "the first" }, bench.context(60_000));
  await new Promise(setImmediate);
  bench.timers.length = 0; // its process is gone, and its watchdog with it
  await bench.step(70_001);
  const handler = tracked(async (event) => [event.of, currentRun().attempt], { key: "id" });
  assert.deepEqual(await bench.call(handler, { id: "k", of: "the second" }), ["the first", 2]);
});

test("a vanished attempt without a retry ends failed, whoever asks", async () => {
  const bench = new Bench();
  bench.call(tracked(() => new Promise(() => {}), { key: "id" }), { id: "k" }, bench.context(60_000));
  await new Promise(setImmediate);
  bench.timers.length = 0;
  await bench.step(70_001);
  await assert.rejects(bench.call(tracked(async () => 1, { key: "id" }), { id: "k" }), { name: "AttemptLost" });
});

describe("SQS", () => {
  const batch = (...bodies) => ({ Records: bodies.map((body) => ({ messageId: `m-${body}`, eventSource: "aws:sqs", eventSourceARN: "arn:aws:sqs:r:1:q", body })) });

  test("each message is a run; what failed is reported, and alone comes again", async () => {
    const bench = new Bench({ policy: { maxAttempts: 2 } });
    let broken = true;
    const handler = tracked(async ({ Records: [{ body }] }) => { if (body === "b" && broken) throw new Error("no"); return body; });
    assert.deepEqual(await bench.call(handler, batch("a", "b", "c")), { batchItemFailures: [{ itemIdentifier: "m-b" }] });
    broken = false;
    await bench.step(20_000);
    assert.deepEqual(await bench.call(handler, batch("b")), { batchItemFailures: [] });
    assert.deepEqual(bench.heads().map((head) => [head.key, head.status, head.attempt]), [["m-a", "succeeded", 1], ["m-b", "succeeded", 2], ["m-c", "succeeded", 1]]);
  });

  test("all failed: the first error is thrown", async () => {
    const bench = new Bench();
    await assert.rejects(bench.call(tracked(() => { throw new TypeError("no"); }), batch("a", "b")), { name: "TypeError" });
  });

  test("a batch report of a stream's handler fails the attempt, and Lambda gets the report", async () => {
    const bench = new Bench();
    const event = { Records: [{ eventSource: "aws:kinesis", eventID: "s:1", kinesis: { sequenceNumber: "1" } }] };
    const report = { batchItemFailures: [{ itemIdentifier: "1" }] };
    assert.deepEqual(await bench.call(tracked(async () => report), event), report);
    assert.equal(bench.error(bench.heads()[0].run_id).type, "ReportedByHandler");
    assert.deepEqual(await bench.call(tracked(async () => "done"), event), "done");
    assert.equal(bench.heads()[0].attempt, 2);
  });
});

test("equal calls of both languages have the same slot", () => {
  for (const [text, slot] of others.slot) {
    if (!text.isWellFormed()) continue;
    assert.equal(`slot_${owned("echo", ["demo", "echo", sha(Buffer.from(text))])}`, slot);
  }
  for (const [value, text] of others.canonical) assert.equal(canonical(value), text);
});

test("a large input is kept beside the head, and not put again for a duplicate", async () => {
  const bench = new Bench(), count = counted({ key: "id" });
  const event = { id: "k", data: Array.from({ length: 9_000 }, (_, n) => (n * 7919).toString(16)) };
  await bench.call(count.handler, event);
  const put = bench.objects.put;
  bench.objects.put = () => assert.fail("put again");
  assert.equal(count.bodies, 1);
  bench.objects.put = put;
  assert.deepEqual(JSON.parse((await bench.payloads.input(bench.heads()[0])).toString()), event);
});
