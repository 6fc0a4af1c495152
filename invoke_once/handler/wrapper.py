"""`@tracked`: claim the run an event is for, run the handler, record what came of it.

    @tracked                                          an event fired by the service: one claim, one outcome
    @tracked(key="detail.order_id", attach=True)      and a direct call registers itself (direct.py)

A duplicate of a fired event finds a live lease or a finished run, logs one line and *returns*: raising would make
Lambda deliver it again. So does an attempt whose handler raised: its error is recorded, Lambda need not know.

The module is not called `tracked`, because importing it would put the module over the function `invoke_once.tracked`.
"""

from __future__ import annotations

import functools
import os
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, NoReturn, TypeVar, overload

from invoke_once import log
from invoke_once.errors import NotClaimed, StoreUnavailable, is_for_good
from invoke_once.handler import given, kinds, replies
from invoke_once.handler.attempt import Attempt
from invoke_once.handler.current import working
from invoke_once.handler.envelope import Envelope, envelope_of
from invoke_once.handler.outcomes import Outcome, raised
from invoke_once.handler.runtime import Runtime, is_configured, runtime
from invoke_once.handler.watchdog import Watchdog
from invoke_once.life import moves
from invoke_once.life.head import Head
from invoke_once.life.move import LEASE_GRACE_MS
from invoke_once.store.store import Applied, Result

Handler = Callable[[Any, Any], Any]
H = TypeVar("H", bound=Handler)  #: a handler keeps its own signature
DEFAULT_TIMEOUT_MS = 1_800_000  #: Lambda's longest, for a context that does not tell
#: How long a claim is tried while the table is away: given back, the run would wait a minute for its next dispatch. But
#: never for more than a tenth of the lease, which is the body's time.
CLAIM_PATIENCE_MS, PATIENCE_SHARE = 30_000, 10


class Options(NamedTuple):
    """How direct calls are told apart, and what a duplicate of one does."""

    key: str | Callable[[Any], str] | None = None
    attach: bool = False
    attach_seconds: float = 60


@overload
def tracked(handler: H, /) -> H: ...


@overload
def tracked(
    *, key: str | Callable[[Any], str] | None = None, attach: bool = False, attach_seconds: float = 60
) -> Callable[[H], H]: ...


def tracked(
    handler: Handler | None = None,
    /,
    *,
    key: str | Callable[[Any], str] | None = None,
    attach: bool = False,
    attach_seconds: float = 60,
) -> Any:
    """Make a Lambda handler a run's.

    key             where a direct call's key is in its event (a JMESPath, or a function of the event)
    attach          a duplicate of a direct call waits for the first and returns its outcome, instead of being dropped
    attach_seconds  without a key: how long after its end an equal call still gets the first one's outcome
    """
    options = Options(key, attach, attach_seconds)
    if handler is None:
        return functools.partial(_wrap, options)
    return _wrap(options, handler)


def _wrap(options: Options, handler: Handler) -> Handler:
    kinds.refuse_wrong(handler)

    @functools.wraps(handler)
    def invoked(event: Any, context: Any) -> Any:
        envelope = envelope_of(event)
        if envelope is not None:
            return run_fired(runtime(), handler, event, context, envelope)
        if not is_configured():
            return _run_as_it_is(handler, event, context)
        from invoke_once.handler.direct.call import run_direct

        kinds.refuse_changed(event)
        return run_direct(runtime(), options, handler, event, context)

    setattr(invoked, kinds.MARK, True)
    return invoked


def _run_as_it_is(handler: Handler, event: Any, context: Any) -> Any:
    """A call outside Lambda, as a function's own unit tests make it: the body, and no run."""
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            "a tracked handler is called outside Lambda, and no ONCE_RUNS_TABLE is set: its body runs, no run is "
            "recorded (to test with runs: invoke_once.testing.Bench)",
            stacklevel=3,
        )
    return handler(event, context)


_warned = False


def time_left_ms(context: Any) -> int:
    """What Lambda leaves this invocation. 0 is a number, not an absence: the lease then is the grace alone."""
    tell = getattr(context, "get_remaining_time_in_millis", None)
    return max(int(tell()), 0) if tell else DEFAULT_TIMEOUT_MS


def run_fired(rt: Runtime, handler: Handler, event: Any, context: Any, envelope: Envelope) -> dict[str, Any]:
    """An event of the service's: claim, run, settle.

    Raises `NotClaimed` where the body was not started, and `StoreUnavailable` where its outcome could not be written.
    """
    claimed, deadline_ms = claim_run(rt, envelope, context)
    if not isinstance(claimed, Applied):
        return _duplicate(envelope, claimed)
    value = given.read(rt, event, envelope, claimed.head, _patience_ends_ms(rt, claimed.head))
    if isinstance(value, Outcome):
        settled = Attempt(rt, claimed.head, deadline_ms).settle(value)
    else:
        settled, _ = run_attempt(rt, handler, value, context, claimed.head, deadline_ms)
    return _summary(envelope.run_id, settled.head)


def _patience_ends_ms(rt: Runtime, head: Head) -> int:
    now_ms = rt.now_ms()
    return now_ms + min((head.lease_until - LEASE_GRACE_MS - now_ms) // PATIENCE_SHARE, CLAIM_PATIENCE_MS)


def claim_run(rt: Runtime, envelope: Envelope, context: Any) -> tuple[Result, int]:
    """Claim the run of an event. Returns how that went, and when Lambda will end this attempt (ms).

    The clock is read before the time left: a pause in between makes the lease shorter, never too long.
    """
    now_ms = rt.now_ms()
    left_ms = time_left_ms(context)
    lease_ms = min(left_ms, rt.policy.heartbeat_ms) if rt.policy.heartbeat_ms else left_ms
    claim = moves.claim(envelope.run_id, envelope.generation, now_ms, lease_ms, envelope.fired_at)

    def delayed(error: StoreUnavailable) -> None:
        if is_for_good(str(error)):
            raise error
        log.event("claim_delayed", run_id=envelope.run_id, reason=str(error))

    until_ms = now_ms + min(lease_ms // PATIENCE_SHARE, CLAIM_PATIENCE_MS)
    lease_id = str(claim.set["lease_id"])
    try:
        result = rt.keep_trying(lambda: rt.store.apply(claim), until_ms, delayed)
    except StoreUnavailable as error:
        raise NotClaimed(lease_id, str(error)) from error
    if isinstance(result, Applied) and rt.now_ms() > now_ms + lease_ms:  # the grace is for clocks that differ
        raise NotClaimed(lease_id, "the answer came when the lease was over")
    return result, now_ms + left_ms


def run_attempt(
    rt: Runtime, handler: Handler, value: Any, context: Any, head: Head, deadline_ms: int
) -> tuple[Result, tuple[Any, BaseException | None]]:
    """Run the body of a claimed run and record how it ended. Returns (how it was recorded, (value, error))."""
    log.event("claimed", run_id=head.run_id, attempt=head.attempt, claim=head.claim_token, function=head.function,
              request_id=getattr(context, "aws_request_id", None), metrics={"Claimed": 1})  # fmt: skip
    attempt = Attempt(rt, head, deadline_ms)
    value_or_error: tuple[Any, BaseException | None]
    with Watchdog(attempt, deadline_ms - rt.now_ms(), rt.policy.heartbeat_ms):
        try:
            with working(attempt):
                value_or_error = handler(value, context), None
            outcome = replies.outcome(value, value_or_error[0])
        except BaseException as error:  # SystemExit and KeyboardInterrupt too: the run has to end
            value_or_error, outcome = (None, error), raised(error)
        if attempt.forked:
            _end_fork(value_or_error[1])
        return attempt.settle(outcome), value_or_error


def _end_fork(error: BaseException | None) -> NoReturn:
    """A fork of the process came back from the handler: it ends here, and tells neither Lambda nor the store."""
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    else:
        code = int(error is not None)
        if error is not None:
            sys.excepthook(type(error), error, error.__traceback__)
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(code & 0xFF)


def _duplicate(envelope: Envelope, refused: Any) -> dict[str, Any]:
    head: Head | None = refused.head
    log.event("duplicate_refused", run_id=envelope.run_id, run_status=head.status if head else None,
              because=refused.arms, metrics={"DuplicatesRefused": 1})  # fmt: skip
    return {**_summary(envelope.run_id, head), "duplicate": True}


def _summary(run_id: str, head: Head | None) -> dict[str, Any]:
    return {"run_id": run_id, "status": str(head.status) if head else None}
