// The service's HTTP interface. Every call ends in data or in one `ApiError`; `connection` tells how it goes.

import { urlOf } from "./base.js";
import { token } from "./session.js";

const PATIENCE_MS = 30_000;
const KINDS = { 400: "invalid", 401: "unauthorized", 403: "forbidden", 404: "missing", 409: "conflict", 413: "invalid", 422: "invalid", 429: "busy" };

/**
 * Why a call failed. `kind`: unauthorized, forbidden, missing, conflict, invalid, busy, or down (no answer, or
 * the service's own failure). `fields`: [{pointer, detail}] of a rejected body. `retryAfterMs`: when to ask again.
 */
export class ApiError extends Error {
  constructor(kind, message, { status = 0, title = "", fields = [], retryAfterMs = 0 } = {}) {
    super(message);
    Object.assign(this, { name: "ApiError", kind, status, title, fields, retryAfterMs });
  }
}

/**
 * Whether the service answers. Events: "change", and "unauthorized" when the kept token is refused.
 * `since` is when it stopped answering, `seen` its last answer (ms).
 */
class Connection extends EventTarget {
  state = "ok";
  since = 0;
  seen = 0;
  detail = "";

  answered() {
    this.seen = Date.now();
    this.#become("ok", "");
  }

  failed(detail) {
    this.#become(navigator.onLine ? "down" : "offline", detail);
  }

  #become(state, detail) {
    if (state === this.state && detail === this.detail) return;
    if (this.state === "ok") this.since = Date.now();
    Object.assign(this, { state, detail });
    this.dispatchEvent(new Event("change"));
  }
}

export const connection = new Connection();

/** One exchange: the response, whatever its status below 400, or an `ApiError`. */
export async function exchange(method, path, { query, headers = {}, body, accept = "application/json", signal, redirect = "follow", as = token() } = {}) {
  const limit = AbortSignal.timeout(PATIENCE_MS);
  const sent = { Accept: accept, ...headers };
  if (as) sent.Authorization = `Bearer ${as}`;
  if (body !== undefined) sent["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(urlOf(path, query), {
      method, headers: sent, body, redirect, cache: "no-store", credentials: "omit", signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    connection.failed(limit.aborted ? "no answer within 30 s" : "cannot be reached");
    throw new ApiError("down", limit.aborted ? "The service did not answer within 30 s." : "The service cannot be reached.");
  }
  if (response.status < 400) {
    connection.answered();
    return response;
  }
  throw await failure(response, as === token());
}

async function failure(response, ours) {
  const problem = await response.json().catch(() => ({}));
  const kind = KINDS[response.status] ?? (response.status >= 500 ? "down" : "problem");
  if (kind === "down") connection.failed(`answers ${response.status}`);
  else connection.answered();
  if (kind === "unauthorized" && ours) connection.dispatchEvent(new Event("unauthorized"));
  const title = problem.title ?? `The service answered ${response.status}`;
  return new ApiError(kind, problem.detail ?? title, {
    status: response.status,
    title,
    fields: Array.isArray(problem.errors) ? problem.errors : [],
    retryAfterMs: 1000 * (Number.parseInt(response.headers.get("Retry-After") ?? "", 10) || 0),
  });
}

async function json(method, path, options) {
  const response = await exchange(method, path, options);
  return response.status === 204 ? null : response.json();
}

/** GET with the last ETag: `{data, etag, changed}`; an unchanged answer costs no body. */
export async function fresh(path, query, last = null, signal = undefined) {
  const headers = last?.etag ? { "If-None-Match": last.etag } : {};
  const response = await exchange("GET", path, { query, headers, signal });
  if (response.status === 304) return { ...last, changed: false };
  return { data: await response.json(), etag: response.headers.get("ETag"), changed: true };
}

const below = (folder) => (id, rest = "") => `${folder}/${encodeURIComponent(id)}${rest}`;
const run = below("runs");
const batch = below("batches");
const fn = below("functions");
const post = (path, value, as) => json("POST", path, { body: value === undefined ? undefined : JSON.stringify(value), as });

export const listRuns = (query, last, signal) => fresh("runs", query, last, signal);
export const getRun = (id, last, signal) => fresh(run(id), {}, last, signal);
export const getInput = (id, signal) => text(run(id, "/input"), signal);
export const getOutput = (id, signal) => text(run(id, "/output"), signal);
export const cancelRun = (id) => json("POST", run(id, "/cancel"));
/** `from`: "checkpoint" (where there is one) or "start". */
export const retryRun = (id, from) => post(run(id, "/retry"), from && { from });
export const getLogs = (id, query, signal) => json("GET", run(id, "/logs"), { query, signal });
export const getDeliveries = (id, signal) => json("GET", run(id, "/deliveries"), { signal });
export const sendAgain = (id) => json("POST", run(id, "/deliveries"));
export const getCheckpoint = (id, signal) => text(run(id, "/checkpoint"), signal);

export const listBatches = (query, last, signal) => fresh("batches", query, last, signal);
export const getBatch = (id, last, signal) => fresh(batch(id), {}, last, signal);
export const batchRuns = (id, query, signal) => json("GET", batch(id, "/runs"), { query, signal });
/** A page of results as text: numbers keep their digits. */
export const batchResults = (id, query) => exchange("GET", batch(id, "/results"), { query }).then((response) => response.text());
export const cancelBatch = (id) => post(batch(id, "/cancel"));
export const retryBatch = (id) => post(batch(id, "/retry"));

export const readFunctions = (last, signal) => fresh("functions", {}, last, signal);
export const readFunction = (name, last, signal) => fresh(fn(name), {}, last, signal);
export const pauseFunction = (name, reason) => post(fn(name, "/pause"), { reason });
export const resumeFunction = (name) => post(fn(name, "/resume"));

export const startBulk = (request) => post("bulk", request);
export const getBulk = (id) => json("GET", `bulk/${encodeURIComponent(id)}`);
export const stopBulk = (id) => post(`bulk/${encodeURIComponent(id)}/stop`);

export const listTokens = (query) => json("GET", "tokens", { query });
export const createToken = (request, as) => post("tokens", request, as);
export const revokeToken = (id, as) => json("DELETE", `tokens/${encodeURIComponent(id)}`, { as });

/** Start a run. `body` is JSON text, so that numbers go out exactly as they were typed. */
export async function startRun(body, key) {
  const quoted = `"${key.replace(/[\\"]/g, "\\$&")}"`;
  const response = await exchange("POST", "runs", { body, headers: { "Idempotency-Key": quoted } });
  return { run: await response.json(), replayed: response.headers.get("Idempotent-Replayed") === "true" };
}

/** Is this token good for reading runs? An `ApiError` says why not. */
export const probe = (candidate) => json("GET", "runs", { query: { limit: 1 }, as: candidate });

/**
 * The text of an input or output: `{text}`, or `{href}`, a signed link, where it is large and kept elsewhere.
 * A redirect is not followed: its target is another host, which the page's policy shuts out; then `{large: true}`.
 */
async function text(path, signal) {
  const response = await exchange("GET", path, { accept: "text/uri-list, application/json;q=0.9", signal, redirect: "manual" });
  if (response.type === "opaqueredirect") return { large: true };
  const body = await response.text();
  const listed = response.headers.get("Content-Type")?.startsWith("text/uri-list");
  return listed ? { large: true, href: body.split(/\r?\n/).find((line) => /^https?:/.test(line)) } : { text: body };
}

let contract = null;

/** The service's OpenAPI document; asked once a page. */
function getContract() {
  contract ??= json("GET", "openapi.json");
  contract.catch(() => { contract = null; });
  return contract;
}

/** The statuses that a run can have. */
export async function getStatuses() {
  const { components: { schemas } } = await getContract();
  const found = schemas.Run.properties.status;
  return (found.$ref ? schemas[found.$ref.split("/").at(-1)] : found).enum;
}

/** Does this service have an operation at `path`? */
export const offers = (path) => getContract().then(({ paths }) => path in paths, () => false);

let functions = null;

/** What can be run, as the service lists it: asked once a page, and where it must be `now`. */
export function getFunctions(now = false) {
  if (now) functions = null;
  functions ??= json("GET", "functions").then((data) => (Array.isArray(data) ? data : data.functions ?? []));
  functions.catch(() => { functions = null; });
  return functions;
}

/** Another token may see other functions. */
export const forgetFunctions = () => { functions = null; };
