/** Text that comes from a handler, made fit to be kept. Nothing here throws: it must never cost a run its outcome. */

export const UNMADE = "(its text could not be made)";
export const MESSAGE_CHARS = 4_000;
export const TRACE_CHARS = 4_000;
const CAUSES = 4;

/** `text` cut to `chars` signs, such that UTF-8 carries it: lone halves of a surrogate pair are replaced. */
export function clean(text, chars) {
  const cut = text.length <= chars ? text : Array.from(text.slice(0, 2 * chars)).slice(0, chars).join("");
  return cut.toWellFormed();
}

export function textOf(value, chars = MESSAGE_CHARS) {
  try {
    return clean(String(value), chars);
  } catch {
    return UNMADE;
  }
}

/** The name that Lambda reports as `errorType`; something that is no Error has its type's. */
export function nameOf(error) {
  try {
    if (error instanceof Error) return clean(String(error.name || error.constructor?.name || "Error"), 200);
    return error === null ? "null" : typeof error;
  } catch {
    return UNMADE;
  }
}

export function messageOf(error) {
  try {
    return error instanceof Error ? clean(String(error.message), MESSAGE_CHARS) : textOf(error);
  } catch {
    return UNMADE;
  }
}

/** Its stack and those of its causes; words are cut, so that a long message costs no frame. */
export function traceOf(error) {
  try {
    const parts = [];
    for (let cause = error, left = CAUSES; cause instanceof Error && left; cause = cause.cause, left--) parts.push(stackOf(cause));
    return parts.length ? clean(parts.join("\ncaused by "), TRACE_CHARS) : null;
  } catch {
    return null;
  }
}

function stackOf(error) {
  const stack = String(error.stack ?? error);
  const frames = stack.search(/\n\s+at /);
  const words = frames < 0 ? stack : stack.slice(0, frames);
  return clean(words, 500) + (frames < 0 ? "" : stack.slice(frames));
}
