/** One call to the service: sent again while it is not answered, never longer than its patience. */
import { ConfigurationError, Refused, ServiceUnreachable } from "./errors.js";

const AGAIN = new Set([429, 502, 503, 504]);
const MAX_PAUSE_MS = 30_000;

export class Http {
  /**
   * `fetch` and `sleep(ms, signal)` may be given in tests. `patience` is milliseconds for a whole call, `tries` how
   * often it is sent, `timeout` milliseconds for one try.
   */
  constructor({ url, token, fetch: send = globalThis.fetch, sleep = pause, tries = 6, patience = 60_000, timeout = 30_000 } = {}) {
    const env = globalThis.process?.env ?? {};
    this.url = base(url ?? env.ONCE_URL);
    this.token = token ?? env.ONCE_TOKEN;
    Object.assign(this, { send, sleep, tries, patience, timeout });
  }

  /** The answer of a call, whatever its status below 400. Throws `Refused` or `ServiceUnreachable`. */
  async call(method, path, { body, headers = {}, query, hold = 0, signal, redirect = "follow" } = {}) {
    const target = new URL(`${this.url}/${path.replace(/^\//, "")}`);
    for (const [name, value] of Object.entries(query ?? {})) {
      for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) target.searchParams.append(name, one);
    }
    const sent = { ...headers };
    if (this.token) sent.Authorization = `Bearer ${this.token}`;
    if (body !== undefined) sent["Content-Type"] = "application/json";
    const until = Date.now() + this.patience + hold * 1000;
    let reason;
    for (let attempt = 1; ; attempt++) {
      let wait = Math.min(250 * 2 ** attempt, 5_000) * (0.5 + Math.random() / 2);
      try {
        const limit = AbortSignal.timeout(this.timeout + hold * 1000);
        const answer = await this.send(target, {
          method, headers: sent, body, redirect,
          signal: signal ? AbortSignal.any([signal, limit]) : limit,
        });
        if (answer.status < 400) return answer;
        const problem = await read(answer);
        if (!repeatable(answer.status, problem)) throw refusal(answer, problem);
        reason = `the service answered ${answer.status}`;
        wait = Math.max(wait, retryAfterMs(answer) ?? 0);
      } catch (error) {
        if (error instanceof Refused) throw error;
        if (signal?.aborted) throw signal.reason;
        reason = error?.name === "TimeoutError" ? "no answer in time" : `no connection (${error?.cause?.code ?? error?.message})`;
      }
      if (attempt >= this.tries || Date.now() + wait > until) {
        throw new ServiceUnreachable(`${target.origin} cannot be reached: ${reason}, ${attempt} tries`);
      }
      await this.sleep(wait, signal);
    }
  }

  async json(method, path, options) {
    const answer = await this.call(method, path, options);
    return answer.json();
  }
}

/** Seconds of `Retry-After`, as milliseconds; at most 30 s. */
export function retryAfterMs(answer) {
  const text = answer.headers.get("retry-after");
  return text && /^[0-9]{1,9}$/.test(text) ? Math.min(Number(text) * 1000, MAX_PAUSE_MS) : undefined;
}

/** Wait; ends early with the signal's reason. */
export function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => { clearTimeout(timer); reject(signal.reason); };
    const timer = setTimeout(() => { signal?.removeEventListener("abort", stop); resolve(); }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

function base(url) {
  if (!url) throw new ConfigurationError("no service: give { url } or set ONCE_URL");
  const text = url.trim().replace(/\/+$/, "");
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) throw new ConfigurationError("ONCE_URL is no http or https URL");
  return text;
}

async function read(answer) {
  try {
    const document = await answer.json();
    return typeof document?.type === "string" && document.type.startsWith("urn:invoke-once:") ? document : null;
  } catch {
    return null;
  }
}

/** A gateway's own 500 has no problem document: the call did not reach the service, or not its end. */
function repeatable(status, problem) {
  return AGAIN.has(status) || (status === 500 && problem === null);
}

function refusal(answer, problem) {
  const about = problem ?? {};
  const said = about.detail ?? about.title ?? `the service answered ${answer.status}`;
  const where = (about.errors ?? []).map((one) => `${one.pointer}: ${one.detail}`).join("; ");
  return new Refused(where ? `${said} (${where})` : said, { status: answer.status, type: about.type, detail: about.detail, errors: about.errors ?? [] });
}
