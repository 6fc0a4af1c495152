/** What a wrapped handler stands on: the store, the payloads, the clock, and the function's own settings. */
import { ConfigurationError, StoreUnavailable } from "../errors.js";
import { DynamoTable } from "../store/dynamo.js";
import { S3Objects } from "../store/objects.js";
import { Payloads } from "../store/payloads.js";
import { Store } from "../store/store.js";

/** Pauses between tries of a write while DynamoDB or S3 is away, in ms, each with jitter; the last one repeats. */
const PAUSES_MS = [100, 300, 1_000, 2_000, 5_000];
/** Set on Managed Instances alone, where an invocation is not killed at its timeout. */
const MANAGED = "AWS_LAMBDA_MAX_CONCURRENCY";

export class Runtime {
  constructor({ store, payloads, policy = {}, now = Date.now, sleep = pause, timer = setTimeout, random = Math.random, endProcess = null }) {
    Object.assign(this, { store, payloads, policy: { ...POLICY, ...policy }, now, sleep, timer, random, endProcess });
  }

  /**
   * `write` again and again while the store is away; its `StoreUnavailable` where it still is at `untilMs`, or where
   * another try is of no use. `delayed` hears of each failure before the next try.
   */
  async keepTrying(write, untilMs, delayed) {
    for (let tries = 0; ; tries++) {
      try {
        return await write();
      } catch (error) {
        const pauseMs = PAUSES_MS[Math.min(tries, PAUSES_MS.length - 1)] * (0.5 + this.random());
        if (!(error instanceof StoreUnavailable) || error.forGood || this.now() + pauseMs > untilMs) throw error;
        delayed(error);
        await this.sleep(pauseMs);
      }
    }
  }
}

const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** How runs that register themselves are kept and retried (the function's entry in functions.toml). */
const POLICY = {
  function: "", tenant: "default", retentionS: 30 * 86_400, onLost: "retry", maxAttempts: 1, backoffMs: 10_000,
  maxBackoffMs: 600_000, jitter: true, heartbeatMs: 0, callback: "", onTimeout: "fail", maxLegs: 100,
};

/** Throws `ConfigurationError` for a setting that says nothing: nobody would see that another value holds. */
export function policyOf(env) {
  const number = (name, or, by = 1, least = 0) => {
    const found = env[name] ? Number(env[name]) : or;
    if (!(found >= least && found < Infinity)) throw new ConfigurationError(`${name} is ${JSON.stringify(env[name])}: it is a number, ${least} or more`);
    return Math.trunc(found * by);
  };
  const oneOf = (name, or, other) => {
    const found = env[name] || or;
    if (found !== or && found !== other) throw new ConfigurationError(`${name} is ${JSON.stringify(found)}: it is ${or} or ${other}`);
    return found;
  };
  return {
    function: env.ONCE_FUNCTION ?? "",
    tenant: env.ONCE_TENANT ?? "default",
    retentionS: number("ONCE_RETENTION_DAYS", 30, 86_400),
    onLost: oneOf("ONCE_ON_LOST", "retry", "fail"),
    maxAttempts: number("ONCE_MAX_ATTEMPTS", 1, 1, 1),
    backoffMs: number("ONCE_BACKOFF_SECONDS", 10, 1_000),
    maxBackoffMs: number("ONCE_MAX_BACKOFF_SECONDS", 600, 1_000),
    jitter: oneOf("ONCE_JITTER", "1", "0") !== "0",
    heartbeatMs: number("ONCE_HEARTBEAT_SECONDS", 0, 1_000),
    callback: env.ONCE_CALLBACK ?? "",
    onTimeout: oneOf("ONCE_ON_TIMEOUT", "fail", "continue"),
    maxLegs: number("ONCE_MAX_LEGS", 100, 1, 1),
  };
}

let made;
const handedIn = [];

function fromEnvironment() {
  const env = process.env;
  if (!env.ONCE_RUNS_TABLE) throw new ConfigurationError("ONCE_RUNS_TABLE is not set: a tracked function needs the runs table's name in its environment");
  const store = new Store(new DynamoTable(env.ONCE_RUNS_TABLE));
  const payloads = new Payloads(store, new S3Objects(env.ONCE_BUCKET ?? ""));
  return new Runtime({ store, payloads, policy: policyOf(env), endProcess: MANAGED in env ? process.exit : null });
}

export const runtime = () => handedIn.at(-1) ?? (made ??= fromEnvironment());

/** Wrapped handlers called inside `work` stand on `given`: for tests. */
export async function useRuntime(given, work) {
  handedIn.push(given);
  try {
    return await work();
  } finally {
    handedIn.splice(handedIn.lastIndexOf(given), 1);
  }
}

/** Whether this is a function of Lambda's, or set up as one. */
export const isDeployed = () => ["AWS_LAMBDA_FUNCTION_NAME", "ONCE_RUNS_TABLE", "ONCE_FUNCTION"].some((name) => name in process.env);
/** Whether a handler called here is to be a run's: in Lambda, in a test's runtime, or where its settings are. */
export const isConfigured = () => handedIn.length > 0 || isDeployed();

/** While Lambda initialises the function: the SDK is loaded and the client made, so that no event waits for it. */
export function warmUp() {
  if (process.env.ONCE_RUNS_TABLE) runtime().store.warm().catch(() => {}); // the first write says what is wrong
}

/** What Lambda leaves this invocation, in ms. 0 is a number, not an absence. */
export const timeLeftMs = (context) => (typeof context?.getRemainingTimeInMillis === "function" ? Math.max(Math.trunc(context.getRemainingTimeInMillis()), 0) : 1_800_000);
