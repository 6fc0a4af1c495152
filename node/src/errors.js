/** What the handler's side throws. Names are those of the Python library, because Lambda reports them. */

export class InvokeOnceError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** A setting is missing or cannot be right. */
export class ConfigurationError extends InvokeOnceError {}

/** DynamoDB and S3 error codes that no repetition will change (their API references, "Common errors"). */
const FOR_GOOD = [
  "AccessDenied", "ResourceNotFound", "UnrecognizedClient", "ValidationException", "NoSuchBucket", "InvalidBucketName",
  "InvalidAccessKeyId", "SignatureDoesNotMatch", "AllAccessDisabled", "PermanentRedirect", "EntityTooLarge", "KMS.",
];

/** DynamoDB or S3 did not answer; nothing is promised, repeating is safe. `code`: AWS's, or the SDK's name for it. */
export class StoreUnavailable extends InvokeOnceError {
  constructor(message, code = "") {
    super(message);
    this.code = code;
  }

  get forGood() { return FOR_GOOD.some((start) => this.code.startsWith(start)); }
}

/** The run could not be claimed; its body was not started. The service reads the message: `NotClaimed` in errors.py. */
export class NotClaimed extends StoreUnavailable {
  constructor(leaseId, why, code = "") {
    super(`not claimed${leaseId ? ` (lease ${leaseId})` : ""}: ${why}`, code);
    this.leaseId = leaseId;
  }
}

/** The value is not JSON. */
export class NotSerializable extends InvokeOnceError {}
/** The payload is over the limit. */
export class PayloadTooLarge extends InvokeOnceError {}
/** The stored payload does not match its recorded size and hash. */
export class PayloadCorrupt extends InvokeOnceError {}

/** The state of a checkpoint is over the limit; the one before it stays. */
export class CheckpointTooLarge extends PayloadTooLarge {}

/** Ends a leg: `run.continueLater()`, and `run.checkpoint()` near the timeout. Another leg goes on: let it pass. */
export class ContinueLater extends Error {
  constructor(afterMs = 0, asked = true) {
    super("This leg of the run ends here; another one goes on with the newest state. Let it pass.");
    this.name = "ContinueLater";
    this.afterMs = afterMs;
    this.asked = asked;
  }
}

/** Thrown by `run.check()`: somebody asked to cancel. */
export class RunCancelled extends InvokeOnceError {
  constructor() { super("Somebody asked to cancel this run."); }
}

/** Thrown by `run.check()`: another attempt has taken this run over; nothing this one does will be recorded. */
export class AttemptSuperseded extends InvokeOnceError {
  constructor() { super("Another attempt has taken this run over; nothing this one does will be recorded."); }
}

/** No run, or more than one, is being worked at here. */
export class NoCurrentRun extends InvokeOnceError {
  constructor(live) {
    super(`${live ? "several runs are" : "no run is"} being worked at in this process: call currentRun() in the handler, or in what it awaits`);
  }
}

/** The first call still runs; ask again, or read the run by its id. */
export class StillRunning extends InvokeOnceError {
  constructor(runId) {
    super(`the first call still runs as ${runId}`);
    this.runId = runId;
  }
}

/** The run failed in an earlier call; its recorded error, under its own name, which Lambda reports as `errorType`. */
export class RecordedFailure extends InvokeOnceError {
  constructor(type, message) {
    super(message);
    this.name = type;
  }
}
