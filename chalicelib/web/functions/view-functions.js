// `#/functions`: what can be run: paused or not, what runs and waits, and how it went lately.

import { listRuns, readFunctions } from "./api.js";
import { h, reconcile, replace, setText } from "./dom.js";
import { asking, stateBox, titled } from "./frames.js";
import { limits } from "./limits.js";
import { strip } from "./outcomes.js";
import { pauseWords } from "./paused.js";
import { moveRow, openRow, stepRow } from "./rows.js";

const LATELY = 10; // outcomes a function, of the newest runs
const COLUMNS = [["Function", "c-name"], ["State", "c-state"], ["Running", "number c-count"], ["Waiting", "number c-count"], ["Last outcomes, newest first", "wide"], ["Limits", "wide"]];

export function mount(root) {
  const heading = titled("Functions");
  const body = h("tbody", { on: { click: openRow, keydown: moveRow } });
  const table = h("table", { class: "runs functions", hidden: true }, h("caption", { class: "sr-only" }, "Functions"), h("thead", {}, h("tr", {}, COLUMNS.map(([name, kind]) => h("th", { scope: "col", class: kind }, name)))), body);
  const box = stateBox("Loading functions…");
  replace(root, h("div", { class: "title-row" }, heading), h("div", { class: "card table-card" }, table, box.element));
  let [last, runs] = [null, null];
  const poller = asking(read, box);
  return { heading, title: "Functions", poller, step: (by) => stepRow(body, by), unmount() { poller.stop(); } };

  async function read(signal) {
    const [found, lately] = await Promise.all([readFunctions(last, signal), listRuns({ limit: 100 }, runs, signal)]);
    if (!found.changed && !lately.changed && last) return 5000;
    [last, runs] = [found, lately];
    const { functions } = found.data;
    reconcile(body, functions, (each) => each.name, () => h("tr"), (row, each) => paint(row, each, lately.data.runs));
    table.hidden = !functions.length;
    if (functions.length) box.clear();
    else box.say(h("h2", {}, "No functions"), h("p", {}, "functions.toml names none that may be run."));
    return 4000;
  }
}

function paint(row, each, runs) {
  const mine = runs.filter((run) => run.function === each.name).slice(0, LATELY);
  const state = JSON.stringify([each.paused, each.running, each.waiting, mine.map((run) => [run.id, run.status])]);
  if (row.dataset.state === state) return;
  const held = row.contains(document.activeElement);
  row.dataset.state = state;
  replace(row,
    h("td", {}, h("a", { class: "row-link", href: `#/functions/${encodeURIComponent(each.name)}` }, each.name), h("span", { class: "about" }, each.description ?? "")),
    h("td", {}, stateOf(each)), count(each.running), count(each.waiting), h("td", { class: "wide" }, strip(mine)), h("td", { class: "wide soft" }, limits(each)));
  if (held) row.querySelector("a.row-link").focus();
}

const count = (number) => h("td", { class: "number" }, number === undefined || number === null ? "–" : String(number));

/** Open for runs, or paused: a shape and a word. */
export function stateOf(each) {
  const element = h("span", { class: each.paused ? "pill paused-pill" : "pill" });
  setText(element, each.paused ? "Paused" : "Open");
  if (each.paused) element.title = pauseWords(each.paused);
  return element;
}
