import assert from "node:assert/strict";
import { test } from "node:test";
import { BatchFailed, ConfigurationError, Once, Refused, RunFailed, ServiceUnreachable, WaitTimeout } from "../../src/client/index.js";
import { problem, run, service } from "./service.js";

async function with_(answers, body) {
  const there = await service(...answers);
  try { await body(new Once(there.options), there); } finally { there.close(); }
}

test("a start sends the key, the token and the options by the names the service knows", () =>
  with_([[202, run("queued")]], async (once, { seen }) => {
    const started = await once.start("report", { csv: "a" }, { key: "k-1", callback: "https://example.com/x", delaySeconds: 3, labels: { a: "b" } });
    assert.equal(started.id, run("queued").id);
    assert.equal(seen[0].headers["idempotency-key"], '"k-1"');
    assert.equal(seen[0].headers.authorization, "Bearer once_a_b");
    assert.deepEqual(seen[0].body, { function: "report", input: { csv: "a" }, callback: { url: "https://example.com/x" }, delay_seconds: 3, labels: { a: "b" } });
  }));

test("an unknown option is an error, and nothing is sent", () =>
  with_([[202, run("queued")]], async (once, { seen }) => {
    await assert.rejects(once.start("report", 1, { kye: "x" }), (error) => error instanceof TypeError && /kye/.test(error.message));
    assert.equal(seen.length, 0);
  }));

test("a key is sent as the same key that the Python client sends, and what is no text is none", () =>
  with_([[202, run("queued")], [202, { id: "batch_a", status: "running" }], [202, { id: "bulk_a", status: "running" }]], async (once, { seen }) => {
    await once.start("echo", 1, { key: 'a "b" \\\\ c' });
    assert.equal(seen[0].headers["idempotency-key"], '"a \\"b\\" \\\\\\\\ c"');
    for (const wrong of [null, "", 7, {}, ["a"], "clé", "a\nb", "k".repeat(256)]) {
      await assert.rejects(once.start("echo", 1, { key: wrong }), TypeError);
      await assert.rejects(once.map("echo", [1], { key: wrong }), TypeError);
      await assert.rejects(once.bulk("cancel", { function: "echo", key: wrong }), TypeError);
    }
    assert.equal(seen.length, 1);
  }));

test("a start that is not answered is sent again under the same key", () =>
  with_(["drop", [503, { type: "urn:invoke-once:unavailable" }, { "Retry-After": "7" }], [500, "<html>"], [202, run("queued")]], async (once, { seen, pauses }) => {
    await once.start("echo", 1);
    assert.equal(seen.length, 4);
    assert.equal(new Set(seen.map((one) => one.headers["idempotency-key"])).size, 1);
    assert.ok(pauses[1] >= 7000, "Retry-After is kept");
  }));

test("a service that is away ends with the key under which to go on", () =>
  with_(["drop"], async (once) => {
    await assert.rejects(once.start("echo", 1, { key: "k" }), (error) => error instanceof ServiceUnreachable && error.idempotencyKey === "k");
  }));

test("the service's own 500, and a refusal, are not sent again", () =>
  with_([problem(422, "invalid-request", { detail: "Bad.", errors: [{ pointer: "/input", detail: "no" }] }), problem(500, "internal")], async (once, { seen }) => {
    await assert.rejects(once.start("echo", 1), (error) => error instanceof Refused && error.status === 422 && /\/input: no/.test(error.message));
    await assert.rejects(once.start("echo", 1), (error) => error instanceof Refused && error.status === 500);
    assert.equal(seen.length, 2);
  }));

test("waiting holds once, then looks when the service says", () =>
  with_([[202, run("queued")], [200, run("running"), { ETag: 'W/"1"', "Retry-After": "3" }], [304, "", { "Retry-After": "3" }], [200, run("succeeded", { output: { rows: 2 } })]], async (once, { seen, pauses }) => {
    const started = await once.start("report", {});
    assert.deepEqual(await started.result(), { rows: 2 });
    assert.deepEqual(seen.map((one) => one.headers.prefer ?? null), [null, "wait=5", null, null]);
    assert.equal(seen[2].headers["if-none-match"], 'W/"1"');
    assert.deepEqual(pauses, [3000, 3000]);
  }));

test("a run that failed raises with its error; a time to wait that is over says so", () =>
  with_([[200, run("failed", { error: { type: "ValueError", message: "no", trace: null } })]], async (once) => {
    await assert.rejects((await once.get("run_x")).result(), (error) => error instanceof RunFailed && /ValueError: no/.test(error.message) && error.run.status === "failed");
  }).then(() => with_([[200, run("running"), { "Retry-After": "1" }]], async (once) => {
    await assert.rejects((await once.get("run_x")).wait({ timeout: 500 }), WaitTimeout);
  })));

test("a large output is read behind its link, without the token", async () => {
  const store = await service([200, { big: 1 }]);
  await with_([[200, run("succeeded")], [200, `${store.options.url}/object\n`, { "Content-Type": "text/uri-list" }]], async (once) => {
    assert.deepEqual(await (await once.get("run_x")).result(), { big: 1 });
    assert.equal(store.seen[0].headers.authorization, undefined);
  });
  store.close();
});

test("many inputs: their outputs come in order, a failed one raises unless it may", () => {
  const batch = { id: "batch_a", status: "failed", counts: { total: 2 } };
  const results = [{ index: 0, run_id: "run_0", status: "succeeded", output: 7 }, { index: 1, run_id: "run_1", status: "failed", error: null }];
  const answer = (request) => request.method === "POST" ? [202, batch] : request.url.includes("cursor=c")
    ? [200, { results: results.slice(1), next_cursor: null }] : [200, { results: results.slice(0, 1), next_cursor: "c" }];
  return with_([answer], async (once, { seen }) => {
    const many = await once.map("report", [{ a: 1 }, { a: 2 }], { key: "n", maxRunning: 5 });
    assert.deepEqual(seen[0].body, { function: "report", items: [{ input: { a: 1 } }, { input: { a: 2 } }], max_running: 5 });
    assert.deepEqual(await many.results({ raiseFailed: false }), [7, undefined]);
    await assert.rejects(many.results(), (error) => error instanceof BatchFailed && error.result.index === 1);
  });
});

test("all runs that match: the filter goes under the service's names, and the job is followed to its end", () => {
  const job = (status, done) => ({ id: "bulk_a", status, matched: 3, done, refused: 1 });
  return with_([[202, job("running", 0)], [200, job("running", 1)], [200, job("done", 2)], [202, job("running", 0)]], async (once, { seen }) => {
    const all = await once.bulk("retry", { status: ["failed"], labels: { n: "1" }, dryRun: true, key: "k" });
    assert.deepEqual(seen[0].body, { action: "retry", filter: { status: ["failed"], label: ["n:1"] }, dry_run: true });
    assert.equal(seen[0].headers["idempotency-key"], '"k"');
    await all.wait();
    assert.deepEqual([all.status, all.matched, all.done, all.refused], ["done", 3, 2, 1]);
    await once.bulkJob("bulk_a").stop();
    assert.deepEqual(seen.slice(1).map((one) => one.url), ["/bulk/bulk_a", "/bulk/bulk_a", "/bulk/bulk_a/stop"]);
  });
});

test("the list goes through its pages as it is read", () =>
  with_([[200, { runs: [run("failed"), run("failed")], next_cursor: "c" }], [200, { runs: [run("failed")], next_cursor: null }]], async (once, { seen }) => {
    let count = 0;
    for await (const _ of once.list({ status: "failed", labels: { team: "data" } })) count++; // eslint-disable-line no-unused-vars
    assert.equal(count, 3);
    assert.match(seen[0].url, /status=failed.*label=team%3Adata/);
  }));

test("a log is read over empty pages that have more behind them, and not for ever", () => {
  const line = { time: "t", message: "here", attempt: 1 };
  return with_([[200, { events: [], next_cursor: "c1" }], [200, { events: [], next_cursor: "c2" }], [200, { events: [line], next_cursor: "c3" }], [200, { events: [], next_cursor: "c3" }]], async (once, { seen }) => {
    assert.deepEqual(await once.run("run_a").logs(), [line]);
    assert.equal(seen.length, 4);
  }).then(() => {
    let asked = 0;
    return with_([() => [200, { events: [], next_cursor: `c${asked++}` }]], async (once) => {
      assert.deepEqual(await once.run("run_a").logs(), []);
      assert.equal(asked, 5);
    });
  });
});

test("no URL, or none that is one, is a sentence", () => {
  const kept = process.env.ONCE_URL;
  delete process.env.ONCE_URL;
  assert.throws(() => new Once(), ConfigurationError);
  assert.throws(() => new Once({ url: "ftp://x" }), ConfigurationError);
  assert.throws(() => new Once({ url: "no url" }), ConfigurationError);
  if (kept) process.env.ONCE_URL = kept;
});
