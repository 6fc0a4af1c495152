// The states that a batch counts its runs by: what went well, what did not, what is to come.

export const ORDER = ["succeeded", "failed", "timed_out", "expired", "cancelled", "running", "waiting"];

const UNSUCCESSFUL = ["failed", "timed_out", "expired", "cancelled"];

/** How many runs ended otherwise than they should; a retry of the batch sends these again. */
export const unsuccessful = (counts) => UNSUCCESSFUL.reduce((sum, state) => sum + (counts[state] ?? 0), 0);
