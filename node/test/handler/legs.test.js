/** Checkpoints, and runs longer than their Lambda. */
import assert from "node:assert/strict";
import test from "node:test";

import { CheckpointTooLarge } from "../../src/errors.js";
import { currentRun, tracked } from "../../src/index.js";
import { Bench } from "./bench.js";

const idOf = (event) => event.invoke_once.run_id;

/** Fire the run again and again, each leg with `timeoutMs`, until it has ended. */
async function toTheEnd(bench, handler, event, timeoutMs = 10_000) {
  for (let fired = 0; fired < 50; fired++) {
    const { not_before: notBefore = bench.now, status, leg } = bench.head(idOf(event));
    if (status !== "queued") return fired;
    await bench.step(Math.max(notBefore - bench.now, 0));
    await bench.call(handler, { ...event, invoke_once: { ...event.invoke_once, leg } }, bench.context(timeoutMs));
  }
  return assert.fail("it does not end");
}

const pages = (bench, each, worked) => tracked(async ({ pages: all }) => {
  const run = currentRun();
  const { page = 0, visited = [] } = run.state ?? {};
  for (let next = page; next < all; next++) {
    await bench.step(each);
    worked.push(next);
    visited.push(next);
    await run.checkpoint({ page: next + 1, visited }, (next + 1) / all, `page ${next}`);
  }
  return { visited, leg: run.leg, attempt: run.attempt };
});

test("twenty seconds of work by a ten-second function: each page once, one attempt", async () => {
  const bench = new Bench(), event = await bench.queued({ pages: 20 }, { on_timeout: "continue" });
  const worked = [];
  const fired = await toTheEnd(bench, pages(bench, 1_000, worked), event);
  const { visited, leg, attempt } = await bench.output(idOf(event));
  assert.deepEqual(worked, visited, "no page is worked at twice");
  assert.deepEqual(visited, Array.from({ length: 20 }, (_, n) => n));
  assert.deepEqual([leg, attempt, bench.head(idOf(event)).legs], [fired, 1, fired - 1]);
  assert.ok(fired >= 3, `${fired} legs`);
});

test("a body that never gets to its end is continued by the watchdog, not before Lambda has killed it", async () => {
  const bench = new Bench(), event = await bench.queued(null, { on_timeout: "continue" });
  const began = bench.now;
  const stuck = tracked(async () => {
    await currentRun().checkpoint({ n: 1 }, 0.1, null, { now: true });
    await new Promise(() => {});
  });
  bench.call(stuck, event, bench.context(10_000));
  for (let n = 0; n < 10; n++) await new Promise(setImmediate);
  await bench.step(8_000);
  for (let n = 0; n < 10; n++) await new Promise(setImmediate);
  const head = bench.head(idOf(event));
  assert.deepEqual([head.status, head.leg, head.between_legs], ["queued", 2, true]);
  assert.ok(head.not_before >= began + 20_000);
  await toTheEnd(bench, tracked(async () => currentRun().state), event);
  assert.deepEqual(await bench.output(idOf(event)), { n: 1 });
});

test("without a newer checkpoint it is a timed-out attempt as ever", async () => {
  const bench = new Bench(), event = await bench.queued(null, { on_timeout: "continue" });
  bench.call(tracked(() => new Promise(() => {})), event, bench.context(10_000));
  await new Promise(setImmediate);
  await bench.step(8_000);
  assert.equal(bench.head(idOf(event)).status, "timed_out");
});

test("continueLater sleeps for nothing, and the state goes on, however large", async () => {
  for (const size of [10, 3_000, 60_000, 200_000]) {
    const bench = new Bench(), event = await bench.queued();
    const data = Array.from({ length: size / 8 }, (_, n) => ((n * 2_654_435_761) >>> 0).toString(36)).join("");
    const handler = tracked(async () => {
      const run = currentRun();
      if (run.leg === 2) return { same: run.state.data === data };
      await run.checkpoint({ data });
      return run.continueLater(3_600);
    });
    const began = bench.now;
    await toTheEnd(bench, handler, event);
    assert.deepEqual(await bench.output(idOf(event)), { same: true });
    assert.ok(bench.now >= began + 3_600_000);
  }
});

test("a retry begins at the state; what is changed after a checkpoint is not in it", async () => {
  const bench = new Bench(), event = await bench.queued(null, { max_attempts: 2 });
  const handler = tracked(async () => {
    const run = currentRun(), state = run.state ?? { n: 1 };
    if (run.attempt === 2) return run.state;
    await run.checkpoint({ n: 0 }); // written at once, the next one with the end
    await run.checkpoint(state);
    state.n = 99;
    throw new Error("once");
  });
  await toTheEnd(bench, handler, event);
  assert.deepEqual(await bench.output(idOf(event)), { n: 1 });
});

test("no more legs than max_legs; too large a state is refused, and the one before stays", async () => {
  const bench = new Bench(), event = await bench.queued(null, { max_legs: 3 });
  assert.equal(await toTheEnd(bench, tracked(async () => currentRun().continueLater()), event), 3);
  assert.equal(bench.error(idOf(event)).type, "LegsExhausted");
  const other = await bench.queued();
  await bench.call(tracked(async () => {
    await currentRun().checkpoint({ n: 1 });
    await assert.rejects(currentRun().checkpoint("x".repeat(300_000)), CheckpointTooLarge);
    return currentRun().state;
  }), other);
  assert.deepEqual(await bench.output(idOf(other)), { n: 1 });
});

test("a cancel between checkpoints ends it; its state is kept", async () => {
  const bench = new Bench(), event = await bench.queued();
  await bench.call(tracked(async () => {
    bench.table.items.get(`${idOf(event)} head`).cancel_requested = true;
    await currentRun().checkpoint({ n: 5 });
    currentRun().continueLater();
  }), event);
  const head = bench.head(idOf(event));
  assert.deepEqual([head.status, head.state_seq], ["cancelled", 1]);
});

test("checkpoints are one write per 2 s, and cost a plain run nothing", async () => {
  const bench = new Bench(), event = await bench.queued();
  await bench.call(tracked(async () => {
    for (let n = 0; n < 40; n++) { await currentRun().checkpoint({ n }, n / 40); await bench.step(100); }
  }), event);
  assert.equal(bench.table.writes, 4, "a claim, two checkpoints, an outcome");
});

test("a checkpoint that nobody awaits does not end the process: the watchdog ends the leg, with the newest state", async () => {
  const bench = new Bench(), event = await bench.queued(null, { on_timeout: "continue" }), unhandled = [];
  const hear = (error) => unhandled.push(error);
  process.on("unhandledRejection", hear);
  try {
    await bench.call(tracked(async () => {
      for (let page = 1; page < 10; page++) {
        await bench.step(1_000);
        currentRun().checkpoint({ page });
        for (let n = 0; n < 5; n++) await new Promise(setImmediate);
      }
    }), event, bench.context(10_000));
    await new Promise(setImmediate);
  } finally {
    process.off("unhandledRejection", hear);
  }
  const head = bench.head(idOf(event));
  assert.deepEqual([unhandled, head.status, head.leg, head.between_legs], [[], "queued", 2, true]);
  await toTheEnd(bench, tracked(async () => currentRun().state), event);
  assert.ok((await bench.output(idOf(event))).page >= 7);
});

test("a state with half a surrogate pair is refused, as an output is, and the one before stays", async () => {
  const bench = new Bench(), event = await bench.queued();
  await bench.call(tracked(async () => {
    const run = currentRun();
    await run.checkpoint({ n: "💶" });
    for (const wrong of [{ a: ["\ud83d"] }, { "\udc00": 1 }]) await assert.rejects(run.checkpoint(wrong), (error) => error.name === "NotSerializable" && /half a surrogate pair/.test(error.message));
    return run.state;
  }), event);
  assert.deepEqual(await bench.output(idOf(event)), { n: "💶" });
});
