// `#/runs`: the list, its filters and its charts, kept up to date.

import { getFunctions, getRun, listRuns } from "./api.js";
import { bulkBar } from "./bulk.js";
import { durationChart, outcomeChart } from "./charts.js";
import { announce, button, h, replace, setText } from "./dom.js";
import { SINCE, filterBar } from "./filters.js";
import { plural } from "./format.js";
import { actButton, noticeLine } from "./frames.js";
import { pausedBanner } from "./paused.js";
import { Poller } from "./poll.js";
import { RunList } from "./run-list.js";
import { runsTable } from "./runs-table.js";
import { prefer, preference } from "./session.js";

const PAGE = 50;
const LIVE_MS = 2000;
const IDLE_MS = 4000;
const FOLLOWED = 5; // unfinished runs below the newest page that are asked for one by one

export function mount(root, { params, go }) {
  const list = new RunList();
  const table = runsTable();
  const charts = [outcomeChart(), durationChart()];
  const heading = h("h1", { tabindex: "-1" }, "Runs");
  const count = h("span", { class: "count" });
  const state = h("div", { class: "state" });
  const notice = noticeLine();
  const more = actButton("Load more", loadMore, "wide-button", notice.say);
  const filters = filterBar(params, go);
  const query = queryOf(params);
  const bulk = bulkBar(query, () => { last = null; poller.now(); });
  const paused = pausedBanner(params.function);
  getFunctions().then(paused.show, () => {});
  const plots = h("section", { class: "charts", id: "charts", "aria-label": "Charts of the runs below" }, charts.map((chart) => chart.element));
  replace(root,
    h("div", { class: "title-row" }, heading, count, h("div", { class: "actions push fold-row" }, filters.fold, foldButton(plots), h("a", { class: "button primary", href: "#/start" }, "Start a run"))),
    paused.element, filters.element, plots, bulk.element, h("div", { class: "card table-card" }, table.element, state), notice.element, more);

  let last = null;
  let quiet = 0;
  let loaded = false;
  const poller = new Poller(refresh).start();
  const ticker = setInterval(() => table.tick(Date.now()), 1000);
  paint();
  return { heading, title: "Runs", poller, focus: filters.focus, step: table.step, unmount() { poller.stop(); clearInterval(ticker); bulk.unmount(); } };

  async function refresh(signal) {
    let answer;
    try {
      answer = await listRuns(query, last, signal);
    } catch (error) {
      if (error.kind === "invalid") filters.refuse(error);
      else if (!loaded && error.kind) showState(h("h2", {}, error.kind === "down" ? "No answer yet" : error.title), h("p", {}, error.message));
      if (error.kind === "invalid" || error.kind === "forbidden") return null;
      throw error;
    }
    last = answer;
    const before = list.runs.length ? list.runs[0].id : null;
    if (answer.changed) list.takeNewest(answer.data);
    await followOlder(answer.data, signal);
    if (!loaded) await lookFurther(signal);
    if (loaded && list.runs.length && list.runs[0].id !== before && answer.changed) announceNew(before);
    loaded = true;
    quiet = answer.changed ? 0 : quiet + 1;
    paint();
    return list.live.length ? LIVE_MS : IDLE_MS + Math.min(quiet, 12) * 500;
  }

  async function followOlder(page, signal) {
    const listed = new Set(page.runs.map((run) => run.id));
    const older = list.live.filter((run) => !listed.has(run.id)).slice(0, FOLLOWED);
    for (const { data } of await Promise.all(older.map((run) => getRun(run.id, null, signal)))) {
      list.put(data, !query.status || query.status === data.status);
    }
  }

  /** A page of a filtered list may be short though more follows: look a few pages on before showing it. */
  async function lookFurther(signal) {
    for (let page = 0; page < 4 && list.cursor && list.runs.length < PAGE / 2; page += 1) {
      list.takeOlder((await listRuns({ ...query, cursor: list.cursor }, null, signal)).data);
    }
  }

  async function loadMore() {
    const rows = table.element.tBodies[0].rows;
    const end = rows.length;
    list.takeOlder((await listRuns({ ...query, cursor: list.cursor })).data);
    paint();
    announce(`${plural(list.runs.length, "run")} loaded`);
    if (more.hidden) rows[Math.min(end, rows.length - 1)]?.querySelector("a")?.focus();
  }

  function announceNew(before) {
    const fresh = list.runs.findIndex((run) => run.id === before);
    announce(fresh > 0 ? plural(fresh, "new run") : "The list has changed");
  }

  function paint() {
    table.show(list.runs);
    plots.classList.toggle("empty", loaded && !list.runs.length);
    for (const chart of charts) chart.show(list.runs);
    const going = list.live.length;
    setText(count, loaded ? `${list.runs.length}${list.cursor ? "+" : ""} loaded${going ? `, ${going} under way` : ""}` : "");
    table.element.hidden = !list.runs.length;
    more.hidden = !list.cursor;
    setText(more, list.runs.length ? "Load more" : "Look further back");
    if (!loaded) showState(h("p", { class: "loading" }, "Loading runs…"));
    else if (list.runs.length) showState();
    else if (Object.keys(query).length > 1) showState(h("h2", {}, "No run matches"), h("p", {}, h("a", { href: "#/runs" }, "Clear the filters")));
    else showState(...nothingYet());
  }

  function showState(...children) {
    state.hidden = !children.length;
    replace(state, children);
  }
}

/** Charts are there where there is room for them, until somebody decides otherwise. */
function foldButton(plots) {
  const wanted = preference("charts");
  plots.hidden = wanted ? wanted === "off" : innerWidth < 640;
  const element = button("Charts", () => {
    plots.hidden = !plots.hidden;
    prefer("charts", plots.hidden ? "off" : "on");
    element.setAttribute("aria-expanded", String(!plots.hidden));
  }, "quiet fold", { "aria-controls": plots.id, "aria-expanded": String(!plots.hidden) });
  return element;
}

function nothingYet() {
  return [
    h("h2", {}, "No runs yet"),
    h("p", {}, "Start one here, or from a terminal:"),
    h("pre", { class: "snippet", tabindex: "0" }, "once invoke -f report -p input.json --wait"),
    h("p", {}, h("a", { class: "button primary", href: "#/start" }, "Start a run")),
  ];
}

/** The list's query for the filters in the address. `since` becomes a fixed moment, so that an ETag can hold. */
function queryOf({ since, ...params }) {
  const query = { limit: PAGE };
  for (const name of ["status", "function", "label", "key", "batch"]) if (params[name]) query[name] = params[name];
  if (SINCE[since]) query.created_after = new Date(Date.now() - SINCE[since][1] * 1000).toISOString();
  return query;
}
