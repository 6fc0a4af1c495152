/**
 * SQS batches: each message a run of its own, keyed by its `messageId`. What failed is reported, so that SQS delivers
 * that alone again; the mapping needs `ReportBatchItemFailures` for it (Lambda Developer Guide, "Handling errors for an
 * SQS event source", which also asks of FIFO queues that nothing behind a failure is taken). Where all failed the first
 * error is thrown instead: that holds without the setting too.
 */
import { isObject } from "../envelope.js";
import { logEvent } from "../log.js";
import { MALFORMED, source } from "../replies.js";
import { nameOf } from "../../store/texts.js";

/** A message is not begun with less than this left: it would be cut off and counted as a run that timed out. */
const BEGIN_WITH_MS = 2_000;

export const isBatch = (event) => source(event) === "aws:sqs" && event.Records.every((message) => isObject(message) && message.messageId);

/** Handle each message as an event of its own; what to give back to SQS. */
export async function each(event, handle, leftMs) {
  const failed = [], errors = [];
  for (const [number, message] of event.Records.entries()) {
    const heldUp = failed.length > 0 && String(message.eventSourceARN ?? "").endsWith(".fifo");
    if (heldUp || (number && leftMs() < BEGIN_WITH_MS)) {
      logEvent("message_left", { message_id: message.messageId, reason: heldUp ? "fifo" : "time" });
      failed.push(message.messageId);
      continue;
    }
    try {
      await handle({ ...event, Records: [message] });
    } catch (error) {
      logEvent("message_failed", { message_id: message.messageId, reason: nameOf(error) });
      failed.push(message.messageId);
      errors.push(error);
    }
  }
  const whole = errors.filter((error) => nameOf(error) === MALFORMED);
  if (whole.length || (errors.length && failed.length === event.Records.length)) throw (whole[0] ?? errors[0]);
  return { batchItemFailures: failed.map((itemIdentifier) => ({ itemIdentifier })) };
}
