// `#/batches/ID`: one batch: how far it is, its failures first, its results to keep.

import { batchResults, batchRuns, cancelBatch, getBatch, retryBatch } from "./api.js";
import { confirm } from "./confirm.js";
import { ORDER, unsuccessful } from "./counts.js";
import { announce, button, copyButton, glyph, h, replace, setText } from "./dom.js";
import { actButton, asking, crumbs, noticeLine, stateBox, titled } from "./frames.js";
import { ago, duration, ended, millis, plural, stamp, statusLabel } from "./format.js";
import { memberText } from "./json-member.js";
import { download } from "./json-view.js";
import { countBar } from "./outcomes.js";
import { runsTable } from "./runs-table.js";
import { linked } from "./session.js";

const SHOWN = 100;
const FAILED = "failed,timed_out,expired";

export function mount(root, { id, setTitle }) {
  const whole = !linked(); // a link opens the batch and its results, nothing else
  const heading = titled("Batch");
  const badge = h("span", { class: "badge" });
  const actions = h("div", { class: "actions push" });
  const notice = noticeLine();
  const box = stateBox("Loading the batch…");
  const bar = countBar(ORDER, "Runs by state");
  const facts = h("p", { class: "hint" });
  const failures = runsPart("Failures", "No run has failed.", true);
  const others = runsPart("All runs, by their place", "No run has begun.", false);
  const body = h("div", { class: "batch", hidden: true }, h("section", { class: "card pad", "aria-label": "Progress" }, bar.elements, facts), whole ? [failures.element, others.element] : null);
  let [batch, last, acted, stale] = [null, null, "", true];
  replace(root, crumbs(...(whole ? [h("a", { href: "#/batches" }, "Batches")] : []), h("span", {}, h("span", { class: "mono break" }, id), copyButton("Copy", () => id))), h("div", { class: "title-row" }, heading, badge, actions), notice.element, box.element, body);
  const poller = asking(read, box);
  return { heading, title: "Batch", poller, step: (by) => (failures.table.element.hidden ? others : failures).table.step(by), unmount() { poller.stop(); } };

  async function read(signal) {
    last = await getBatch(id, last, signal);
    const before = batch;
    batch = last.data;
    stale ||= last.changed;
    if (whole && stale) await Promise.all([failures.load(FAILED, signal), others.load("", signal)]);
    stale = false;
    if (before && before.status !== batch.status) announce(`Batch ${statusLabel(batch.status).toLowerCase()}`);
    paint();
    return ended(batch) ? (batch.callback?.status === "pending" ? 4000 : null) : 1500;
  }

  function paint() {
    box.clear();
    body.hidden = false;
    setText(heading, batch.function);
    setTitle(`${batch.function}, batch ${statusLabel(batch.status).toLowerCase()}`);
    badge.dataset.status = batch.status;
    replace(badge, glyph(batch.status), statusLabel(batch.status));
    bar.show(batch.counts, (state) => (!whole ? null : state === "waiting" ? `#/runs?batch=${id}` : `#/runs?batch=${id}&status=${state}`));
    setText(facts, factsOf(batch));
    const state = `${batch.status} ${unsuccessful(batch.counts) > 0}`;
    if (state !== acted) replace(actions, actionsOf());
    acted = state;
  }

  function actionsOf() {
    const wrong = unsuccessful(batch.counts);
    const over = ended(batch);
    return [
      over || !whole ? null : actButton("Cancel batch", cancel, "danger", notice.say),
      over && wrong && whole ? actButton(`Retry ${plural(wrong, "unsuccessful run")}`, () => change(retryBatch, "The unsuccessful runs go again."), "primary", notice.say) : null,
      over ? actButton("Download results", results, "", notice.say) : null,
    ];
  }

  async function cancel() {
    const left = batch.counts.waiting + batch.counts.running;
    if (await confirm("Cancel this batch?", `${plural(left, "run")} of ${batch.counts.total} ${left === 1 ? "is" : "are"} not over: what has not begun never will, what runs is asked to stop.`, "Cancel the batch", "Keep it going")) await change(cancelBatch, "Cancel requested.");
  }

  async function change(call, said) {
    await call(id);
    notice.say(said);
    last = null;
    poller.now();
  }

  /** All results, page by page, as one JSON file: the order is that of the inputs. */
  async function results() {
    const pages = [];
    let read = 0;
    for (let cursor = null, first = true; first || cursor; first = false) {
      const text = await batchResults(id, { cursor });
      const page = JSON.parse(text);
      if (page.results.length) pages.push(memberText(text, "results").slice(1, -1));
      read += page.results.length;
      cursor = page.next_cursor;
      notice.say(`${read} of ${batch.counts.total} results read…`);
    }
    download(`[${pages.join(",\n")}]`, `${id}-results.json`);
    notice.say(`${plural(read, "result")} saved as ${id}-results.json`);
  }

  /** A table of the batch's runs in `status`; the first page is kept up to date. */
  function runsPart(title, nothing, first) {
    const table = runsTable(`${title} of this batch`);
    const empty = h("p", { class: "hint pad" }, nothing);
    const more = h("a", { class: "button quiet small", href: `#/runs?batch=${id}${first ? "&status=failed" : ""}` }, "In the list of runs");
    const element = h("section", { class: "card table-card" }, h("div", { class: "card-head" }, h("h2", {}, title), more), table.element, empty);
    return {
      element, table,
      async load(status, signal) {
        const { runs } = await batchRuns(id, { status, limit: SHOWN }, signal);
        table.show(runs);
        table.element.hidden = !runs.length;
        empty.hidden = runs.length > 0;
      },
    };
  }
}

function factsOf(batch) {
  const end = batch.finished_at ? millis(batch.finished_at) : Date.now();
  const over = batch.counts.total - batch.counts.waiting - batch.counts.running;
  return [`${over} of ${batch.counts.total} over`, `created ${ago(batch.created_at, Date.now())} (${stamp(batch.created_at)})`, `${batch.finished_at ? "took" : "for"} ${duration(end - millis(batch.created_at))}`,
    batch.cancelled_by ? `cancelled by token ${batch.cancelled_by}` : "", batch.callback ? `callback ${batch.callback.status} (${batch.callback.url})` : "", ...Object.entries(batch.labels ?? {}).map(([name, value]) => `${name}:${value}`)].filter(Boolean).join(" · ");
}
