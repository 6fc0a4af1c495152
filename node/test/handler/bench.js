/** A store in memory, a clock that is stepped, and a Lambda context: a handler's runs without AWS. */
import { Runtime, useRuntime } from "../../src/handler/runtime.js";
import { headOf } from "../../src/life/head.js";
import { dueShard, runId, tenantShard } from "../../src/life/keys.js";
import { MemoryObjects, MemoryTable } from "../../src/store/memory.js";
import { errorOf, Payloads } from "../../src/store/payloads.js";
import { Store } from "../../src/store/store.js";

export class Bench {
  now = 1_800_000_000_000;
  lines = [];
  timers = [];
  requests = 0;

  constructor({ policy = {}, engine = new MemoryTable() } = {}) {
    this.table = engine;
    this.store = new Store(engine);
    this.objects = new MemoryObjects();
    this.payloads = new Payloads(this.store, this.objects);
    this.runtime = new Runtime({
      store: this.store, payloads: this.payloads, policy: { function: "billing", tenant: "demo", ...policy }, now: () => this.now,
      sleep: async (ms) => { await this.step(ms); },
      timer: (act, ms) => { this.timers.push({ at: this.now + ms, act }); },
    });
  }

  /** Time passes, and what was to happen by then happens. */
  async step(ms) {
    this.now += ms;
    for (const timer of this.timers.filter(({ at }) => at <= this.now)) {
      this.timers.splice(this.timers.indexOf(timer), 1);
      timer.act();
      await new Promise(setImmediate);
    }
  }

  context(timeoutMs = 900_000, awsRequestId = `request-${++this.requests}`) {
    const deadline = this.now + timeoutMs;
    return { awsRequestId, functionName: "lambda-name", getRemainingTimeInMillis: () => Math.max(deadline - this.now, 0) };
  }

  /** A queued run, as the service's start leaves it, and the event that fires it. */
  async queued(input = null, more = {}, key = `key-${++this.requests}`) {
    const id = runId("demo", "billing", key);
    const item = {
      run_id: id, part: "head", tenant: "demo", function: "billing", key, status: "queued", generation: "gggggggggggg1",
      created_at: this.now, queue_ms: 21_600_000, queue_until: this.now + 21_600_000, retention_s: 2_592_000,
      expires_at: Math.floor(this.now / 1_000) + 3_000_000, max_attempts: 1, backoff_ms: 10_000, max_backoff_ms: 600_000,
      jitter: false, dispatches: 1, due_at: this.now + 60_000, due_shard: dueShard(id), tenant_shard: tenantShard("demo", id), ...more,
    };
    this.table.items.set(`${id} head`, item);
    return this.event(item, input);
  }

  event(item, input, more = {}) {
    return { invoke_once: { run_id: item.run_id, generation: item.generation, attempt: (item.attempt ?? 0) + 1, fired_at: this.now, v: 1, ...more }, input };
  }

  async call(handler, event, context = this.context()) {
    return useRuntime(this.runtime, () => handler(event, context));
  }

  head(id) {
    const item = this.table.items.get(`${id} head`);
    return item && headOf(item);
  }

  heads() {
    return [...this.table.items.values()].filter((item) => item.part === "head").map(headOf);
  }

  error(id) {
    return errorOf(this.head(id));
  }

  async output(id) {
    return JSON.parse((await this.payloads.output(this.head(id))).toString());
  }
}

/** The log lines that `work` prints. */
export async function logged(work) {
  const lines = [], write = process.stdout.write;
  process.stdout.write = (text, ...more) => {
    if (typeof text === "string" && text.startsWith('{"event"')) {
      lines.push(JSON.parse(text));
      return true;
    }
    return write.call(process.stdout, text, ...more);
  };
  try {
    await work();
  } finally {
    process.stdout.write = write;
  }
  return lines;
}
