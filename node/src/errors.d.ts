/** What the handler's side throws. */
export class InvokeOnceError extends Error {}
export class ConfigurationError extends InvokeOnceError {}
export class StoreUnavailable extends InvokeOnceError {
  readonly code: string;
  readonly forGood: boolean;
}
export class NotClaimed extends StoreUnavailable {
  readonly leaseId: string;
}
export class NotSerializable extends InvokeOnceError {}
export class PayloadTooLarge extends InvokeOnceError {}
export class PayloadCorrupt extends InvokeOnceError {}
export class CheckpointTooLarge extends PayloadTooLarge {}
/** Ends a leg of the run; a handler lets it pass. */
export class ContinueLater extends Error {}
export class RunCancelled extends InvokeOnceError {}
export class AttemptSuperseded extends InvokeOnceError {}
export class NoCurrentRun extends InvokeOnceError {}
export class StillRunning extends InvokeOnceError {
  readonly runId: string;
}
export class RecordedFailure extends InvokeOnceError {}
