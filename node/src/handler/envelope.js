/** The event that the service fires: `{"invoke_once": {"run_id", "generation", "attempt", "fired_at", "v": 1[, "input_ref"]}, "input"}`, and its trace context. */

const MEMBER = "invoke_once";

/** Which run the event is for; null: nobody's, it is a direct invocation. */
export function envelopeOf(event) {
  const meta = isObject(event) ? event[MEMBER] : undefined;
  if (!isObject(meta) || typeof meta.run_id !== "string") return null;
  return { runId: meta.run_id, generation: String(meta.generation ?? ""), firedAt: meta.fired_at ?? null, inputRef: meta.input_ref ?? null, leg: meta.leg ?? null, tracestate: meta.tracestate ?? null };
}

export const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
