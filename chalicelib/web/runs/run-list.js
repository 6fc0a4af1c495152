// The runs on the page, newest first: the newest page, asked for again and again, over older pages kept below.

import { ended, millis } from "./format.js";

export class RunList {
  runs = [];
  cursor = null;
  #extended = false;

  /** Take the newest page. What it no longer lists, though it reaches back that far, no longer matches. */
  takeNewest({ runs, next_cursor: cursor }) {
    const listed = new Set(runs.map((run) => run.id));
    const overlaps = this.runs.some((run) => listed.has(run.id));
    if (!this.#extended || !cursor || (runs.length && !overlaps)) {
      this.#extended = false;
      this.cursor = cursor ?? null;
      this.runs = runs;
      return;
    }
    const floor = runs.length ? millis(runs.at(-1).created_at) : Infinity;
    const older = this.runs.filter((run) => !listed.has(run.id) && millis(run.created_at) <= floor);
    this.runs = [...runs, ...older];
  }

  /** Take the page after the last one. */
  takeOlder({ runs, next_cursor: cursor }) {
    const known = new Set(this.runs.map((run) => run.id));
    this.runs = [...this.runs, ...runs.filter((run) => !known.has(run.id))];
    this.cursor = cursor ?? null;
    this.#extended = true;
  }

  /** Put a newer reading of one run in its place; `keep` false takes it away. */
  put(run, keep = true) {
    this.runs = this.runs.flatMap((old) => (old.id === run.id ? (keep ? [run] : []) : [old]));
  }

  get live() {
    return this.runs.filter((run) => !ended(run));
  }
}
