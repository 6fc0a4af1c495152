/**
 * Attempts of the JavaScript library, whose store, objects and clock are another process's: it is asked over a pipe, a
 * line of JSON a message, and may do anything before it answers.
 *
 *     in   {"id", "do": "claim" | "settle" | …, "worker", "now", …}   out  {"done": id, "value" | "error"}
 *     out  {"ask", "worker", "call": "write" | "get" | …, …}          in   {"answer": ask, "now", "value" | "error"}
 */
import { writeSync } from "node:fs";
import { createInterface } from "node:readline";

import * as errors from "../../node/src/errors.js";
import { Attempt } from "../../node/src/handler/attempt.js";
import { envelopeOf } from "../../node/src/handler/envelope.js";
import { claimRun } from "../../node/src/handler/fired.js";
import { Runtime, useRuntime } from "../../node/src/handler/runtime.js";
import { currentRun, tracked } from "../../node/src/index.js";
import { Payloads } from "../../node/src/store/payloads.js";
import { Store } from "../../node/src/store/store.js";

process.stdout.write = () => true; // what the library logs
const tell = (message) => writeSync(1, `${JSON.stringify(message)}\n`);
const revived = (_, value) => (value && typeof value === "object" && typeof value.bytes === "string" ? Buffer.from(value.bytes, "base64") : value);
Buffer.prototype.toJSON = function toJSON() { return { bytes: this.toString("base64") }; };

const workers = new Map(), asked = new Map();

class Remote {
  now = 0;
  attempt = null;

  constructor(name, policy) {
    this.name = name;
    const store = new Store(this);
    this.runtime = new Runtime({
      store, payloads: new Payloads(store, { put: (key, data) => this.ask("put", { key, data: Buffer.from(data) }), get: (key) => this.ask("object", { key }) }),
      policy, now: () => this.now, sleep: (ms) => this.ask("sleep", { ms }), random: () => 0.5,
    });
  }

  ask(call, about) {
    return new Promise((resolve, reject) => {
      asked.set(asked.size, { worker: this, resolve, reject });
      tell({ ask: asked.size - 1, worker: this.name, call, ...about });
    });
  }

  write(move) { return this.ask("write", { move }); }
  get(runId, part, { consistent = true } = {}) { return this.ask("get", { run_id: runId, part, consistent }); }
}

const ACTS = {
  async claim(worker, { event, left_ms: leftMs }) {
    const { claimed, deadlineMs } = await claimRun(worker.runtime, envelopeOf(event), { getRemainingTimeInMillis: () => leftMs });
    if (claimed.applied) worker.attempt = new Attempt(worker.runtime, claimed.head, deadlineMs);
    return claimed;
  },
  /** A direct call, whose body is asked for too. */
  async direct(worker, { key, attach, left_ms: leftMs, request_id: awsRequestId }) {
    const handler = tracked(async () => {
      const { id, attempt } = currentRun();
      const { how, value } = await worker.ask("body", { run_id: id, attempt });
      if (how === "value" || how === "large") return value;
      throw how === "cancelled" ? new errors.RunCancelled() : new Error("no");
    }, { key: "key", attach });
    return useRuntime(worker.runtime, () => handler({ key }, { awsRequestId, getRemainingTimeInMillis: () => leftMs }));
  },
  settle: ({ attempt }, { outcome }) => attempt.settle(outcome),
  async runOut({ attempt }, { seconds }) {
    await attempt.runOut(seconds);
    return attempt.settle(); // what it was settled with
  },
  async beat({ attempt }, { lease_ms: leaseMs }) { await attempt.beat(leaseMs); },
  async progress({ attempt }, { fraction, message }) {
    attempt.progress(fraction, message);
    await attempt.quiet();
  },
  async checkpoint({ attempt }, { state, now }) {
    try {
      await attempt.checkpoint(state, undefined, undefined, { now });
    } finally {
      await attempt.quiet();
    }
  },
};

async function done({ id, do: act, worker: name, now, policy, ...about }) {
  const worker = workers.get(name) ?? new Remote(name, policy);
  workers.set(name, worker);
  worker.now = now;
  try {
    tell({ done: id, value: (await ACTS[act](worker, about)) ?? null });
  } catch (error) {
    tell({ done: id, error: { name: error.name, message: error.message, code: error.code ?? "", stack: error.stack } });
  }
}

function answered({ answer, now, value, error }) {
  const { worker, resolve, reject } = asked.get(answer);
  worker.now = now;
  if (error) reject(new errors[error.name](error.message, error.code));
  else resolve(value);
}

for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line, revived);
  if ("answer" in message) answered(message);
  else done(message);
}
