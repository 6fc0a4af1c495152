"""Every error the library raises, in one small tree.

    InvokeOnceError
    ├── ConfigurationError      a setting is missing or cannot be right
    ├── SignatureError          a webhook does not verify
    ├── StoreUnavailable        DynamoDB or S3 did not answer; nothing is promised, repeating is safe
    │   └── NotClaimed            the wrapper could not claim a run; its body was not started
    ├── PayloadError            an input or output cannot be kept
    │   ├── NotSerializable       it is not JSON
    │   ├── PayloadTooLarge       it is over the limit
    │   ├── CheckpointTooLarge    a ValueError: the state is over 256 KB
    │   └── PayloadCorrupt        what is stored is not what was written
    ├── RunCancelled            raised inside a handler by `run.check()` after somebody asked to cancel
    ├── AttemptSuperseded       raised inside a handler by `run.check()` when its lease was taken over
    ├── NoCurrentRun            `current_run()` was asked where no run, or more than one, can be meant
    ├── StillRunning            a direct caller's own time ran out while the first call still runs
    └── RecordedFailure         a direct caller's run failed in another call: raised under the first error's own name

Beside the tree, because it is no error and no `except Exception` may stop it:

    ContinueLater (BaseException)   ends a leg: `run.continue_later()`, and `run.checkpoint()` near the timeout

The client's errors (`invoke_once.client_errors`) hang below `InvokeOnceError` too.
"""

from __future__ import annotations


class InvokeOnceError(Exception):
    """Something in invoke-once went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or " ".join((self.__doc__ or type(self).__name__).split()))


class ConfigurationError(InvokeOnceError):
    """A setting is missing or cannot be right."""


class SignatureError(InvokeOnceError):
    """The webhook does not verify."""


class StoreUnavailable(InvokeOnceError):
    """The run store did not answer; repeating the call is safe. `code`: AWS's, or the name of botocore's error."""

    def __init__(self, message: str | None = None, code: str = "") -> None:
        super().__init__(message)
        self.code = code

    @property
    def for_good(self) -> bool:
        """Whether no repetition will help: a right or a setting is missing."""
        return self.code.startswith(_FOR_GOOD)


#: Error codes of DynamoDB and S3 (their API references, "Common errors" and each operation's), and botocore's own
#: for a request that it cannot send, as where no bucket is set.
_FOR_GOOD = ("AccessDenied", "ResourceNotFound", "UnrecognizedClient", "ValidationException",
             "NoSuchBucket", "InvalidBucketName", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AllAccessDisabled",
             "PermanentRedirect", "EntityTooLarge", "KMS.", "ParamValidationError")  # fmt: skip


class NotClaimed(StoreUnavailable):
    """The run could not be claimed; its body was not started."""

    def __init__(self, lease_id: str, why: str, code: str = "") -> None:
        """`lease_id`: of the claim that may have been written although its answer was lost; "" for none."""
        super().__init__(f"not claimed{f' (lease {lease_id})' if lease_id else ''}: {why}", code)
        self.lease_id = lease_id

    @classmethod
    def read(cls, message: str) -> NotClaimed | None:
        """The error whose text Lambda reports, by a wrapper of any version; None: it is another. AWS's code ends it."""
        start, _, why = message.partition(": ")
        lease_id = start.removeprefix("not claimed").removeprefix(" (lease ").removesuffix(")")
        read = cls(lease_id, why, why.rpartition(": ")[2])
        return read if str(read) == message else None


class PayloadError(InvokeOnceError):
    """The payload cannot be kept."""


class NotSerializable(PayloadError):
    """The value is not JSON."""


class PayloadTooLarge(PayloadError):
    """The payload is over the limit."""


class CheckpointTooLarge(PayloadTooLarge, ValueError):
    """The state of a checkpoint is over the limit; the one before it stays."""


class PayloadCorrupt(PayloadError):
    """The stored payload does not match its recorded size and hash."""


class RunCancelled(InvokeOnceError):
    """Somebody asked to cancel this run."""


class AttemptSuperseded(InvokeOnceError):
    """Another attempt has taken this run over; nothing this one does will be recorded."""


class ContinueLater(BaseException):
    """This leg of the run ends here; another one goes on with the newest state. Let it pass."""

    def __init__(self, after_s: float = 0, *, asked: bool = True) -> None:
        """`asked`: by the handler itself; else a checkpoint of this leg is needed."""
        super().__init__(" ".join((self.__doc__ or "").split()))
        self.after_s = after_s
        self.asked = asked


class NoCurrentRun(InvokeOnceError):
    """No run, or more than one, is being worked at here."""

    def __init__(self, live: int) -> None:
        super().__init__(
            f"{'several runs are' if live else 'no run is'} being worked at in this process: call current_run() in the "
            "handler, and start a thread's work with contextvars.copy_context().run(function, …)"
        )


class StillRunning(InvokeOnceError):
    """The first call still runs; ask again, or read the run by its id."""

    def __init__(self, run_id: str) -> None:
        super().__init__(f"the first call still runs as {run_id}")
        self.run_id = run_id


class RecordedFailure(InvokeOnceError):
    """The run failed in an earlier call; this is its recorded error, its message as it was (empty, even)."""

    def __init__(self, message: str) -> None:
        Exception.__init__(self, message)


def recorded_failure(type_name: str, message: str) -> RecordedFailure:
    """An exception whose class has the recorded error's name, so that Lambda reports the same `errorType`."""
    kind: type[RecordedFailure] = type(type_name, (RecordedFailure,), {"__module__": "builtins"})
    return kind(message)
