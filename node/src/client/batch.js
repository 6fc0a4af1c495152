/** Many runs with one outcome. */
import { BatchFailed } from "./errors.js";
import { Run } from "./run.js";
import { watch } from "./waiting.js";

export class Batch {
  constructor(http, document) {
    this.http = http;
    this.document = document;
  }

  get id() { return this.document.id; }
  get status() { return this.document.status; }
  get counts() { return this.document.counts; }
  get finished() { return this.document.status !== "running"; }
  get #path() { return `batches/${encodeURIComponent(this.id)}`; }

  async refresh() {
    this.document = await this.http.json("GET", this.#path);
    return this;
  }

  async *watch({ timeout, signal } = {}) {
    if (this.finished) { yield this; return; }
    for await (const document of watch(this.http, this.#path, (seen) => seen.status !== "running", { timeout, signal })) {
      this.document = document;
      yield this;
    }
  }

  async wait(options) {
    for await (const _ of this.watch(options)); // eslint-disable-line no-unused-vars
    return this;
  }

  /** Wait, then the outputs in the order of the inputs. A run that did not succeed throws, unless `raiseFailed: false`: then it is undefined. */
  async results({ raiseFailed = true, ...options } = {}) {
    await this.wait(options);
    const outputs = [];
    for (let cursor; ; ) {
      const page = await this.http.json("GET", `${this.#path}/results`, { query: { cursor } });
      for (const result of page.results) {
        if (result.status !== "succeeded") {
          if (raiseFailed) throw new BatchFailed(`item ${result.index} ${result.status}`, { result });
          outputs.push(undefined);
        } else {
          outputs.push("output" in result ? result.output : await new Run(this.http, { id: result.run_id, status: "succeeded" }).result());
        }
      }
      if (!page.next_cursor) return outputs;
      cursor = page.next_cursor;
    }
  }

  async *runs({ status } = {}) {
    for (let cursor; ; ) {
      const page = await this.http.json("GET", `${this.#path}/runs`, { query: { status, cursor } });
      for (const document of page.runs) yield new Run(this.http, document);
      if (!page.next_cursor) return;
      cursor = page.next_cursor;
    }
  }

  async cancel() { return this.#act("cancel"); }
  async retry() { return this.#act("retry"); }

  async #act(what) {
    this.document = await this.http.json("POST", `${this.#path}/${what}`);
    return this;
  }
}
