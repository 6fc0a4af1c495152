"""Outcomes that Lambda itself reports, by its destinations: of functions nobody wrapped, and of attempts that died.

    fired by the service    the event's envelope names the run, and the attempt it was for
    direct, wrapped         a death alone: the run is found by the key that the wrapper gave it
    direct, unwrapped       becomes a run now, with its outcome: a rule's or an Event's result is kept too

Every write is fenced as an attempt's own is: a record that comes twice, late, or about an earlier attempt changes
nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.destinations import reports
from chalicelib.destinations.reports import Report
from chalicelib.functions import Function, function_at
from chalicelib.runs import waiting
from chalicelib.service import Service
from invoke_once import log
from invoke_once.errors import NotClaimed, PayloadError
from invoke_once.handler import outcomes, recovery, settling
from invoke_once.handler.direct.call import payload_of
from invoke_once.handler.direct.keys import own_id
from invoke_once.handler.envelope import Envelope, envelope_of
from invoke_once.handler.outcomes import Outcome
from invoke_once.life import keys, moves
from invoke_once.life.due import backoff_ms
from invoke_once.life.head import Head
from invoke_once.life.status import Status
from invoke_once.store import marshal, payloads
from invoke_once.store.store import Refused, Result

#: Events that died before any claim, after which the run is given up: its function cannot even start.
DEAD_DISPATCHES = 3


def record(svc: Service, told: Mapping[str, Any]) -> Result | None:
    """Take in one invocation record. None: it is about no run, or about one that needs nothing."""
    report = reports.read(told)
    envelope = envelope_of(report.payload)
    result = _of_fired(svc, envelope, report) if envelope is not None else _of_direct(svc, report)
    if result is None:
        log.event("report_without_effect", condition=report.condition, function=report.function_arn)
        return None
    head = result.head
    log.event("reported", run_id=head.run_id if head else None, condition=report.condition,
              run_status=head.status if head else None, refused=isinstance(result, Refused) or None,
              metrics={"Reported": 1})  # fmt: skip
    return result


# Fired by the service


def _of_fired(svc: Service, envelope: Envelope, report: Report) -> Result | None:
    head = svc.store.get(envelope.run_id, svc.now_ms())
    if head is None or head.generation != envelope.generation:
        return None
    if envelope.lease_id is not None:
        if not report.invoked:
            return _never_reached(svc, head, envelope, report)
        return _settle(svc, head, moves.Fence(head.run_id, envelope.attempt or 0, envelope.lease_id), report)
    if report.succeeded:
        return None  # a wrapped function has recorded its outcome itself
    if head.status == Status.RUNNING:
        if _never_heard_of_its_claim(head, report):
            return recovery.give_back(svc.store, head, svc.now_ms())
        return _lose(svc, head, report) if _was_its_attempt(head, envelope, report) else None
    waits_for_claim = head.status == Status.QUEUED and not head.not_before and _began_none(head, envelope)
    if not waits_for_claim:
        return None
    if head.dispatches >= DEAD_DISPATCHES and not _may_start_later(report):
        why = f"its function failed {head.dispatches} times before it could claim the run: {_reason(report)}"
        return svc.store.apply(moves.reject(head, svc.now_ms(), payloads.error_fields("NeverStarted", why)))
    waiting.note(svc, head, report.error_type or "FunctionError", report.message, report.trace)
    return None


def _began_none(head: Head, envelope: Envelope) -> bool:
    """The event was to begin the attempt that nobody has begun yet; a late report is about an earlier one."""
    return envelope.attempt in (None, head.attempt + 1)


def _never_reached(svc: Service, head: Head, envelope: Envelope, report: Report) -> Result | None:
    """Lambda gave the event of a function nobody wrapped up: its body did not start, so nothing was spent."""
    holds = head.status == Status.RUNNING and (head.attempt, head.lease_id) == (envelope.attempt, envelope.lease_id)
    if not holds:
        return None
    error = payloads.error_fields(report.error_type, report.message)
    return recovery.give_back(svc.store, head, svc.now_ms(), error)


def _never_heard_of_its_claim(head: Head, report: Report) -> bool:
    """Its claim was written and the answer lost, so that it stopped before the body: the lease it names has the run."""
    told = NotClaimed.read(report.message)
    return told is not None and told.lease_id == head.lease_id


def _was_its_attempt(head: Head, envelope: Envelope, report: Report) -> bool:
    """Whether the invocation that ended in an error is the attempt that has the run.

    An event may be delivered twice, and only one of the two has it: one that says it did not claim has not, and one
    that took the run over from an earlier attempt is not meant.
    """
    if NotClaimed.read(report.message):
        return False
    return bool(head.fired_at) and head.fired_at == envelope.fired_at and envelope.attempt == head.attempt


def _may_start_later(report: Report) -> bool:
    """Lambda did not start it, or the table did not answer. A table that forbids the claim will do so again."""
    told = NotClaimed.read(report.message)
    return not report.invoked or (told is not None and not told.for_good)


def _settle(svc: Service, head: Head, fence: moves.Fence, report: Report) -> Result:
    """The outcome of a function nobody wrapped, fenced by the lease that went out with its event."""
    now_ms, token = svc.now_ms(), moves.new_token()

    def again_at() -> int:
        again_ms = now_ms + backoff_ms(head, svc.spread())
        recovery.outlive(svc.payloads, head, again_ms)
        return again_ms

    def record_as(outcome: Outcome) -> Result:
        return settling.settle(
            svc.payloads, fence, head, outcome, now_ms, token, again_at=again_at, apply=svc.store.apply
        )

    try:
        return record_as(_outcome(report))
    except PayloadError as error:
        return record_as(outcomes.failed("OutputTooLarge", str(error)))


def _outcome(report: Report) -> Outcome:
    if report.succeeded:
        return outcomes.returned(report.response)  # Node sends a cut emoji as a lone surrogate: that fails
    failed = outcomes.failed(report.error_type or "FunctionError", report.message, report.trace, retriable=True)
    return failed._replace(status=Status.TIMED_OUT) if report.timed_out else failed


def _lose(svc: Service, head: Head, report: Report) -> Result:
    why = f"attempt {head.attempt_number} died: {_reason(report)}"
    return recovery.lose(svc.payloads, head, svc.now_ms(), why=why, seen_dead=True, spread=svc.spread)


def _reason(report: Report) -> str:
    return report.message[: reports.REASON_CHARS]


# Direct


def _of_direct(svc: Service, report: Report) -> Result | None:
    function = function_at(svc.functions, report.function_arn)
    if function is None:
        return None
    if function.mode == "destination":
        return _register(svc, function, report)
    return None if report.succeeded else _direct_death(svc, function, report)


def _direct_death(svc: Service, function: Function, report: Report) -> Result | None:
    """The run that this very invocation holds, if it does: then its process is dead. Others' runs are left alone."""
    for run_id in _runs_it_may_hold(svc, function, report):
        head = svc.store.get(run_id, svc.now_ms())
        holds = head is not None and head.status == Status.RUNNING and not head.fired_at
        if head is not None and holds and head.request_id == report.request_id:
            return _lose(svc, head, report)
    return None


def _runs_it_may_hold(svc: Service, function: Function, report: Report) -> list[str]:
    """As the wrapper keys a direct call. What a `key` option finds is known to the function's own code alone."""
    given = own_id(report.payload)
    if given is not None:
        return [keys.run_id(function.tenant, function.name, given)]
    equal = payload_of(function.tenant, function.name, report.payload)
    number = equal.last_number(svc.store)
    by_request = keys.run_id(function.tenant, function.name, report.request_id)
    return [by_request, *(equal.run_id(n) for n in (number, number + 1) if n)]


def _register(svc: Service, function: Function, report: Report) -> Result | None:
    """An invocation that nobody announced becomes a run with its outcome. Told twice, it is the same run."""
    key = own_id(report.payload) or report.request_id
    if not key:
        return None
    new = moves.NewRun(
        function.tenant,
        function.name,
        key,
        mode="destination",
        retention_s=function.retention_days * moves.DAY_S,
        callback_url=function.callback or None,
    )
    draft = moves.register(new, svc.now_ms(), 0, report.request_id)
    text = marshal.event_text(report.payload)
    result = svc.store.apply(svc.payloads.with_input(draft, text, payloads.MAX_DIRECT_BYTES))
    head = result.head
    if head is None or (isinstance(result, Refused) and not _half_told(head, report)):
        return result
    return _settle(svc, head, moves.fence(head), report)


def _half_told(head: Head, report: Report) -> bool:
    """An earlier telling of this record got as far as the register."""
    return head.direct and head.status == Status.RUNNING and head.request_id == report.request_id
