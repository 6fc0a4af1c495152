/** The client: start a run once, whatever happens to the connection. For Node.js and browsers. */
import { Batch } from "./batch.js";
import { Bulk, request as bulkRequest } from "./bulk.js";
import { ServiceUnreachable } from "./errors.js";
import { Http } from "./http.js";
import { Run } from "./run.js";

/** Option of `start` and `map`: member of the request. */
const MEMBERS = {
  callback: "callback", labels: "labels", retry: "retry", delaySeconds: "delay_seconds", queueTimeoutSeconds: "queue_timeout_seconds",
  ifFailed: "if_failed", concurrency: "concurrency", maxRunning: "max_running",
};
const OTHER = new Set(["key", "wait", "signal", "traceparent"]);

export class Once {
  #http;

  /** `url` and `token`, or ONCE_URL and ONCE_TOKEN. `fetch` and `sleep` are for tests. */
  constructor(options = {}) {
    this.#http = new Http(options);
  }

  /** Start a run, or find the one that this key has started before. */
  async start(name, input = null, options = {}) {
    const request = { function: name, input, ...members(options) };
    return new Run(this.#http, await this.#post("runs", request, options));
  }

  /** Start one run for each input, with one outcome. */
  async map(name, inputs, options = {}) {
    const request = { function: name, items: Array.from(inputs, (input) => ({ input })), ...members(options) };
    return new Batch(this.#http, await this.#post("batches", request, options));
  }

  /** A handle of a known run; nothing is asked. */
  run(id) { return new Run(this.#http, { id, status: "unknown" }); }
  async get(id) { return this.run(id).refresh(); }
  batch(id) { return new Batch(this.#http, { id, status: "running", counts: undefined }); }

  /** Cancel all runs that match, retry them, or `resend` their callbacks; `dryRun` only counts them. */
  async bulk(action, { key, signal, ...filter } = {}) {
    return new Bulk(this.#http, await this.#post("bulk", bulkRequest(action, filter), { key, signal }));
  }

  bulkJob(id) { return new Bulk(this.#http, { id, status: "running" }); }

  /** Runs, newest first, page by page as they are read: `for await (const run of once.list({ status: "failed" }))`. */
  async *list({ limit = Infinity, labels = {}, ...query } = {}) {
    const label = Object.entries(labels).map(([name, value]) => `${name}:${value}`);
    for (let cursor, left = limit; left > 0; ) {
      const page = await this.#http.json("GET", "runs", { query: { ...query, label, cursor, limit: Math.min(left, 100) } });
      for (const document of page.runs) yield new Run(this.#http, document);
      left -= page.runs.length;
      if (!page.next_cursor) return;
      cursor = page.next_cursor;
    }
  }

  async functions() { return (await this.#http.json("GET", "functions")).functions; }

  async #post(path, request, { key = globalThis.crypto.randomUUID(), wait = 0, signal, traceparent }) {
    const headers = { "Idempotency-Key": quoted(key) };
    if (wait) headers.Prefer = `wait=${Math.ceil(wait)}`;
    if (traceparent) headers.traceparent = traceparent;
    try {
      return await this.#http.json("POST", path, { body: JSON.stringify(request), headers, hold: wait, signal });
    } catch (error) {
      if (error instanceof ServiceUnreachable) error.idempotencyKey = key;
      throw error;
    }
  }
}

/** A key as a structured-field string. What is no text would be the same key for every call: null, an object. */
function quoted(key) {
  if (typeof key !== "string" || !/^[\x20-\x7e]{1,255}$/.test(key)) throw new TypeError("an idempotency key is 1 to 255 visible ASCII characters");
  return `"${key.replace(/[\\"]/g, "\\$&")}"`;
}

function members(options) {
  const found = {};
  for (const [name, value] of Object.entries(options)) {
    if (name in MEMBERS) {
      if (value !== undefined) found[MEMBERS[name]] = name === "callback" && typeof value === "string" ? { url: value } : value;
    } else if (!OTHER.has(name)) {
      throw new TypeError(`unknown option ${name}; there are ${[...Object.keys(MEMBERS), ...OTHER].join(", ")}`);
    }
  }
  return found;
}
