// `#/functions/NAME`: one function: its limits, what runs and waits, its last runs; pause and resume.

import { listRuns, pauseFunction, readFunction, resumeFunction } from "./api.js";
import { ask } from "./confirm.js";
import { announce, h, replace, setText } from "./dom.js";
import { actButton, asking, crumbs, noticeLine, stateBox, titled } from "./frames.js";
import { jsonView } from "./json-view.js";
import { limits } from "./limits.js";
import { strip } from "./outcomes.js";
import { pausedBanner } from "./paused.js";
import { runsTable } from "./runs-table.js";
import { stateOf } from "./view-functions.js";

const LAST = 20;

export function mount(root, { id: name, setTitle }) {
  const heading = titled(name);
  const badge = h("span", {});
  const actions = h("div", { class: "actions push" });
  const notice = noticeLine();
  const box = stateBox("Loading the function…");
  const paused = pausedBanner(name);
  const details = h("section", { class: "card pad", "aria-labelledby": "about-title" });
  const outcomes = h("p", {});
  const table = runsTable(`Last runs of ${name}`);
  const here = encodeURIComponent(name);
  const runsCard = h("section", { class: "card table-card" }, h("div", { class: "card-head" }, h("h2", {}, "Last runs"), outcomes, h("a", { class: "button quiet small push", href: `#/runs?function=${here}` }, "In the list of runs")), table.element);
  const schema = h("div", {});
  const body = h("div", { class: "batch", hidden: true }, details, runsCard, schema);
  let [last, runs, shown] = [null, null, ""];
  replace(root, crumbs(h("a", { href: "#/functions" }, "Functions"), h("span", { class: "mono break" }, name)), h("div", { class: "title-row" }, heading, badge, actions), notice.element, paused.element, box.element, body);
  const poller = asking(read, box);
  return { heading, title: name, poller, step: table.step, unmount() { poller.stop(); } };

  async function read(signal) {
    [last, runs] = await Promise.all([readFunction(name, last, signal), listRuns({ function: name, limit: LAST }, runs, signal)]);
    const it = last.data;
    box.clear();
    body.hidden = false;
    setTitle(`${name}${it.paused ? ", paused" : ""}`);
    table.show(runs.data.runs);
    table.element.hidden = !runs.data.runs.length;
    replace(outcomes, strip(runs.data.runs));
    paused.show([it]);
    const state = JSON.stringify(it);
    if (state !== shown) paint(it);
    shown = state;
    return 3000;
  }

  function paint(it) {
    const held = actions.contains(document.activeElement);
    replace(badge, stateOf(it));
    replace(actions, it.paused === undefined ? null : it.paused ? actButton("Resume", resume, "primary", notice.say) : actButton("Pause", pause, "", notice.say), h("a", { class: "button primary", href: `#/start/${here}` }, "Start a run"));
    if (held) actions.firstChild.focus();
    const rows = [["Does", it.description], ["Runs now", count(it.running)], ["Waits", count(it.waiting)], ["Limits", limits(it)], ["Target", h("span", { class: "mono break" }, it.target)],
      ["Kind", it.mode === "tracked" ? "tracked: it reports progress and its outcome itself" : "not wrapped: Lambda tells how it ended"], ["Callback", it.callback], ["A lost attempt", it.on_lost === "fail" ? "ends the run" : "is tried again"]].filter(([, value]) => value);
    replace(details, h("h2", { id: "about-title" }, "About"), h("dl", { class: "wide-names" }, rows.map(([key, value]) => h("div", {}, h("dt", {}, key), h("dd", {}, value)))));
    replace(schema, it.input_schema ? h("details", { class: "card panel" }, h("summary", {}, h("h2", {}, "Schema of the input")), h("div", { class: "panel-body" }, jsonView(JSON.stringify(it.input_schema), "Schema").element)) : null);
  }

  async function pause() {
    const reason = await ask(`Pause ${name}?`, "Runs that come stay queued, and so do retries. What runs goes on. It takes up to 10 seconds everywhere.", "Why (whoever looks will read it)", "Pause");
    if (reason === null) return;
    await pauseFunction(name, reason || "paused on the dashboard");
    after("Paused");
  }

  async function resume() {
    await resumeFunction(name);
    after("Resumed");
  }

  function after(text) {
    announce(text);
    last = null;
    poller.now();
  }
}

const count = (number) => (number === undefined || number === null ? null : String(number));
