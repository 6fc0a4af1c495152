/** A run, as last seen. */
import { ended } from "./errors.js";
import { watch } from "./waiting.js";

const EMPTY_PAGES = 5;
const OVER = new Set(["succeeded", "failed", "timed_out", "cancelled", "expired"]);

export class Run {
  constructor(http, document) {
    this.http = http;
    this.document = document;
  }

  get id() { return this.document.id; }
  get status() { return this.document.status; }
  get finished() { return OVER.has(this.document.status); }
  get progress() { return this.document.progress ?? null; }
  get output() { return this.document.output; }
  get error() { return this.document.error ?? null; }
  get #path() { return `runs/${encodeURIComponent(this.id)}`; }

  /** Read it now. */
  async refresh() {
    this.document = await this.http.json("GET", this.#path);
    return this;
  }

  /** Each change until it has ended: `for await (const seen of run.watch()) …`. `timeout` is milliseconds. */
  async *watch({ timeout, signal } = {}) {
    if (this.finished) { yield this; return; }
    for await (const document of watch(this.http, this.#path, (seen) => OVER.has(seen.status), { timeout, signal })) {
      this.document = document;
      yield this;
    }
  }

  /** Until it has ended, however it did. Throws `WaitTimeout`. */
  async wait(options) {
    for await (const _ of this.watch(options)); // eslint-disable-line no-unused-vars
    return this;
  }

  /** Wait, then the output, whatever its size. Throws `RunFailed` and the like. */
  async result(options) {
    await this.wait(options);
    if (this.status !== "succeeded") throw ended(this.document);
    if (this.document.output !== null && this.document.output !== undefined) return this.document.output;
    // null, or too large for the document: then it may lie behind a link, which wants no token
    const answer = await this.http.call("GET", `${this.#path}/output`, { headers: { Accept: "text/uri-list, application/json" } });
    if (!/^text\/uri-list/.test(answer.headers.get("content-type") ?? "")) return answer.json();
    const linked = await this.http.send((await answer.text()).trim());
    if (!linked.ok) throw new Error(`the output's link answered ${linked.status}`);
    return linked.json();
  }

  async cancel() { return this.#act("cancel"); }

  /** Send a run that ended without success again; `from` is "checkpoint" (the default) or "start". */
  async retry({ from } = {}) { return this.#act("retry", from && { from }); }

  async logs({ attempt } = {}) {
    const lines = [];
    for (let cursor, empty = 0; ; ) {
      const page = await this.http.json("GET", `${this.#path}/logs`, { query: { attempt, cursor } });
      lines.push(...page.events);
      empty = page.events.length ? 0 : empty + 1; // a busy log group is searched in parts
      if (!page.next_cursor || page.next_cursor === cursor || empty >= EMPTY_PAGES) return lines;
      cursor = page.next_cursor;
    }
  }

  async #act(what, body) {
    this.document = await this.http.json("POST", `${this.#path}/${what}`, body && { body: JSON.stringify(body) });
    return this;
  }
}
