/** Many runs with one outcome. */
import { BatchFailed } from "./errors.js";
import { Followed } from "./followed.js";
import { Run } from "./run.js";

export class Batch extends Followed {
  get path() { return `batches/${encodeURIComponent(this.id)}`; }
  get counts() { return this.document.counts; }

  /** Wait, then the outputs in the order of the inputs. A run that did not succeed throws, unless `raiseFailed: false`: then it is undefined. */
  async results({ raiseFailed = true, ...options } = {}) {
    await this.wait(options);
    const outputs = [];
    for (let cursor; ; ) {
      const page = await this.http.json("GET", `${this.path}/results`, { query: { cursor } });
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
      const page = await this.http.json("GET", `${this.path}/runs`, { query: { status, cursor } });
      for (const document of page.runs) yield new Run(this.http, document);
      if (!page.next_cursor) return;
      cursor = page.next_cursor;
    }
  }

  async cancel() { return this.act("cancel"); }
  async retry() { return this.act("retry"); }
}
