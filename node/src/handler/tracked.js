/** `tracked(handler, options)`: claim the run an event is for, run the handler, record what came of it. */
import { envelopeOf } from "./envelope.js";
import { keyFinder } from "./direct/keys.js";
import { runFired } from "./fired.js";
import { isConfigured, runtime, warmUp } from "./runtime.js";

const MARK = Symbol.for("invoke-once.tracked");
const STREAMING = Symbol.for("aws.lambda.runtime.handler.streaming");
const OPTIONS = ["key", "attach", "attachSeconds"];

/**
 * Make a Lambda handler a run's.
 *
 * key            where a direct call's key is in its event (`"detail.orderId"`, or a function of the event)
 * attach         a duplicate of a direct call waits for the first and returns its outcome, instead of being dropped
 * attachSeconds  without a key: how long after its end an equal call still gets the first one's outcome (60)
 */
export function tracked(handler, options = {}) {
  refuseWrong(handler, options);
  const { key, attach = false, attachSeconds = 60 } = options;
  const chosen = { find: key === undefined ? null : keyFinder(key), attach, attachSeconds };
  warmUp();

  const invoked = async (event, context) => {
    const envelope = envelopeOf(event);
    if (envelope) return runFired(runtime(), handler, event, context, envelope);
    if (!isConfigured()) return runAsItIs(handler, event, context);
    const { runDirect } = await import("./direct/call.js");
    return runDirect(runtime(), chosen, handler, event, context);
  };
  Object.defineProperty(invoked, "name", { value: handler.name || "handler" });
  invoked[MARK] = true;
  return invoked;
}

/** What Lambda does not await never runs: told when the module is loaded, in words that say what to write. */
function refuseWrong(handler, options) {
  if (typeof handler !== "function") throw new TypeError(`tracked takes a handler, a function of (event, context), not ${handler === null ? "null" : `a ${typeof handler}`}`);
  const name = handler.name || "the handler";
  if (handler[MARK]) throw new TypeError(`${name} is tracked already: one tracked(…) is enough, outermost`);
  if (handler[STREAMING]) throw new TypeError(`${name} streams its response, which has no outcome to record: return the value instead`);
  if (handler.length >= 3) throw new TypeError(`${name} takes a callback: write \`async (event, context) => { … return value; }\`, a tracked handler's result is what it returns`);
  if (/Generator/.test(Object.prototype.toString.call(handler))) throw new TypeError(`${name} is a generator function, and Lambda iterates over none: return a list of what it yields`);
  for (const option of Object.keys(options)) if (!OPTIONS.includes(option)) throw new TypeError(`unknown option ${option}; there are ${OPTIONS.join(", ")}`);
  const { attach = false, attachSeconds = 60 } = options;
  if (typeof attach !== "boolean") throw new TypeError(`attach is true or false, not ${attach}`);
  if (!(typeof attachSeconds === "number" && attachSeconds >= 0 && attachSeconds < Infinity)) throw new TypeError(`attachSeconds is a number of seconds, 0 or more, not ${attachSeconds}`);
}

let warned = false;

/** A call outside Lambda, as a function's own unit tests make it: the body, and no run. */
function runAsItIs(handler, event, context) {
  if (!warned) process.emitWarning("a tracked handler is called outside Lambda, and no ONCE_RUNS_TABLE is set: its body runs, no run is recorded");
  warned = true;
  return handler(event, context);
}
