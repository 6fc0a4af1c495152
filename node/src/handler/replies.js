/**
 * What a handler's return value means for the event that it was given: an output, or a report of what failed.
 * Queues and streams ask for `{"batchItemFailures": [{"itemIdentifier": ID}]}` (Lambda Developer Guide, "Handling errors
 * for an SQS event source"). An attempt whose reply reports a failure has failed, however it was started.
 */
import { isObject } from "./envelope.js";
import { failed, returned } from "./outcomes.js";

export const MEMBER = "batchItemFailures";
export const MALFORMED = "MalformedReport";
export const REPORTED = "ReportedByHandler";
const NAMED = 5;
const IDENTIFIER = {
  "aws:sqs": (record) => record?.messageId,
  "aws:kinesis": (record) => record?.kinesis?.sequenceNumber,
  "aws:dynamodb": (record) => record?.dynamodb?.SequenceNumber,
};
export const isStream = (event) => ["aws:kinesis", "aws:dynamodb"].includes(source(event));

/** Which AWS service made these records: `aws:sqs`, …; "" for anything else. */
export function source(event) {
  const first = isObject(event) && Array.isArray(event.Records) ? event.Records[0] : undefined;
  return isObject(first) ? String(first.eventSource ?? first.EventSource ?? "") : "";
}

/** How the attempt ended that was given `event` and returned `value`. */
export function outcomeOf(event, value) {
  const ended = returned(value);
  if (!ended.output?.includes(MEMBER)) return ended;
  const wrong = reported(event, JSON.parse(ended.output.toString()));
  return wrong ? failed(...wrong, null, true) : ended;
}

function reported(event, reply) {
  const identify = IDENTIFIER[source(event)];
  const told = isObject(reply) ? reply[MEMBER] : undefined;
  if (!identify || !told || (Array.isArray(told) && !told.length)) return null;
  const known = new Set(event.Records.map(identify));
  const named = (Array.isArray(told) ? told : [null]).map((item) => (isObject(item) ? item.itemIdentifier : null));
  if (!named.every((name) => typeof name === "string" && name && known.has(name))) {
    return [MALFORMED, `the handler's ${MEMBER} names what is not in the batch: the whole batch counts as failed`];
  }
  const more = named.length > NAMED ? ` and ${named.length - NAMED} more` : "";
  return [REPORTED, `the handler reported ${named.slice(0, NAMED).join(", ")}${more} in ${MEMBER}`];
}
