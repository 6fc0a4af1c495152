// The dashboard's frame: which view the address names, the token prompt, the state of the connection, keys, theme.

import { connection } from "./api.js";
import { BASE } from "./base.js";
import { tell } from "./confirm.js";
import { brandMark, button, h, replace, setText } from "./dom.js";
import { clock } from "./format.js";
import { forgetToken, linked, openLink, prefer, preference, session, signedIn, token } from "./session.js";
import { redeem, signIn } from "./sign-in.js";
import { themeButton } from "./theme-button.js";
import * as runsView from "./view-runs.js";

const VIEWS = {
  runs: async () => runsView,
  run: () => import("./view-run.js"),
  start: () => import("./view-start.js"),
  batches: () => import("./view-batches.js"),
  batch: () => import("./view-batch.js"),
  functions: () => import("./view-functions.js"),
  function: () => import("./view-function.js"),
  tokens: () => import("./view-tokens.js"),
};
const SINGLE = { runs: "run", batches: "batch", functions: "function" };
const PLACES = [["runs", "Runs"], ["batches", "Batches"], ["functions", "Functions"], ["start", "Start"], ["tokens", "Tokens"]];

const main = document.getElementById("main");
const banner = h("div", { class: "banner", role: "alert", hidden: true });
const live = h("button", { type: "button", class: "live", hidden: true, on: { click: toggleLive } }, h("span", { class: "live-dot", "aria-hidden": "true" }), h("span", {}));
const leave = button("Sign out", () => signOut("", true), "quiet small", { hidden: true });
let view = null;
let route = {};
let turn = 0;
let searching = false; // `/` was pressed where there is nothing to search

function buildFrame() {
  const link = (href, text) => h("a", { href }, text);
  replace(document.getElementById("top"),
    h("a", { class: "brand", href: "#/runs", "aria-label": "invoke-once, runs" }, brandMark(), h("span", {}, "invoke-once")),
    h("nav", { class: "nav", "aria-label": "Main" }, PLACES.map(([name, text]) => link(`#/${name}`, text)), link("docs", "API")),
    h("div", { class: "top-tools" }, live, themeButton(), leave));
  main.before(banner);
}

// ---- the address

/** `#/runs/run_x?a=b` → {view, id, params}. */
function parse(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [name, id = ""] = path.split("/").map((part) => { try { return decodeURIComponent(part); } catch { return part; } });
  const params = Object.fromEntries(new URLSearchParams(query));
  const place = PLACES.some(([each]) => each === name) ? name : name === "sign-in" ? name : "runs";
  return { view: (place === name && id && SINGLE[place]) || place, place, id, params };
}

function go(path, params = {}) {
  const query = new URLSearchParams(params).toString();
  const hash = `#/${path}${query ? `?${query}` : ""}`;
  if (location.hash !== hash) location.hash = hash;
}

async function show(first = false) {
  const mine = (turn += 1);
  const before = route;
  route = parse(location.hash);
  openLink(["run", "batch"].includes(route.view) && route.params.link);
  const focused = document.activeElement?.id;
  if (route.view === "sign-in") return enter(route.id);
  if (!(await signedIn())) return mine === turn ? prompt("") : undefined;
  const module = await VIEWS[route.view]().catch(() => null);
  if (mine !== turn) return;
  view?.unmount();
  if (!module) return replace(main, h("div", { class: "state" }, h("h2", {}, "This page could not be loaded"), h("p", {}, "The service does not answer."), button("Try again", () => show())));
  view = module.mount(main, { ...route, go, setTitle });
  dress(view.title);
  if (searching) view.focus?.();
  if (searching) return (searching = false);
  if (first) return;
  scrollTo(0, 0);
  const same = before.view === route.view && before.id === route.id && focused && main.querySelector(`#${CSS.escape(focused)}`);
  (same || view.heading).focus({ preventScroll: true });
}

function setTitle(text) {
  document.title = `${text} · invoke-once`;
}

function dress(title) {
  setTitle(title);
  const signed = Boolean(token()) && !linked();
  document.querySelector(".nav").hidden = linked();
  for (const link of document.querySelectorAll(".nav a")) {
    const here = link.hash === `#/${route.place}`;
    if (here && signed) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  leave.hidden = !signed;
  paintConnection();
}

// ---- the token

function prompt(reason) {
  turn += 1;
  view?.unmount();
  view = signIn(main, reason, () => show());
  dress(view.title);
}

/** The address loses the link, so that a token of one's own can open the page. */
function linkOver() {
  openLink(null);
  history.replaceState(null, "", `#/${route.place}/${encodeURIComponent(route.id)}`);
  prompt(`This link opens the ${route.view} no more: its time is over.`);
}

function signOut(reason, everywhere = false) {
  forgetToken(everywhere);
  prompt(reason);
}

/** A sign-in link: what it holds leaves the address before anything else. */
async function enter(link) {
  history.replaceState(null, "", "#/runs");
  route = parse(location.hash);
  replace(main, h("p", { class: "loading" }, "Signing in…"));
  const problem = await redeem(link);
  return problem ? prompt(problem) : show(true);
}

// ---- the connection

function toggleLive() {
  if (!view?.poller) return;
  view.poller.hold(!view.poller.paused);
  paintConnection();
}

function paintConnection() {
  const down = connection.state !== "ok";
  const paused = view?.poller?.paused;
  live.hidden = !view?.poller;
  live.dataset.state = down ? "down" : paused ? "paused" : "live";
  setText(live.lastChild, down ? "No answer" : paused ? "Paused" : "Live");
  live.setAttribute("aria-pressed", String(!paused));
  live.title = paused ? "Updates are paused: press to go on" : "Updates itself: press to pause";
  banner.hidden = !down || !token();
  if (!banner.hidden) replace(banner, bannerText(), button("Ask now", () => view?.poller?.now(), "small"));
}

function bannerText() {
  const what = connection.state === "offline" ? "You are offline" : `Service down: it ${connection.detail}`;
  const seen = connection.seen ? ` What you see is from ${clock(connection.seen).slice(0, 8)}.` : "";
  return h("p", {}, h("b", {}, what), ` since ${clock(connection.since).slice(0, 8)}.${seen} Asking again by itself.`);
}

// ---- keys

const KEYS = {
  r: () => go("runs"), b: () => go("batches"), f: () => go("functions"), n: () => go("start"),
  "/": search, j: () => view?.step?.(1), k: () => view?.step?.(-1), "?": help,
};

function search() {
  if (view?.focus) return view.focus();
  searching = true;
  return go("runs");
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || preference("keys") === "off") return;
  if (event.target.closest("input, textarea, select, dialog")) return;
  const act = KEYS[event.key];
  if (!act || !token() || linked()) return;
  event.preventDefault();
  act();
}

function help() {
  const key = (name, text) => h("div", {}, h("dt", {}, h("kbd", {}, name)), h("dd", {}, text));
  const off = h("input", { type: "checkbox", id: "keys-off", checked: preference("keys") === "off", on: { change: () => prefer("keys", off.checked ? "off" : null) } });
  tell("Keys", h("dl", { class: "keys" }, key("/", "Search runs"), key("j k", "Next and previous row, Enter opens it"), key("r", "Runs"), key("b", "Batches"), key("f", "Functions"), key("n", "Start a run"), key("?", "This list")),
    h("div", { class: "check" }, off, h("label", { for: "keys-off" }, "Switch these off")));
}

// ---- start

buildFrame();
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address's hash names the view: it must stay
  main.focus();
});
document.getElementById("foot").append(button("Keys", help, "quiet small"), h("a", { href: "docs" }, "API reference"), h("span", { class: "mono" }, BASE.host));
addEventListener("hashchange", () => show());
addEventListener("keydown", onKey);
connection.addEventListener("change", paintConnection);
session.addEventListener("out", () => linked() || prompt("You signed out in another tab."));
connection.addEventListener("unauthorized", () => (linked() ? linkOver() : signOut("The service no longer accepts this token: it has expired or was revoked.")));
show(true);
