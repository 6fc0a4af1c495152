/** The key of a direct call: what makes two events the same one. */
import { randomBytes } from "node:crypto";

import { ConfigurationError } from "../../errors.js";
import { RESERVED_KEYS, utf8 } from "../../life/keys.js";
import { sha } from "../../store/payloads.js";
import { clean } from "../../store/texts.js";
import { isObject } from "../envelope.js";
import { source } from "../replies.js";
import { canonical } from "./canonical.js";
import { compile } from "./path.js";

const MAX_KEY_CHARS = 255;

export const requestId = (context) => String(context?.awsRequestId || randomBytes(16).toString("hex"));

/**
 * The id that the event's source gave it; a repeated delivery has the same. null: it has none.
 * EventBridge `id`; SQS `messageId`; SNS `MessageId`; S3 bucket, key, version, what happened and the sequencer; DynamoDB
 * and Kinesis streams `eventID`. Of several records: the first and the last.
 */
export function ownId(event) {
  if (!isObject(event)) return null;
  if ("id" in event && "source" in event && "detail-type" in event) return event.id ? fit(String(event.id)) : null;
  const tell = OF_RECORD[source(event)];
  if (!tell) return null;
  const [first, last] = [tell(event.Records[0]), tell(event.Records.at(-1))];
  if (!first || !last) return null;
  return fit(event.Records.length === 1 ? first : `${first}..${last}`);
}

function s3(record) {
  const { bucket, object } = record?.s3 ?? {};
  if (bucket?.name === undefined || object?.key === undefined) return "";
  const told = [object.versionId, record.eventName, object.sequencer || record.eventTime].filter(Boolean);
  return [`s3:${bucket.name}/${object.key}`, ...told].join("/");
}

const OF_RECORD = {
  "aws:sqs": (record) => String(record?.messageId ?? ""),
  "aws:sns": (record) => String(record?.Sns?.MessageId ?? ""),
  "aws:s3": s3,
  "aws:dynamodb": (record) => String(record?.eventID ?? ""),
  "aws:kinesis": (record) => String(record?.eventID ?? ""),
};

/** A function that finds the key in an event. Finding nothing is an error: a guess would run it twice one day. */
export function keyFinder(option) {
  if (typeof option !== "string" && typeof option !== "function") throw new TypeError("key is a path in the event, or a function of it");
  const find = typeof option === "string" ? compile(option) : option;
  const told = typeof option === "string" ? JSON.stringify(option) : option.name || "its function";
  return (event) => {
    const found = find(event);
    if (isMissing(found)) throw new ConfigurationError(`the event has nothing at its key ${told}`);
    return fit(typeof found === "string" ? found : jsonOf(found, told));
  };
}

/** Nothing, or nothing that tells two events apart: a blank text, true or false, and a container of these alone. */
function isMissing(found) {
  if (found === null || found === undefined || typeof found === "boolean") return true;
  if (typeof found === "string") return !found.trim();
  return typeof found === "object" && Object.values(found).every(isMissing);
}

function jsonOf(found, told) {
  if (["function", "symbol", "bigint"].includes(typeof found) || found instanceof Promise || Number.isNaN(found)) {
    throw new ConfigurationError(`what ${told} finds is no key: it is not JSON`);
  }
  try {
    return canonical(JSON.parse(JSON.stringify(found)));
  } catch {
    throw new ConfigurationError(`what ${told} finds is no key: it is not JSON`);
  }
}

/** Keys have at most 255 characters, which UTF-8 carries; another one is told apart by its hash. */
function fit(key) {
  const cleaned = clean(key, MAX_KEY_CHARS);
  if (key === cleaned && !key.startsWith(RESERVED_KEYS)) return key;
  const told = Array.from(cleaned).slice(0, 200).join("");
  return `${told.startsWith(RESERVED_KEYS) ? told.slice(RESERVED_KEYS.length) : told}#${sha(utf8(key))}`;
}
