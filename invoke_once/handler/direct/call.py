"""A direct invocation (a rule, a queue, S3, an SDK, a person) registers itself as a run, and its duplicates find it.

The key is the `key` option's, else the event's own id, else Lambda's request id: a delivery that AWS repeats, and a
call that an SDK fires again, derive the same run id and meet in one conditional write. Nothing of the HTTP service
is needed: the table is enough. `slots.py` is for equal calls that no key tells; `batches.py` for SQS.
"""

from __future__ import annotations

import json
from typing import Any

from invoke_once import log
from invoke_once.errors import ConfigurationError, NotSerializable, RunCancelled, StillRunning, recorded_failure
from invoke_once.handler import recovery, replies
from invoke_once.handler.body import run_attempt
from invoke_once.handler.direct import batches, keys, slots
from invoke_once.handler.options import Handler, Options, time_left_ms
from invoke_once.handler.runtime import Runtime
from invoke_once.handler.watchdog import margin_ms
from invoke_once.life import moves
from invoke_once.life.due import Due, is_due
from invoke_once.life.head import Head
from invoke_once.life.status import Status
from invoke_once.store import marshal, payloads
from invoke_once.store.store import Applied, Refused, Result

#: Pauses between looks at a run that is waited for, in seconds; the last one repeats.
LOOK_EVERY_S = (0.1, 0.2, 0.4, 0.8, 1.0)


def run_direct(rt: Runtime, options: Options, handler: Handler, event: Any, context: Any) -> Any:
    """Run the body once for this event, or answer with what its first run came to."""

    def one(message: Any) -> Any:
        return _Call(rt, options, handler, message, context).answer()

    if batches.is_batch(event):
        return batches.each(event, one, lambda: time_left_ms(context))
    return one(event)


def _text(event: Any) -> bytes:
    try:
        return marshal.event_text(event)
    except NotSerializable as error:
        raise TypeError(
            f"the event is not as Lambda gives it, {error}: put @tracked outermost, above the decorator that changes it"
        ) from None


def payload_of(tenant: str, function: str, event: Any) -> slots.Payload:
    """The direct calls that are equal to this one."""
    text = json.dumps(event, sort_keys=True, separators=(",", ":"), default=str)
    return slots.Payload(tenant, function, payloads.sha(text.encode("utf-8", "surrogatepass")))


class _Call:
    """One direct call: it runs the body of a run, or follows the run that is there."""

    def __init__(self, rt: Runtime, options: Options, handler: Handler, event: Any, context: Any) -> None:
        self._rt, self._attach, self._handler = rt, options.attach, handler
        self._options, self._event, self._context = options, event, context
        self._is_stream = replies.source(event) in replies.STREAMS
        self._request_id = keys.request_id(context)
        self._function = rt.policy.function or str(getattr(context, "function_name", ""))
        began_ms = rt.now_ms()  # before the time left is read: a pause in between makes the lease shorter, not too long
        self._left_ms = time_left_ms(context)
        self._deadline_ms = began_ms + self._left_ms
        if not self._function:
            raise ConfigurationError("ONCE_FUNCTION is not set, and the context names no function")

    def answer(self) -> Any:
        if self._options.key is not None:
            return self._enter(keys.chosen(self._options.key, self._event))
        own_id = keys.own_id(self._event)
        if own_id is None and self._attach:
            equal = payload_of(self._rt.policy.tenant, self._function, self._event)
            window_ms = int(self._options.attach_seconds * 1000)
            return slots.enter(self._rt, equal, window_ms, self._register, self._run, self._follow)
        return self._enter(own_id or self._request_id)

    def _enter(self, key: str) -> Any:
        result = self._register(key)
        if isinstance(result, Applied):
            return self._run(result.head)
        assert result.head is not None  # the id was taken, so there is a run
        return self._follow(result.head)

    def _register(self, key: str) -> Result:
        """Become the run of `key`. Refused: it has one, which the refusal carries."""
        now_ms, text = self._rt.now_ms(), _text(self._event)
        draft = moves.register(self._new_run(key), now_ms, self._lease_ms(now_ms), self._request_id)
        if not payloads.fits_head(text, payloads.item_size(draft.set)):
            found = self._rt.store.get(draft.run_id, now_ms)  # before a large payload is put for a duplicate
            if found is not None:
                return Refused(found, ("id is free",))
        return self._rt.store.apply(self._rt.payloads.with_input(draft, text, payloads.MAX_DIRECT_BYTES))

    def _new_run(self, key: str) -> moves.NewRun:
        policy = self._rt.policy
        return moves.NewRun(
            policy.tenant, self._function, key, retention_s=policy.retention_s, on_lost=policy.on_lost,
            max_attempts=1 if self._is_stream else policy.max_attempts, backoff_ms=policy.backoff_ms,
            max_backoff_ms=policy.max_backoff_ms, jitter=policy.jitter, callback_url=policy.callback or None,
            on_timeout=policy.on_timeout, max_legs=policy.max_legs,
        )  # fmt: skip

    def _lease_ms(self, now_ms: int) -> int:
        left_ms = max(self._deadline_ms - now_ms, 0)
        return min(left_ms, self._rt.policy.heartbeat_ms) if self._rt.policy.heartbeat_ms else left_ms

    def _run(self, head: Head) -> Any:
        """Run the body as `head`'s attempt. What is recorded is returned or raised, to this caller as to all others.

        A run that goes on in another leg is the service's from then on: the caller is told which it is.
        """
        settled, (value, error) = run_attempt(
            self._rt, self._handler, self._event, self._context, head, self._deadline_ms
        )
        if isinstance(settled, Applied) and settled.head.terminal:  # this attempt's end is the run's
            if error is not None and _tells(settled.head, error):
                raise error
            if settled.head.status == Status.SUCCEEDED:
                return value
            if self._is_stream and error is None and _has_type(settled.head, replies.REPORTED, replies.MALFORMED):
                return value  # Lambda reads from it where to go on
            return self._outcome(settled.head)
        if isinstance(settled, Applied) and settled.head.between_legs:
            return _goes_on(settled.head)
        now = settled.head or head  # a retry is left, or another attempt has taken over
        if error is not None and not now.terminal and not self._attach:
            raise error
        return self._outcome(self._wait(now) if self._attach else now)

    def _follow(self, found: Head) -> Any:
        """What the run came to. A live one is waited for (`attach`), or dropped; one nobody works at is run."""
        if not found.terminal and not found.between_legs:
            taken = self._take_over(found)
            if isinstance(taken, Applied):
                return self._run(taken.head)
            found = taken
        if self._is_stream:
            return self._deliver_again(found)
        if found.terminal or self._attach:
            head = self._wait(found)
            log.event("duplicate_answered", run_id=head.run_id, run_status=head.status,
                      metrics={"DuplicatesRefused": 1})  # fmt: skip
            return self._outcome(head)
        log.event("duplicate_dropped", run_id=found.run_id, run_status=found.status,
                  metrics={"DuplicatesRefused": 1})  # fmt: skip
        return {"invoke_once": {"run_id": found.run_id, "status": str(found.status), "duplicate": True}}

    def _take_over(self, found: Head) -> Applied | Head:
        """Claim a run that nobody works at: queued for a retry, or its attempt has vanished. Else: the run as it is.

        The body then gets the run's own input, which is read before: a claim without it would be an attempt lost.
        """
        now_ms = self._rt.now_ms()
        vanished = is_due(found, now_ms) == Due.LOSE
        waits = found.status == Status.QUEUED and (found.not_before or 0) <= now_ms
        if not vanished and not waits:
            return found
        given = json.loads(self._rt.payloads.input(found))
        lease_ms = self._lease_ms(now_ms)
        claim = moves.claim(found.run_id, found.generation, now_ms, lease_ms, request_id=self._request_id)
        result = self._rt.store.apply(claim)
        if isinstance(result, Applied):
            self._event = given
            return result
        return self._lose(result.head or found)

    def _deliver_again(self, found: Head) -> Any:
        """A stream's batch that comes again: its shard waits for it, so the batch is tried again, or let pass.

        Lambda delivers it until the mapping's own limits, or its records', end that; `retry.max_attempts`, where it is
        more than 1, ends it before. Nothing is answered as done that is still at work: Lambda would go on behind it.
        """
        if not found.terminal and not self._attach and not _is_the_services(found):
            raise StillRunning(found.run_id)
        head = self._wait(found)
        if _is_the_services(head):
            return _goes_on(head)  # the order ends at the first leg: what is left of the run is in the table
        if head.status in (Status.CANCELLED, Status.EXPIRED):
            return {replies.MEMBER: []}
        budget = self._rt.policy.max_attempts
        if head.status != Status.SUCCEEDED and (budget == 1 or head.attempt_number < budget):
            now_ms = self._rt.now_ms()
            again = self._rt.store.apply(moves.redrive(head, now_ms))
            taken = self._take_over(again.head) if isinstance(again, Applied) else None
            if isinstance(taken, Applied):
                return self._run(taken.head)
            raise StillRunning(head.run_id)
        return self._outcome(head)

    def _lose(self, head: Head) -> Head:
        """End an attempt that has vanished: without the service nobody else would."""
        if is_due(head, self._rt.now_ms()) != Due.LOSE:
            return head
        why = f"attempt {head.attempt_number} vanished: its lease ended without an outcome"
        return recovery.lose(self._rt.payloads, head, self._rt.now_ms(), why=why).head or head

    def _wait(self, head: Head) -> Head:
        """The run when it has ended, or gone on in another leg. Disturbs nothing.

        Raises `StillRunning` shortly before Lambda would kill this call.
        """
        tries = 0
        while not ((head := self._lose(head)).terminal or _is_the_services(head)):
            if self._rt.now_ms() >= self._deadline_ms - margin_ms(self._left_ms):
                raise StillRunning(head.run_id)
            self._rt.sleep(LOOK_EVERY_S[min(tries, len(LOOK_EVERY_S) - 1)])
            tries += 1
            head = self._rt.store.get(head.run_id, self._rt.now_ms()) or head
        return head

    def _outcome(self, head: Head) -> Any:
        if head.status == Status.SUCCEEDED:
            return marshal.answer_of(self._rt.payloads.output(head))
        if _is_the_services(head):
            return _goes_on(head)
        told = payloads.error_of(head)  # of an attempt, too, that will be retried
        if told is not None:
            raise recorded_failure(str(told["type"]), str(told["message"]))
        if head.terminal:
            raise recorded_failure(RunCancelled.__name__, str(RunCancelled()))
        raise StillRunning(head.run_id)  # by another attempt, which has taken it over


def _is_the_services(head: Head) -> bool:
    """It has gone on in another leg, and has not ended: nobody waits for it, and its retries are the service's too."""
    return head.leg > 1 and not head.terminal


def _goes_on(head: Head) -> dict[str, str]:
    return {"run_id": head.run_id, "status": str(head.status)}


def _has_type(head: Head, *types: str) -> bool:
    told = payloads.error_of(head)
    return told is not None and told["type"] in types


def _tells(head: Head, error: BaseException) -> bool:
    """Whether `error` is the one that is recorded."""
    told = payloads.error_of(head)
    if told is None:
        return head.status == Status.CANCELLED and isinstance(error, RunCancelled)
    return bool(told["type"] == type(error).__name__)
