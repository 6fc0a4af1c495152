/** How an attempt ended, as it will be recorded: an output, or an error with what is kept of it. */
import { ContinueLater, NotSerializable, RunCancelled } from "../errors.js";
import { errorFields } from "../store/payloads.js";
import { messageOf, nameOf, traceOf } from "../store/texts.js";

/** The handler returned. What is no JSON ends the run failed: running it again would not help. */
export function returned(value) {
  try {
    return { status: "succeeded", output: jsonText(value, "output") };
  } catch (error) {
    return failed("OutputNotSerializable", messageOf(error));
  }
}

/** The handler threw. Whatever `error` is, something is kept of it. */
export function thrown(error) {
  if (error instanceof RunCancelled) return { status: "cancelled" };
  if (error instanceof ContinueLater) return { status: "queued", afterMs: Math.trunc(error.afterMs), asked: error.asked };
  return failed(nameOf(error), messageOf(error), traceOf(error), true);
}

export const failed = (type, message, trace = null, retriable = false) => ({
  status: "failed", error: errorFields(type, message, trace), errorType: type, retriable,
});

export const outOfTime = (seconds) => ({
  status: "timed_out", errorType: "TimedOut", retriable: true,
  error: errorFields("TimedOut", `the attempt was about to pass its function's timeout after ${seconds.toFixed(1)} s`),
});

export const legsExhausted = (most) => failed("LegsExhausted", `the run was not done after ${most} legs, which is its function's max_legs`);

/**
 * The JSON text that Lambda's runtime sends for the value of `what`; what UTF-8 cannot carry, a half of a surrogate pair,
 * is refused: the run's document could not show it. Throws `NotSerializable`.
 */
export function jsonText(value, what) {
  let text;
  try {
    text = JSON.stringify(value) ?? "null";
    if (/\\ud[89a-f]/.test(text)) refuseSurrogates(JSON.parse(text), "");
  } catch (error) {
    throw new NotSerializable(`the ${what} is no JSON: ${messageOf(error)}`);
  }
  return Buffer.from(text);
}

function refuseSurrogates(value, pointer) {
  if (typeof value === "string" && !value.isWellFormed()) throw new TypeError(`half a surrogate pair at ${pointer.slice(0, 500) || "the top"}`);
  if (value === null || typeof value !== "object") return;
  for (const [name, inner] of Object.entries(value)) {
    if (!name.isWellFormed()) throw new TypeError(`half a surrogate pair in a name at ${pointer.slice(0, 500) || "the top"}`);
    refuseSurrogates(inner, `${pointer}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`);
  }
}
