"""Accept a run: put its head, then fire its target. Cancel it, or send it again.

The put is the whole deduplication (one conditional write on an id derived from tenant, function and key). What
dies between the put and the fire is fired by `attend` when the head's `due_at` comes.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from chalicelib.functions import Function
from chalicelib.invoker import SETTLED_DISPATCHES, Answer, Fired, Rejected, Unavailable
from chalicelib.runs import gated, waiting
from chalicelib.service import Service
from invoke_once import log
from invoke_once.errors import InvokeOnceError, PayloadCorrupt, PayloadTooLarge, StoreUnavailable
from invoke_once.handler import envelope, recovery
from invoke_once.life import keys, moves
from invoke_once.life.head import BATCH, Head
from invoke_once.life.status import REDRIVABLE, RERUNNABLE, Status
from invoke_once.store import payloads, states
from invoke_once.store.store import Applied, Refused, Result

FIRE_TRIES = 3  #: of a tracked function, whose claim makes a second event harmless


class KeyReused(InvokeOnceError):
    """The idempotency key was used before with another request."""


class StartRequest(Struct, frozen=True):
    """What a client asks for. None: the function's own policy. `input` is JSON text, kept byte for byte."""

    function: Function
    tenant: str
    key: str | None = None
    input: bytes = b"null"
    callback_url: str | None = None
    delay_ms: int = 0
    queue_ms: int = 6 * 3_600_000
    max_attempts: int | None = None
    backoff_ms: int | None = None
    max_backoff_ms: int | None = None
    if_failed: str = "replay"
    labels: Mapping[str, str] | None = None
    no_callback: bool = False  #: not even the function's own
    traceparent: str | None = None  #: no part of the fingerprint: a repeat may come by another way
    tracestate: str | None = None  #: goes with the first event alone
    concurrency: tuple[str, int] | None = None  #: (key, at most so many of its runs at once)


class Accepted(Struct, frozen=True):
    head: Head
    replayed: bool


def accept(svc: Service, request: StartRequest) -> Accepted:
    """The run of this request: new, or the one its key already has.

    Raises `KeyReused`, `PayloadTooLarge`, `StoreUnavailable` (nothing is promised then, repeating is safe).
    """
    _check_size(request)
    new = gated.under_gates(svc, new_run(request))
    now_ms = svc.now_ms()
    draft = moves.start(new, now_ms)
    if request.key is not None and not payloads.fits_head(request.input, payloads.item_size(draft.set)):
        found = svc.store.get(new.run_id, now_ms)  # before a large payload is put for a request that is refused
        if found is not None:
            return _repeat(svc, request, new, found)
    result = svc.store.apply(svc.payloads.with_input(draft, request.input))
    if isinstance(result, Refused):
        assert result.head is not None  # the id was taken, so there is a run
        return _repeat(svc, request, new, result.head)
    head = result.head
    log.event("accepted", run_id=head.run_id, function=head.function, tenant=head.tenant, metrics={"Accepted": 1})
    return Accepted(
        _fire_now(svc, head, request.input, request.tracestate) if head.status == Status.QUEUED else head,
        replayed=False,
    )


def is_known(svc: Service, request: StartRequest) -> bool:
    """Whether its key has a run already."""
    return request.key is not None and svc.store.get(new_run(request).run_id, svc.now_ms()) is not None


def _repeat(svc: Service, request: StartRequest, new: moves.NewRun, found: Head) -> Accepted:
    if found.fingerprint != new.fingerprint and not found.direct:  # a run that registered itself was asked by nobody
        raise KeyReused
    log.event("replayed", run_id=found.run_id, run_status=found.status, metrics={"Replayed": 1})
    if request.if_failed == "rerun" and found.status in RERUNNABLE:
        again = redrive(svc, found)
        return Accepted(again.head or found, replayed=True)
    return Accepted(found, replayed=True)


def input_limit(function: Function) -> int:
    """Bytes of an input that this function may have."""
    return payloads.MAX_INPUT_BYTES if function.mode == "tracked" else envelope.MAX_DESTINATION_INPUT_BYTES


def _check_size(request: StartRequest) -> None:
    limit = input_limit(request.function)
    if len(request.input) > limit:
        raise PayloadTooLarge(f"the input has {len(request.input)} bytes; the limit of this function is {limit}")


def new_run(request: StartRequest) -> moves.NewRun:
    function, retry = request.function, request.function.retry
    return moves.NewRun(
        tenant=request.tenant,
        function=function.name,
        key=request.key if request.key is not None else secrets.token_hex(16),
        fingerprint=fingerprint(request) if request.key is not None else None,
        mode=None if function.mode == "tracked" else function.mode,
        delay_ms=request.delay_ms,
        queue_ms=request.queue_ms,
        retention_s=function.retention_days * moves.DAY_S,
        max_attempts=_given(request.max_attempts, retry.max_attempts),
        backoff_ms=_given(request.backoff_ms, retry.backoff_seconds * 1000),
        max_backoff_ms=_given(request.max_backoff_ms, retry.max_backoff_seconds * 1000),
        jitter=retry.jitter,
        on_lost=function.on_lost,
        on_timeout=function.on_timeout,
        max_legs=function.max_legs,
        labels=json.dumps(request.labels, separators=(",", ":"), sort_keys=True) if request.labels else None,
        callback_url=request.callback_url or (None if request.no_callback else function.callback or None),
        traceparent=request.traceparent,
        concurrency_key=request.concurrency[0] if request.concurrency else None,
        concurrency_max=request.concurrency[1] if request.concurrency else None,
    )


def _given(value: int | None, default: int) -> int:
    return default if value is None else value


def fingerprint(request: StartRequest) -> str:
    """The same for two requests that ask for the same: function, input (whatever its key order) and options.

    The function's own callback is none of them: a repeat after it was changed is still a repeat.
    """
    asked: list[Any] = [
        request.function.name, json.loads(request.input), request.callback_url, request.delay_ms, request.queue_ms,
        request.max_attempts, request.backoff_ms, request.max_backoff_ms, dict(request.labels or {}),
    ]  # fmt: skip
    if request.no_callback:
        asked.append({"callback": None})
    if request.concurrency is not None:
        asked.append(["concurrency", *request.concurrency])
    return keys.digest(asked)


def _fire_now(svc: Service, head: Head, text: bytes | None = None, tracestate: str | None = None) -> Head:
    """Fire what was just accepted, or ask its gate. It stays accepted where the store fails: the sweep comes by."""
    try:
        if head.wait_shard is not None:
            return gated.ask(svc, head, fire)
        return fire(svc, head, text, tracestate)
    except StoreUnavailable as error:
        log.event("dispatch_delayed", run_id=head.run_id, reason=str(error), metrics={"DispatchDelayed": 1})
        return head


def fire(svc: Service, head: Head, text: bytes | None = None, tracestate: str | None = None) -> Head:
    """Fire the target of a queued run; returns the run as it is afterwards. A refusal for good ends the run."""
    function = svc.functions.get(head.function)
    if function is None:
        return _reject(svc, head, "TargetNotFound", f"there is no function {head.function} any more")
    try:
        text = svc.payloads.input(head) if text is None else text
    except PayloadCorrupt as error:
        return _reject(svc, head, "InputLost", str(error))
    if function.mode == "destination":
        if not envelope.is_object(text):
            return _reject(svc, head, "TargetRefused", "the input of an unwrapped function is an object")
        return _fire_unwrapped(svc, head, function, text, tracestate)
    event = envelope.fired_event(head, text, svc.now_ms(), tracestate)
    answer = _invoke(svc, head, function, event, tries=FIRE_TRIES)
    if isinstance(answer, Rejected):
        return _reject(svc, head, answer.type, answer.message)
    if isinstance(answer, Unavailable):
        log.event("dispatch_delayed", run_id=head.run_id, reason=answer.reason, metrics={"DispatchDelayed": 1})
        return waiting.note(svc, head, *answer.told)
    return head


def _invoke(svc: Service, head: Head, function: Function, event: bytes, tries: int = 1) -> Answer:
    """Lambda's answer. What it may take back some seconds later is no refusal before the third dispatch."""
    tenant = head.tenant if function.tenant_isolation else ""
    answer = svc.invoker.fire(
        function.target, event, qualifier=function.qualifier, tries=tries, **({"tenant": tenant} if tenant else {})
    )
    if isinstance(answer, Rejected) and answer.may_settle and _tried(head) < SETTLED_DISPATCHES:
        return Unavailable(answer.message, known=True, type=answer.type)
    return answer


def _tried(head: Head) -> int:
    """Dispatches so far; of an unwrapped function, whose launches are attempts, those too."""
    return head.attempt if head.mode is not None else head.dispatches


def _fire_unwrapped(svc: Service, head: Head, function: Function, text: bytes, tracestate: str | None) -> Head:
    """Claim for a function that cannot claim for itself, then fire it, once: nothing there refuses a second event."""
    lease_ms = (function.timeout_seconds + 6 * 3600) * 1000  # Lambda may keep the event in its queue for 6 h
    launched = svc.store.apply(moves.launch(head, svc.now_ms(), lease_ms))
    if isinstance(launched, Refused):
        return launched.head or head
    head = launched.head
    answer = _invoke(svc, head, function, envelope.merged_event(head, text, tracestate))
    if isinstance(answer, Fired) or (isinstance(answer, Unavailable) and not answer.known):
        return head
    if isinstance(answer, Rejected):
        error = {"error": payloads.error_fields(answer.type, answer.message)}
        result: Result = svc.store.apply(moves.lose(head, svc.now_ms(), None, error, seen_dead=True))
    else:
        result = recovery.give_back(svc.store, head, svc.now_ms(), payloads.error_fields(*answer.told))
    return result.head or head


def _reject(svc: Service, head: Head, type_name: str, message: str) -> Head:
    log.event("rejected", run_id=head.run_id, function=head.function, reason=type_name, metrics={"Rejected": 1})
    result = svc.store.apply(moves.reject(head, svc.now_ms(), payloads.error_fields(type_name, message)))
    return result.head or head


def cancel(svc: Service, head: Head, by: str | None = None, bulk: str | None = None) -> Result:
    """Cancel: at once if nobody has claimed it, else ask its attempt. Refused: it has ended, or `bulk` did it before.

    `by`: the id of the token that asks. `bulk`: the bulk job that does it.
    """
    result: Result = Refused(head, ("not ended",))
    for _ in range(5):
        if head.terminal or (bulk is not None and head.bulk == bulk):
            return Refused(head, ("not ended",))
        waiting = head.status in moves.WAITING
        move = moves.cancel(head, svc.now_ms(), by, bulk) if waiting else moves.request_cancel(head, by, bulk)
        result = svc.store.apply(move)
        if isinstance(result, Applied) or result.head is None:
            return result
        head = result.head
    return result


def redrive(svc: Service, head: Head, *, from_start: bool = False, bulk: str | None = None) -> Result:
    """Send an ended run again, from its newest checkpoint or `from_start`.

    Refused: it succeeded, it is live, its batch runs (and may count it already), or the job `bulk` has done it before.
    """
    if head.batch is not None and _batch_runs(svc, head.batch):
        return Refused(head, ("its batch has ended",))
    result = _reopen(svc, head, from_start, bulk)
    if isinstance(result, Refused) and result.only(moves.AS_SEEN) and result.head is not None:
        result = _reopen(svc, result.head, from_start, bulk)  # an attempt was made, and ended, since it was read
    if isinstance(result, Refused):
        return result
    log.event("redriven", run_id=head.run_id, function=head.function, metrics={"Redriven": 1})
    return Applied(_fire_now(svc, result.head))


def _batch_runs(svc: Service, batch: str) -> bool:
    item = svc.store.part(batch, BATCH)
    return item is not None and item.get("status") == Status.RUNNING


def _reopen(svc: Service, head: Head, from_start: bool, bulk: str | None) -> Result:
    """The move itself, with an input and a state that last as long as the run will."""
    held, paused_ms = gated.beginning(svc, head.run_id, head.function, head.tenant, head.concurrency_key)
    move = moves.redrive(head, svc.now_ms(), from_start=from_start, held=held, bulk=bulk, paused_ms=paused_ms)
    if head.status in REDRIVABLE:
        svc.payloads.renew_input(head, move.set["expires_at"])
        if not from_start:
            states.renew(svc.payloads, head, move.set["expires_at"])
    return svc.store.apply(move)
