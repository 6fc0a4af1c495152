// The parts of a run's page that are fetched when they are wanted: input, output, logs, deliveries.

import { getDeliveries, getLogs, sendAgain } from "./api.js";
import { ownEvent } from "./attempts.js";
import { urlOf } from "./base.js";
import { announce, button, copyButton, h, replace, setText } from "./dom.js";
import { bytes, clock, duration, plural, stamp } from "./format.js";
import { download, jsonView } from "./json-view.js";
import { prefer, preference } from "./session.js";

const LINK_GOOD_MS = 60_000;

const LOGS_MS = 3000;
const PAGES = 4; // of log lines, before a person is asked whether to go on

/** A folding panel that remembers, by its title, whether it was folded. `onOpen()` each time it opens. */
export function panel(title, { open = false, onOpen = () => {}, tools = [] } = {}) {
  const body = h("div", { class: "panel-body" });
  const note = h("span", { class: "panel-note" });
  const element = h("details", { class: "card panel", open, on: { toggle: () => element.open && onOpen() } },
    h("summary", { on: { click: () => prefer(`panel-${title.toLowerCase()}`, element.open ? "off" : "on") } }, h("h2", {}, title), note), h("div", { class: "panel-tools" }, tools), body);
  return { element, body, note };
}

/** Input or output of a run. `load()` resolves to what `getInput` and `getOutput` do; `renew()`: it is another now. */
export function payloadPanel(title, name, load, open) {
  let text = null;
  const tools = [copyButton("Copy", () => text), button("Download", () => download(text, name), "quiet small")];
  const bar = h("span", { class: "tools", hidden: true }, tools);
  const { element, body, note } = panel(title, { open, onOpen: () => fetchOnce(), tools: [bar] });
  let asked = false;
  async function fetchOnce(again = false) {
    if (asked && !again) return;
    asked = true;
    replace(body, h("p", { class: "loading" }, "Loading…"));
    try {
      const found = await load();
      text = found.text ?? null;
      bar.hidden = text === null;
      setText(note, text === null ? "large" : bytes(new Blob([text]).size));
      replace(body, text === null ? largeNote(title, name, found.href, load) : shown(text, title));
    } catch (error) {
      asked = false;
      replace(body, failed(error, () => fetchOnce(true)));
    }
  }
  return { element, open() { element.open = true; fetchOnce(true); }, renew() { asked = false; if (element.open) fetchOnce(); } };
}

function shown(text, title) {
  const { element, note } = jsonView(text, title);
  return note ? [element, h("p", { class: "hint" }, note)] : [element];
}

function failed(error, again) {
  return h("p", { class: "inline-error" }, error.message, " ", button("Try again", again, "small"));
}

/** A large payload: its signed link is renewed when it has grown old; without one, the command that follows it. */
function largeNote(title, name, href, load) {
  if (!href) return [h("p", {}, `This ${title.toLowerCase()} is large. Fetch it from a terminal:`), curl(name)];
  let since = Date.now();
  const link = h("a", { class: "button", href, download: `${name}`, target: "_blank", rel: "noopener noreferrer", on: { click: renew } }, `Download the ${title.toLowerCase()}`);
  async function renew(event) {
    if (Date.now() - since < LINK_GOOD_MS) return;
    event.preventDefault();
    const found = await load().catch(() => ({}));
    if (!found.href) return announce("The link could not be renewed", true);
    link.href = found.href;
    since = Date.now();
    link.click();
  }
  return [h("p", {}, `This ${title.toLowerCase()} is large and kept outside the run.`), link];
}

function curl(name) {
  const [id, part] = name.replace(".json", "").split("-");
  const command = `curl -L -H "Authorization: Bearer $ONCE_TOKEN" '${urlOf(`runs/${id}/${part}`)}' -o ${name}`;
  return h("div", { class: "with-copy" }, h("pre", { class: "snippet", tabindex: "0" }, command), copyButton("Copy", () => command));
}

/** The run's log lines, by attempt; `follow()` looks for more lines while the panel is open. `onEvents` hears each page. */
export function logPanel(id, onEvents = () => {}) {
  const attempt = h("select", { id: "log-attempt", on: { change: restart } });
  const lines = h("ol", { class: "log", tabindex: "0", "aria-label": "Log lines" });
  const state = h("p", { class: "hint" });
  const more = button("Load more", () => read(), "small", { hidden: true });
  const tools = [h("label", { for: "log-attempt" }, "Attempt"), attempt];
  const { element, body, note } = panel("Logs", { open: preference("panel-logs") !== "off", onOpen: () => !place.asked && restart(), tools });
  replace(body, lines, state, more);
  let place = { asked: false };
  let known = 0;
  let readAt = 0;

  /** `place` is where the reading is: a cursor leads to what comes after it; none, once there will be no more. */
  function restart() {
    place = { asked: true, cursor: null, count: 0, over: false };
    replace(lines);
    setText(note, "");
    setText(state, "Loading…");
    return read();
  }

  async function read() {
    const here = place;
    if (here.busy || here.over) return;
    here.busy = true;
    readAt = Date.now();
    try {
      await readPages(here);
      if (here === place) setText(state, here.count ? "" : here.over ? "No log lines." : "No log lines yet. They can come some seconds late.");
    } catch (error) {
      if (here === place) setText(state, error.message);
    }
    here.busy = false;
  }

  async function readPages(here) {
    let events = null;
    for (let page = 0; page < PAGES && !here.over && (page === 0 || events.length); page += 1) {
      const answer = await getLogs(id, { attempt: attempt.value, cursor: here.cursor });
      if (here !== place) return;
      events = answer.events ?? [];
      lines.append(...events.map(logLine));
      onEvents(events);
      here.count += events.length;
      Object.assign(here, { cursor: answer.next_cursor, over: !answer.next_cursor });
    }
    setText(note, here.count ? plural(here.count, "line") : "");
    more.hidden = here.over || !events.length;
  }

  return {
    element,
    open() { element.open = true; if (!place.asked) restart(); },
    /** Look for new lines, not more often than every few seconds; `now` at once. */
    follow(now = false) {
      if (element.open && place.asked && more.hidden && (now || Date.now() - readAt > LOGS_MS)) read();
    },
    setAttempts(count) {
      if (count === known) return;
      known = count;
      const chosen = attempt.value;
      replace(attempt, h("option", { value: "" }, "All"), Array.from({ length: count }, (_, n) => h("option", { value: String(n + 1) }, String(n + 1))));
      attempt.value = chosen || "";
      if (place.over) restart();
    },
  };
}

/** The wrapper's own lines are JSON that repeats what the page says: shown as `attempt ended  outcome=failed`. */
function ownLine(message) {
  const own = ownEvent(message);
  if (!own) return null;
  const { event, run_id: run, attempt, function: name, claim, request_id: request, ...rest } = own;
  return [event.replace(/_/g, " "), ...Object.entries(rest).map(([key, value]) => `${key}=${typeof value === "object" ? JSON.stringify(value) : value}`)].join("  ");
}

function logLine({ time, message, attempt, leg }) {
  const own = ownLine(message);
  return h("li", {}, h("time", { datetime: time, title: `${stamp(time)}, attempt ${attempt ?? "–"}${leg > 1 ? `, leg ${leg}` : ""}` }, clock(time)), h("span", own ? { class: "own", title: message } : {}, own ?? String(message).trimEnd()));
}

/** The callback: where it goes, each try, and a button to send it again. `onSent` after a try was ordered. */
export function deliveryPanel(id, onSent) {
  const status = h("p", { class: "hint", role: "status" });
  const again = button("Send again", send, "small", { hidden: true });
  const { element, body, note } = panel("Callback", { open: true, tools: [again] });
  const where = h("p", { class: "mono break" });
  const rows = h("tbody");
  const table = h("table", { class: "data" }, h("caption", { class: "sr-only" }, "Tries of the callback, oldest first"),
    h("thead", {}, h("tr", {}, ["Try", "At", "Result", "Took"].map((name) => h("th", { scope: "col" }, name)))), rows);
  replace(body, where, h("div", { class: "scroll" }, table), status);

  async function send() {
    again.disabled = true;
    try {
      await sendAgain(id);
      setText(status, "Ordered: it goes out in a moment.");
      onSent();
    } catch (error) {
      setText(status, error.message);
    }
    again.disabled = false;
  }

  return {
    element,
    async load(signal) {
      const { deliveries } = await getDeliveries(id, signal);
      replace(rows, deliveries.map(deliveryRow));
      return deliveries;
    },
    show(run, tries, over) {
      setText(where, run.callback.url);
      setText(note, run.callback.status);
      table.hidden = !tries.length;
      again.hidden = !over;
    },
  };
}

function deliveryRow(each, n) {
  const result = each.status_code ? `${each.status_code}${each.error ? ` ${each.error}` : ""}` : each.error ?? "under way";
  const took = Number.isFinite(each.latency_ms) ? duration(each.latency_ms) : "–";
  return h("tr", {}, h("td", {}, String(each.attempt ?? n + 1)), h("td", {}, h("time", { datetime: each.at, title: stamp(each.at) }, clock(each.at))), h("td", {}, result), h("td", {}, took));
}
