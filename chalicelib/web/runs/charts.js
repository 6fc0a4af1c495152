// Two small charts of the runs that are loaded: outcomes over time, and durations over time. Each has its data as a table.

import { h, replace, svg } from "./dom.js";
import { duration, ended, millis, plural, ran, shortId, stamp, statusLabel, statusesOf, tick } from "./format.js";

const HEIGHT = 118;
const PAD = { top: 8, right: 8, bottom: 20, left: 46 };
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400, 604_800].map((s) => s * 1000);
const MARKS = [1, 10, 100, 1000, 10_000, 60_000, 600_000, 3_600_000, 36_000_000, 864_000_000];

/** `{element, show(runs)}`: a figure that draws itself again when its width or its runs change. */
function chart(title, draw, table) {
  const plot = h("div", { class: "plot" });
  const summary = h("p", { class: "chart-summary" });
  const rows = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${title}, table` });
  const details = h("details", { on: { toggle: () => details.open && replace(rows, table(runs)) } },
    h("summary", {}, "Show as a table"), rows);
  const element = h("figure", { class: "card chart" }, h("figcaption", {}, title), summary, plot, details);
  let runs = [];
  let drawn = "";
  const paint = () => {
    const width = Math.floor(plot.clientWidth);
    const now = `${width} ${runs.map((run) => run.id.slice(-6) + run.status + run.finished_at).join()}`;
    if (!width || now === drawn) return;
    drawn = now;
    draw(runs, { plot, summary, width });
    if (details.open) replace(rows, table(runs));
  };
  new ResizeObserver(paint).observe(plot);
  return { element, show(next) { runs = next; paint(); } };
}

function dataTable(caption, head, rows) {
  return h("table", { class: "data" }, h("caption", { class: "sr-only" }, caption),
    h("thead", {}, h("tr", {}, head.map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell) => h("td", {}, cell))))));
}

function timeScale(times, width) {
  const [from, to] = [Math.min(...times), Math.max(...times)];
  const span = Math.max(to - from, 1000);
  const step = STEPS.find((each) => span / each <= 32) ?? STEPS.at(-1);
  const start = Math.floor(from / step) * step;
  const end = Math.max(Math.floor(to / step) * step + step, start + step * 8);
  const x = (at) => PAD.left + ((at - start) / (end - start)) * (width - PAD.left - PAD.right);
  return { start, end, step, x };
}

function timeAxis({ start, end, x }) {
  const marks = [[start, "start"], [(start + end) / 2, "middle"], [end, "end"]];
  return marks.map(([at, anchor]) => svg("text", { x: x(at), y: HEIGHT - 5, "text-anchor": anchor, class: "axis" }, tick(at, end - start)));
}

function gridLine(y, width, label) {
  return [
    svg("line", { x1: PAD.left, x2: width - PAD.right, y1: y, y2: y, class: "grid" }),
    svg("text", { x: PAD.left - 6, y: y + 3.5, "text-anchor": "end", class: "axis" }, label),
  ];
}

function canvas(width, label, ...children) {
  return svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", "aria-label": label }, ...children);
}

// ---- outcomes

function buckets(runs, { start, end, step }) {
  const all = Array.from({ length: Math.max(1, Math.round((end - start) / step)) }, (_, n) => ({ at: start + n * step, counts: {} }));
  for (const run of runs) {
    const { counts } = all[Math.min(Math.floor((millis(run.created_at) - start) / step), all.length - 1)];
    counts[run.status] = (counts[run.status] ?? 0) + 1;
  }
  return all;
}

function totals(runs) {
  return statusesOf(runs).map((status) => [status, runs.filter((run) => run.status === status).length]);
}

function drawOutcomes(runs, { plot, summary, width }) {
  const words = totals(runs).map(([status, count]) => `${count} ${statusLabel(status).toLowerCase()}`).join(", ");
  replace(summary, legend(runs));
  if (!runs.length) return replace(plot, h("p", { class: "empty-plot" }, "Nothing to draw yet"));
  const scale = timeScale(runs.map((run) => millis(run.created_at)), width);
  const all = buckets(runs, scale);
  const most = Math.max(...all.map(({ counts }) => Object.values(counts).reduce((sum, count) => sum + count, 0)));
  const unit = (HEIGHT - PAD.top - PAD.bottom) / most;
  const order = statusesOf(runs);
  const bars = all.flatMap((bucket) => column(bucket, order, scale, unit));
  const base = HEIGHT - PAD.bottom;
  replace(plot, canvas(width, `Outcomes by time of creation: ${words}`,
    gridLine(base, width, "0"), gridLine(base - most * unit, width, `${most}`), bars, timeAxis(scale)));
}

function column({ at, counts }, order, { step, x }, unit) {
  const left = x(at);
  const wide = Math.max(1.5, Math.min(x(at + step) - left - 2, 22));
  let top = HEIGHT - PAD.bottom;
  return order.filter((status) => counts[status]).map((status) => {
    const tall = counts[status] * unit;
    top -= tall;
    return svg("rect", { x: left, y: top, width: wide, height: Math.max(tall - 1, 1), rx: 1, class: `fill-${status}` },
      svg("title", {}, `${counts[status]} ${statusLabel(status).toLowerCase()}, ${stamp(at)}`));
  });
}

/** Totals, each a link that filters by its status. */
function legend(runs) {
  const links = totals(runs).map(([status, count]) => h("li", {},
    h("a", { href: `#/runs?status=${status}`, class: "legend", "data-status": status },
      h("span", { class: `swatch fill-${status}`, "aria-hidden": "true" }), h("b", {}, String(count)), ` ${statusLabel(status).toLowerCase()}`)));
  return links.length ? h("ul", { class: "legends", "aria-label": "Runs by outcome" }, links) : "No runs";
}

function outcomeTable(runs) {
  if (!runs.length) return "No runs";
  const scale = timeScale(runs.map((run) => millis(run.created_at)), 400);
  const used = statusesOf(runs);
  const rows = buckets(runs, scale).filter(({ counts }) => Object.keys(counts).length)
    .map(({ at, counts }) => [stamp(at), ...used.map((status) => String(counts[status] ?? 0))]);
  return dataTable("Runs by outcome and time", ["From", ...used.map(statusLabel)], rows);
}

export const outcomeChart = () => chart("Outcomes", drawOutcomes, outcomeTable);

// ---- durations

const timed = (runs) => runs.filter((run) => ended(run) && Number.isFinite(ran(run, 0)));

function drawDurations(runs, { plot, summary, width }) {
  const done = timed(runs);
  if (!done.length) {
    replace(summary, "No finished runs");
    return replace(plot, h("p", { class: "empty-plot" }, "Nothing to draw yet"));
  }
  const sorted = done.map((run) => Math.max(ran(run, 0), 1)).sort((a, b) => a - b);
  const at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
  const words = `median ${duration(at(0.5))}, 95 % within ${duration(at(0.95))}`;
  replace(summary, h("span", {}, "median ", h("b", {}, duration(at(0.5)))), h("span", {}, "95 % within ", h("b", {}, duration(at(0.95)))));
  const scale = timeScale(runs.map((run) => millis(run.finished_at ?? run.created_at)), width);
  const low = MARKS.findLast((mark) => mark <= sorted[0]);
  const high = MARKS.find((mark) => mark > low && mark >= sorted.at(-1)) ?? sorted.at(-1);
  const y = (ms) => HEIGHT - PAD.bottom - (Math.log(Math.max(ms, low) / low) / Math.log(high / low)) * (HEIGHT - PAD.top - PAD.bottom);
  const marks = MARKS.filter((mark) => mark >= low && mark <= high);
  const lines = marks.filter((mark, n) => marks.length < 6 || n % 2 === 0).flatMap((mark) => gridLine(y(mark), width, duration(mark).replace(".0", "")));
  replace(plot, canvas(width, `Durations of ${plural(done.length, "finished run")} by time of finish: ${words}`,
    lines, done.map((run) => dot(run, scale.x(millis(run.finished_at)), y(ran(run, 0)))), timeAxis(scale)));
}

/** Succeeded runs are dots, all others crosses: the difference is not in the colour alone. */
function dot(run, x, y) {
  const title = svg("title", {}, `${run.function}, ${statusLabel(run.status).toLowerCase()} after ${duration(ran(run, 0))}`);
  const open = { click: () => { location.hash = `#/runs/${run.id}`; } };
  if (run.status === "succeeded") return svg("circle", { cx: x, cy: y, r: 3.2, class: "point fill-succeeded", on: open }, title);
  const d = `M${x - 3} ${y - 3}l6 6M${x + 3} ${y - 3}l-6 6`;
  return svg("path", { d, class: `point cross line-${run.status}`, on: open }, title);
}

function durationTable(runs) {
  const rows = timed(runs).map((run) => [stamp(run.finished_at), run.function,
    h("a", { href: `#/runs/${run.id}`, class: "mono" }, shortId(run.id)), statusLabel(run.status), duration(ran(run, 0))]);
  return rows.length ? dataTable("Durations of finished runs", ["Finished", "Function", "Run", "Outcome", "Duration"], rows) : "No finished runs";
}

export const durationChart = () => chart("Durations", drawDurations, durationTable);
