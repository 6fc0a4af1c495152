/** Events of the service: one claim, one body, one outcome. */
import assert from "node:assert/strict";
import test, { describe } from "node:test";

import { NotClaimed, RunCancelled, StoreUnavailable } from "../../src/errors.js";
import { currentRun, tracked } from "../../src/index.js";
import { pauseId } from "../../src/life/keys.js";
import { MemoryTable } from "../../src/store/memory.js";
import { Bench, logged } from "./bench.js";

const idOf = (event) => event.invoke_once.run_id;

describe("a fired run", () => {
  test("gets its input, and its outcome is recorded", async () => {
    const bench = new Bench(), event = await bench.queued({ n: 20 });
    const answer = await bench.call(tracked(async ({ n }) => ({ twice: 2 * n })), event);
    assert.deepEqual(answer, { run_id: idOf(event), status: "succeeded" });
    assert.deepEqual(await bench.output(idOf(event)), { twice: 40 });
    assert.equal(bench.head(idOf(event)).attempt, 1);
    assert.equal(bench.table.writes, 2, "a claim and an outcome");
  });

  test("delivered again while it runs, or after its end, does not run the body again", async () => {
    const bench = new Bench(), event = await bench.queued();
    let bodies = 0, again;
    const handler = tracked(async () => { bodies += 1; again ??= bench.call(handler, event); return (await again).status; });
    await bench.call(handler, event);
    assert.equal((await again).duplicate, true);
    assert.equal((await again).status, "running");
    assert.deepEqual(await bench.call(handler, event), { run_id: idOf(event), status: "succeeded", duplicate: true });
    assert.equal(bodies, 1);
  });

  test("two workers at once: one runs the body", async () => {
    const bench = new Bench(), event = await bench.queued();
    let bodies = 0;
    const handler = tracked(async () => { bodies += 1; });
    const answers = await Promise.all(Array.from({ length: 8 }, () => bench.call(handler, event)));
    assert.equal(bodies, 1);
    assert.equal(answers.filter((answer) => answer.duplicate).length, 7);
  });

  test("that throws is failed, with type, message and stack; Lambda is told nothing", async () => {
    const bench = new Bench(), event = await bench.queued();
    const answer = await bench.call(tracked(() => { throw new RangeError("too far"); }), event);
    assert.equal(answer.status, "failed");
    const error = bench.error(idOf(event));
    assert.equal(error.type, "RangeError");
    assert.equal(error.message, "too far");
    assert.match(error.trace, /^RangeError: too far\n\s+at .*fired\.test\.js/);
  });

  test("that throws goes back to the queue while a retry is left, after its backoff", async () => {
    const bench = new Bench(), event = await bench.queued(null, { max_attempts: 2 });
    assert.equal((await bench.call(tracked(() => { throw new Error("once"); }), event)).status, "queued");
    assert.equal(bench.head(idOf(event)).not_before, bench.now + 10_000);
    const retry = tracked(async () => currentRun().attempt);
    assert.equal((await bench.call(retry, event)).duplicate, true, "its backoff is not over");
    const { claim_token: claim, started_at: started } = bench.head(idOf(event));
    await bench.step(10_000);
    assert.equal((await bench.call(retry, event)).status, "succeeded");
    assert.equal(await bench.output(idOf(event)), 2);
    assert.deepEqual([bench.head(idOf(event)).claim_token, bench.head(idOf(event)).started_at], [claim, started]);
  });

  for (const [what, value, type] of [
    ["a BigInt", 1n, "OutputNotSerializable"],
    ["a circle", (() => { const c = {}; c.c = c; return c; })(), "OutputNotSerializable"],
    ["half a surrogate pair", { a: ["\ud83d"] }, "OutputNotSerializable"],
  ]) {
    test(`that returns ${what} is failed, and says so`, async () => {
      const bench = new Bench(), event = await bench.queued(null, { max_attempts: 3 });
      assert.equal((await bench.call(tracked(async () => value), event)).status, "failed");
      assert.equal(bench.error(idOf(event)).type, type);
    });
  }

  for (const [what, value, text] of [["nothing", undefined, null], ["a date", new Date(0), "1970-01-01T00:00:00.000Z"], ["NaN", [NaN], [null]]]) {
    test(`that returns ${what} keeps what Lambda's own runtime sends`, async () => {
      const bench = new Bench(), event = await bench.queued();
      await bench.call(tracked(async () => value), event);
      assert.deepEqual(await bench.output(idOf(event)), text);
    });
  }

  test("with a large output has it in S3, under its own lease", async () => {
    const bench = new Bench(), event = await bench.queued();
    const random = Array.from({ length: 9_000 }, (_, n) => (n * 7919).toString(16)).join();
    await bench.call(tracked(async () => random), event);
    assert.match(bench.head(idOf(event)).output_ref, /^s3:billing\/out\/run_/);
    assert.equal(await bench.output(idOf(event)), random);
  });

  test("whose input is given by reference reads the head's, never the event's own", async () => {
    const bench = new Bench();
    const event = await bench.queued(null, { input_ref: "s3:billing/in/right.json" });
    await bench.objects.put("billing/in/right.json", '{"right":true}');
    event.invoke_once.input_ref = "s3:billing/in/forged.json";
    await bench.call(tracked(async (input) => input), event);
    assert.deepEqual(await bench.output(idOf(event)), { right: true });
  });

  test("whose input is gone ends failed, InputLost", async () => {
    const bench = new Bench(), event = await bench.queued(null, { input_ref: "s3:gone" });
    event.invoke_once.input_ref = "s3:gone";
    await bench.call(tracked(async () => assert.fail("no body")), event);
    assert.equal(bench.error(idOf(event)).type, "InputLost");
  });
});

describe("an event that waited in Lambda's queue", () => {
  const pause = (bench, since) => bench.table.items.set(`${pauseId("billing")} pause`, { run_id: pauseId("billing"), part: "pause", pauses: JSON.stringify({ "*": { since } }) });

  test("while its function was paused is left unclaimed; once it is resumed, an event begins the body", async () => {
    const bench = new Bench(), event = await bench.queued();
    pause(bench, bench.now);
    await bench.step(5_001);
    let bodies = 0;
    const handler = tracked(async () => { bodies += 1; });
    assert.deepEqual(await bench.call(handler, event), { run_id: idOf(event), status: null, paused: true });
    assert.deepEqual([bench.head(idOf(event)).status, bodies, bench.table.writes], ["queued", 0, 0]);
    pause(bench, null);
    assert.equal((await bench.call(handler, event)).paused, true, "what was found holds for 5 s");
    await bench.step(5_000);
    assert.equal((await bench.call(handler, event)).status, "succeeded");
  });

  test("an event that comes at once asks nothing; where the table is away, a pause is not known", async () => {
    const bench = new Bench(), event = await bench.queued(), late = await bench.queued();
    let asked = 0;
    bench.table.get = async () => { asked += 1; throw new StoreUnavailable("DynamoDB did not answer GetItem: TimeoutError", "TimeoutError"); };
    pause(bench, bench.now);
    assert.equal((await bench.call(tracked(async () => 1), event)).status, "succeeded");
    assert.equal(asked, 0);
    await bench.step(5_001);
    assert.equal((await bench.call(tracked(async () => 1), late)).status, "succeeded");
    assert.equal(asked, 1);
  });
});

test("its trace goes on", async () => {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const bench = new Bench(), event = await bench.queued(null, { traceparent });
  event.invoke_once.tracestate = "a=b";
  await bench.call(tracked(async () => [currentRun().traceparent, currentRun().tracestate]), event);
  assert.deepEqual(await bench.output(idOf(event)), [traceparent, "a=b"]);
});

describe("progress", () => {
  test("is one write per 2 s, and the last is in the outcome", async () => {
    const bench = new Bench(), event = await bench.queued();
    await bench.call(tracked(async () => {
      for (let n = 0; n < 40; n++) { currentRun().progress(n / 40, `page ${n}`); await bench.step(100); }
    }), event);
    const { progress, message } = bench.head(idOf(event));
    assert.deepEqual([progress, message], [0.975, "page 39"]);
    assert.equal(bench.table.writes, 4, "a claim, two tellings, an outcome");
  });

  test("takes any text, and no nonsense for a fraction", async () => {
    const bench = new Bench(), event = await bench.queued();
    await bench.call(tracked(async () => {
      assert.throws(() => currentRun().progress(NaN), RangeError);
      assert.throws(() => currentRun().progress("half"), RangeError);
      currentRun().progress(7, { toString() { throw new Error("no"); } });
      await bench.step(2_000);
      currentRun().progress(null, "caf\ud83d" + "x".repeat(600));
    }), event);
    const { progress, message } = bench.head(idOf(event));
    assert.equal(progress, 1);
    assert.equal(message, "caf\ufffd" + "x".repeat(496));
  });

  test("of a superseded attempt is refused, and `check` says so", async () => {
    const bench = new Bench(), event = await bench.queued();
    let seen;
    await bench.call(tracked(async () => {
      const item = bench.table.items.get(`${idOf(event)} head`);
      Object.assign(item, { lease_id: "another", attempt: 2 });
      await bench.step(2_000);
      currentRun().progress(0.5);
      seen = await currentRun().check().catch((error) => error.name);
    }), event);
    assert.equal(seen, "AttemptSuperseded");
    assert.equal(bench.head(idOf(event)).status, "running", "its outcome is the other attempt's to tell");
  });

  test("a cancel is seen: flag, signal and check; the run ends cancelled", async () => {
    const bench = new Bench(), event = await bench.queued(null, { max_attempts: 5 });
    const answer = await bench.call(tracked(async () => {
      const run = currentRun();
      assert.equal(run.signal.aborted, false);
      bench.table.items.get(`${idOf(event)} head`).cancel_requested = true;
      await bench.step(2_000);
      await run.check().catch(() => {});
      assert.equal(run.cancelRequested, true);
      assert.ok(run.signal.reason instanceof RunCancelled);
      run.signal.throwIfAborted();
    }), event);
    assert.equal(answer.status, "cancelled");
  });

  test("a retry after a cancel is none: the run ends cancelled", async () => {
    const bench = new Bench(), event = await bench.queued(null, { max_attempts: 5 });
    await bench.call(tracked(async () => {
      bench.table.items.get(`${idOf(event)} head`).cancel_requested = true;
      throw new Error("whatever");
    }), event);
    assert.equal(bench.head(idOf(event)).status, "cancelled");
  });
});

describe("the watchdog", () => {
  test("records timed_out before the kill, and the call does not return while the body is pending", async () => {
    const bench = new Bench(), event = await bench.queued();
    let end, returned = false, writes = 0;
    const write = bench.table.write;
    bench.table.write = (move) => { writes += 1; return write.call(bench.table, move); };
    const call = bench.call(tracked(() => new Promise((resolve) => { end = resolve; })), event, bench.context(10_000)).then((answer) => { returned = true; return answer; });
    await new Promise(setImmediate);
    await bench.step(7_999);
    assert.equal(bench.head(idOf(event)).status, "running");
    await bench.step(1);
    assert.equal(bench.head(idOf(event)).status, "timed_out");
    await bench.step(5_000);
    assert.equal(returned, false);
    end("too late");
    assert.equal((await call).status, "timed_out");
    assert.equal(bench.error(idOf(event)).type, "TimedOut");
    assert.equal(writes, 2, "a claim and one outcome");
  });

  test("sends it back to the queue where a retry is left, and not before Lambda has killed it", async () => {
    const bench = new Bench(), event = await bench.queued(null, { max_attempts: 2, backoff_ms: 1 });
    const began = bench.now;
    bench.call(tracked(() => new Promise(() => {})), event, bench.context(10_000));
    await new Promise(setImmediate);
    await bench.step(8_000);
    const head = bench.head(idOf(event));
    assert.equal(head.status, "queued");
    assert.ok(head.not_before >= began + 10_000 + 10_000);
  });

  test("with a heartbeat keeps a short lease alive, never beyond the deadline", async () => {
    const bench = new Bench({ policy: { heartbeatMs: 3_000 } }), event = await bench.queued();
    const began = bench.now;
    const call = bench.call(tracked(async () => { for (let n = 0; n < 29; n++) await bench.step(1_000); }), event, bench.context(60_000));
    await call;
    const seen = bench.head(idOf(event)).lease_until - began;
    assert.ok(seen > 29_000 && seen <= 60_000 + 10_000, `lease ${seen}`);
  });
});

describe("while DynamoDB is away", () => {
  class Away extends MemoryTable {
    failures = [];
    async write(move) {
      const failure = this.failures.find((each) => each.letters.includes(move.letter) && each.times-- > 0);
      if (failure?.lost) await super.write(move);
      if (failure) throw new StoreUnavailable("DynamoDB did not answer UpdateItem: TimeoutError", failure.code ?? "TimeoutError");
      return super.write(move);
    }
  }

  test("the outcome is tried again, and a lost answer is recognised", async () => {
    const engine = new Away(), bench = new Bench({ engine }), event = await bench.queued();
    engine.failures.push({ letters: "H", times: 3, lost: true });
    const lines = await logged(() => bench.call(tracked(async () => 1), event));
    assert.equal(bench.head(idOf(event)).status, "succeeded");
    assert.equal(lines.at(-1).event, "attempt_ended");
  });

  test("a claim is tried again; in the end the service is told which lease it may have", async () => {
    const engine = new Away(), bench = new Bench({ engine }), event = await bench.queued();
    engine.failures.push({ letters: "E", times: 2 });
    assert.equal((await bench.call(tracked(async () => 1), event)).status, "succeeded");
    const other = await bench.queued();
    engine.failures.push({ letters: "E", times: 1_000 });
    await assert.rejects(bench.call(tracked(async () => 1), other), (error) => error instanceof NotClaimed && /^not claimed \(lease [a-z2-7]{13}\): DynamoDB did not answer/.test(error.message));
  });

  test("what is refused for good is not tried again: the run ends failed at once", async () => {
    const bench = new Bench(), event = await bench.queued();
    bench.objects.put = async () => { throw new StoreUnavailable("S3 refused PutObject: AccessDenied", "AccessDenied"); };
    const random = Array.from({ length: 9_000 }, (_, n) => (n * 7919).toString(16)).join();
    await bench.call(tracked(async () => random), event);
    assert.equal(bench.error(idOf(event)).type, "OutputNotKept");
    assert.match(bench.error(idOf(event)).message, /AccessDenied/);
  });
});

test("each line of a run's own carries its claim token", async () => {
  const bench = new Bench(), event = await bench.queued();
  const lines = await logged(() => bench.call(tracked(async () => 1), event));
  const { claim_token: claim } = bench.head(idOf(event));
  assert.deepEqual(lines.map((line) => [line.event, line.claim, line.run_id]), ["claimed", "attempt_ended"].map((name) => [name, claim, idOf(event)]));
  assert.equal(lines[1].Ended_succeeded, 1);
});

test("what Lambda would not await is refused when it is wrapped", () => {
  for (const [wrong, said] of [
    [(event, context, callback) => callback(), /callback/],
    [function* () { yield 1; }, /generator/],
    [async function* () { yield 1; }, /generator/],
    [tracked(async () => 1), /tracked already/],
    ["text", /takes a handler/],
    [Object.assign(async () => 1, { [Symbol.for("aws.lambda.runtime.handler.streaming")]: "response" }), /streams/],
  ]) assert.throws(() => tracked(wrong), said);
  assert.throws(() => tracked(async () => 1, { atach: true }), /unknown option atach/);
  assert.throws(() => tracked(async () => 1, { key: "a[?b]" }), /use a function/);
  for (const attach of ["false", 1, null]) assert.throws(() => tracked(async () => 1, { attach }), /attach is true or false/);
  for (const attachSeconds of ["60s", NaN, -1, Infinity, null]) assert.throws(() => tracked(async () => 1, { attachSeconds }), /attachSeconds is a number/);
});

test("an output of more than 10 MB ends the run failed, and says so", async () => {
  const bench = new Bench(), event = await bench.queued(null, { max_attempts: 3 });
  assert.equal((await bench.call(tracked(async () => "x".repeat(10 * 1024 * 1024)), event)).status, "failed");
  assert.equal(bench.error(idOf(event)).type, "OutputTooLarge");
});
