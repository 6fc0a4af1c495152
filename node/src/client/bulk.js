/** One action on all runs that a filter shows. */
import { Followed } from "./followed.js";

export class Bulk extends Followed {
  get path() { return `bulk/${encodeURIComponent(this.id)}`; }
  /** Runs found so far; of these, acted on; of these, in a state that forbids it. */
  get matched() { return this.document.matched; }
  get done() { return this.document.done; }
  get refused() { return this.document.refused; }

  /** Stop it after the runs that it is at; what it has done stays done. */
  async stop() { return this.act("stop"); }
}

/** The body of `POST /bulk`. */
export function request(action, { labels = {}, dryRun = false, ...filter }) {
  const label = Object.entries(labels).map(([name, value]) => `${name}:${value}`);
  return { action, filter: { ...filter, ...(label.length ? { label } : {}) }, ...(dryRun ? { dry_run: true } : {}) };
}
