/** Outside Lambda, and around runs: what `currentRun` says. */
import assert from "node:assert/strict";
import test from "node:test";

import { ConfigurationError, NoCurrentRun } from "../../src/errors.js";
import { policyOf } from "../../src/handler/runtime.js";
import { currentRun, tracked } from "../../src/index.js";
import { Bench } from "./bench.js";

for (const name of ["AWS_LAMBDA_FUNCTION_NAME", "ONCE_RUNS_TABLE", "ONCE_FUNCTION"]) delete process.env[name]; // a shell may have them

test("outside Lambda a call runs the body alone, and the run is an inert one", async () => {
  const handler = tracked(async (event) => { currentRun().progress(0.5); await currentRun().check(); return [event, currentRun().id]; });
  assert.deepEqual(await handler(1, {}), [1, "local"]);
});

test("what a run's handler awaits works for it; several at once are told apart", async () => {
  const bench = new Bench(), seen = [];
  const handler = tracked(async () => {
    await new Promise(setImmediate);
    seen.push(await Promise.all([1, 2].map(async () => currentRun().id)));
  });
  const events = [await bench.queued(), await bench.queued()];
  await Promise.all(events.map((event) => bench.call(handler, event)));
  assert.deepEqual(seen, events.map(({ invoke_once: { run_id: id } }) => [id, id]));
});

test("code that belongs to no run is told the only one there is, and nothing where there are two", async () => {
  const bench = new Bench(), ends = [];
  const handler = tracked(() => new Promise((resolve) => { ends.push(resolve); }));
  const first = await bench.queued(), calls = [bench.call(handler, first)];
  await new Promise(setImmediate);
  assert.equal(currentRun().id, first.invoke_once.run_id);
  calls.push(bench.call(handler, await bench.queued()));
  await new Promise(setImmediate);
  assert.throws(() => currentRun(), NoCurrentRun);
  for (const end of ends) end();
  await Promise.all(calls);
  assert.equal(currentRun().id, "local");
});

test("a setting that says nothing is an error that names it; an empty one is not set", () => {
  const wrong = [
    ["ONCE_RETENTION_DAYS", "soon"], ["ONCE_RETENTION_DAYS", "-1"], ["ONCE_MAX_ATTEMPTS", "0"], ["ONCE_MAX_LEGS", "many"], ["ONCE_BACKOFF_SECONDS", "Infinity"],
    ["ONCE_ON_LOST", "Retry"], ["ONCE_ON_TIMEOUT", "continu"], ["ONCE_JITTER", "off"],
  ];
  for (const [name, text] of wrong) {
    assert.throws(() => policyOf({ [name]: text }), (error) => error instanceof ConfigurationError && error.message.startsWith(`${name} is "${text}": it is `));
    assert.deepEqual(policyOf({ [name]: "" }), policyOf({}));
  }
  assert.deepEqual([policyOf({ ONCE_BACKOFF_SECONDS: "0.5" }).backoffMs, policyOf({ ONCE_JITTER: "0" }).jitter], [500, false]);
});
