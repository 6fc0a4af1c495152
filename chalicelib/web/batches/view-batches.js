// `#/batches`: the batches, newest first, with how far each is.

import { listBatches } from "./api.js";
import { glyph, h, reconcile, replace, setText } from "./dom.js";
import { actButton, asking, noticeLine, stateBox, titled } from "./frames.js";
import { ago, duration, ended, millis, plural, shortId, stamp, statusLabel } from "./format.js";
import { ORDER } from "./counts.js";
import { countBar } from "./outcomes.js";
import { moveRow, openRow, stepRow } from "./rows.js";

const COLUMNS = [["Status", "c-status"], ["Function", "c-function"], ["Batch", "c-run wide"], ["Runs", "c-bar wide"], ["Failed", "number"], ["Created", "mid number"], ["Duration", "mid number"]];

export function mount(root) {
  const heading = titled("Batches");
  const count = h("span", { class: "count" });
  const parts = new WeakMap();
  const body = h("tbody", { on: { click: openRow, keydown: moveRow } });
  const table = h("table", { class: "runs batches" }, h("caption", { class: "sr-only" }, "Batches, newest first"),
    h("thead", {}, h("tr", {}, COLUMNS.map(([name, kind]) => h("th", { scope: "col", class: kind }, name)))), body);
  const box = stateBox("Loading batches…");
  const notice = noticeLine();
  const more = actButton("Load more", loadMore, "wide-button", notice.say);
  let [last, older, cursor] = [null, [], null];
  replace(root, h("div", { class: "title-row" }, heading, count), h("div", { class: "card table-card" }, table, box.element), notice.element, more);
  table.hidden = more.hidden = true;
  const poller = asking(read, box);
  return { heading, title: "Batches", poller, step: (by) => stepRow(body, by), unmount() { poller.stop(); } };

  async function read(signal) {
    last = await listBatches({ limit: 50 }, last, signal);
    if (!older.length) cursor = last.data.next_cursor;
    paint();
    return last.data.batches.some((each) => !ended(each)) ? 2000 : 6000;
  }

  async function loadMore() {
    const { data } = await listBatches({ limit: 50, cursor });
    older = [...older, ...data.batches];
    cursor = data.next_cursor;
    paint();
  }

  function paint() {
    const known = new Set(last.data.batches.map((each) => each.id));
    const all = [...last.data.batches, ...older.filter((each) => !known.has(each.id))];
    reconcile(body, all, (each) => each.id, () => createRow(parts), (row, each) => updateRow(parts.get(row), each));
    table.hidden = !all.length;
    more.hidden = !cursor;
    setText(count, all.length ? plural(all.length, "batch").replace(/chs$/, "ches") : "");
    if (all.length) box.clear();
    else box.say(h("h2", {}, "No batches yet"), h("p", {}, "A batch runs one function over many inputs and has one outcome:"), h("pre", { class: "snippet", tabindex: "0" }, "once batch start -f report -p inputs.jsonl --wait"));
  }
}

function createRow(parts) {
  const part = { sign: h("span", { class: "sign" }), status: h("span", { class: "status-word" }), link: h("a", { class: "row-link" }), under: h("span", { class: "under mono" }), id: h("span", { class: "mono" }), bar: countBar(ORDER, "Runs by state"), failed: h("td", { class: "number" }), created: h("td", { class: "mid number" }), took: h("td", { class: "mid number" }) };
  const row = h("tr", {}, h("td", { class: "status" }, h("span", { class: "status-line" }, part.sign, part.status)), h("td", { class: "function" }, part.link, part.under),
    h("td", { class: "wide run" }, part.id), h("td", { class: "wide" }, part.bar.elements[0]), part.failed, part.created, part.took);
  parts.set(row, { row, ...part });
  return row;
}

function updateRow(part, batch) {
  const { counts } = batch;
  if (part.row.dataset.status !== batch.status) {
    part.row.dataset.status = batch.status;
    replace(part.sign, glyph(batch.status));
  }
  const wrong = counts.failed + counts.timed_out + counts.expired;
  part.row.toggleAttribute("data-unwell", batch.status === "failed");
  setText(part.status, statusLabel(batch.status));
  part.link.href = `#/batches/${batch.id}`;
  setText(part.link, batch.function);
  setText(part.under, shortId(batch.id));
  setText(part.id, shortId(batch.id));
  part.bar.show(counts);
  setText(part.failed, wrong ? `${wrong} of ${counts.total}` : `0 of ${counts.total}`);
  part.failed.classList.toggle("bad-number", wrong > 0);
  setText(part.created, ago(batch.created_at, Date.now()));
  part.created.title = stamp(batch.created_at);
  setText(part.took, duration((batch.finished_at ? millis(batch.finished_at) : Date.now()) - millis(batch.created_at)));
}
