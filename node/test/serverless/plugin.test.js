import assert from "node:assert/strict";
import { cpSync, mkdtempSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { problem, run, service } from "../client/service.js";

// the two packages as npm installs them, side by side
const NODE = fileURLToPath(new URL("../..", import.meta.url));
const PROJECT = mkdtempSync(join(tmpdir(), "plugin-"));
for (const part of ["package.json", "src"]) cpSync(join(NODE, part), join(PROJECT, "node_modules/invoke-once", part), { recursive: true });
cpSync(join(NODE, "serverless"), join(PROJECT, "node_modules/serverless-invoke-once"), { recursive: true });
writeFileSync(join(PROJECT, "input.json"), '{"from": "file"}');
const Plugin = createRequire(join(PROJECT, "index.js"))("serverless-invoke-once");

class Told extends Error {
  constructor(message, code) { super(message); this.code = code; }
}

function framework(settings = {}) {
  const own = { pluginName: "AwsInvoke", hook: () => assert.fail("the framework's own call") };
  return {
    classes: { Error: Told }, serviceDir: PROJECT,
    pluginManager: { hooks: { "invoke:invoke": [own, { pluginName: "Other", hook: () => "kept" }] } },
    service: { custom: { invokeOnce: settings }, getFunction: (name) => { if (name === "nope") throw new Told("no such function", "X"); } },
  };
}

async function invoke(options, answers, settings = {}) {
  const there = await service(...answers);
  const lines = [], said = [];
  const serverless = framework({ url: there.options.url, ...settings });
  const plugin = new Plugin(serverless, options, { log: { notice: (line) => said.push(line), warning: (line) => said.push(line) }, writeText: (line) => lines.push(line) });
  plugin.hooks.initialize();
  const hooks = serverless.pluginManager.hooks["invoke:invoke"];
  assert.deepEqual(hooks.map((one) => one.pluginName), ["Other", "InvokeOnce"]);
  try { await hooks[1].hook(); } finally { there.close(); }
  return { lines, said, seen: there.seen };
}

test("sls invoke prints progress and the result of one run", async () => {
  const progress = { progress: { fraction: 0.5, message: "half" } };
  const { lines, said, seen } = await invoke({ function: "billing", data: '{"a": 1}' },
    [[202, run("queued")], [200, run("running", progress), { "Retry-After": "0" }], [200, run("succeeded", { output: { ok: true } })]], { functions: { billing: "invoices" } });
  assert.deepEqual(seen[0].body, { function: "invoices", input: { a: 1 } });
  assert.deepEqual(lines, ['{\n    "ok": true\n}']);
  assert.ok(said.some((line) => line.includes("50 % half")) && said[0].includes("once attach run_"));
});

test("--type Event prints the run's id and does not wait", async () => {
  const { lines, seen } = await invoke({ function: "billing", type: "Event", path: "input.json" }, [[202, run("queued")]]);
  assert.deepEqual(lines, [run("queued").id]);
  assert.deepEqual(seen.map((one) => one.body), [{ function: "billing", input: { from: "file" } }]);
});

test("a run that failed, a refusal and a missing file are the framework's errors", async () => {
  await assert.rejects(invoke({ function: "billing", data: "1" }, [[200, run("failed", { error: { type: "E", message: "no" } })]]), (error) => error instanceof Told && /E: no/.test(error.message));
  await assert.rejects(invoke({ function: "billing", data: "1" }, [problem(404, "not-found", { detail: "There is no such function." })]), (error) => error instanceof Told && /no such function/.test(error.message));
  await assert.rejects(invoke({ function: "billing", path: "missing.json" }, [[200, {}]]), /missing.json does not exist/);
});

test("ONCE_DIRECT leaves the framework's own call where it was", () => {
  process.env.ONCE_DIRECT = "1";
  const serverless = framework();
  new Plugin(serverless, {}).hooks.initialize();
  delete process.env.ONCE_DIRECT;
  assert.deepEqual(serverless.pluginManager.hooks["invoke:invoke"].map((one) => one.pluginName), ["AwsInvoke", "Other"]);
});
