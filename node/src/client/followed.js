/** What runs for a while on the service and is looked at until it has ended. Who extends it says its `path`. */
import { watch } from "./waiting.js";

export class Followed {
  constructor(http, document) {
    this.http = http;
    this.document = document;
  }

  get id() { return this.document.id; }
  get status() { return this.document.status; }
  get finished() { return this.document.status !== "running"; }

  /** Read it now. */
  async refresh() {
    this.document = await this.http.json("GET", this.path);
    return this;
  }

  /** Each change until it has ended. `timeout` is milliseconds. */
  async *watch({ timeout, signal } = {}) {
    if (this.finished) { yield this; return; }
    for await (const document of watch(this.http, this.path, (seen) => seen.status !== "running", { timeout, signal })) {
      this.document = document;
      yield this;
    }
  }

  /** Until it has ended, however it did. Throws `WaitTimeout`. */
  async wait(options) {
    for await (const _ of this.watch(options)); // eslint-disable-line no-unused-vars
    return this;
  }

  async act(what) {
    this.document = await this.http.json("POST", `${this.path}/${what}`);
    return this;
  }
}
