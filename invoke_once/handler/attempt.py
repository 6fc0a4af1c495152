"""One attempt at one run, from the claim to the recorded outcome. Every write it makes is fenced by its lease."""

from __future__ import annotations

import math
import os
import random
import threading
from typing import Any

from invoke_once import log
from invoke_once.errors import AttemptSuperseded, PayloadTooLarge, RunCancelled, StoreUnavailable
from invoke_once.handler import outcomes
from invoke_once.handler.outcomes import Outcome
from invoke_once.handler.runtime import Runtime
from invoke_once.life import moves
from invoke_once.life.due import backoff_ms, may_retry
from invoke_once.life.head import Head
from invoke_once.life.move import LEASE_GRACE_MS
from invoke_once.life.status import Status
from invoke_once.store import texts
from invoke_once.store.payloads import error_in
from invoke_once.store.store import Applied, Refused, Result

TELL_EVERY_MS = 2_000
MESSAGE_CHARS = 500


class Attempt:
    """The `Run` a handler sees, and the one that may write its outcome.

    Only the process that claimed writes: a fork has a copy, which knows its run and tells nothing of it.
    """

    def __init__(self, runtime: Runtime, head: Head, deadline_ms: int, tracestate: str | None = None) -> None:
        self._runtime = runtime
        self._head = head
        self._pid = os.getpid()
        self._fence = moves.fence(head)
        self._deadline_ms = deadline_ms
        self._began_ms = self._told_ms = self._looked_ms = runtime.now_ms()
        self._told_ms -= TELL_EVERY_MS
        self._pending: dict[str, Any] = {}
        self._cancel_requested = head.cancel_requested
        self._superseded = False
        self._lock = threading.RLock()
        self._settled: Result | None = None
        self.tracestate = tracestate

    @property
    def id(self) -> str:
        return self._head.run_id

    @property
    def attempt(self) -> int:
        return self._head.attempt

    @property
    def function(self) -> str:
        return self._head.function

    @property
    def tenant(self) -> str:
        return self._head.tenant

    @property
    def traceparent(self) -> str | None:
        return self._head.traceparent

    @property
    def forked(self) -> bool:
        """This is a fork's copy: the attempt belongs to another process."""
        return os.getpid() != self._pid

    @property
    def cancel_requested(self) -> bool:
        if not self._cancel_requested and not self.forked and self._runtime.now_ms() - self._looked_ms >= TELL_EVERY_MS:
            self._look()
        return self._cancel_requested

    def progress(self, fraction: float | None = None, message: str | None = None) -> None:
        if fraction is not None:
            if not isinstance(fraction, (int, float)) or not math.isfinite(fraction):
                raise ValueError("progress takes a fraction from 0 to 1")
            self._pending["fraction"] = round(min(max(float(fraction), 0.0), 1.0), 4)
        if message is not None:
            self._pending["message"] = texts.text_of(message, MESSAGE_CHARS)
        if self._pending and not self.forked and self._runtime.now_ms() - self._told_ms >= TELL_EVERY_MS:
            self._tell()

    def check(self) -> None:
        if self._superseded:
            raise AttemptSuperseded
        if self.cancel_requested:
            raise RunCancelled

    def beat(self, lease_ms: int) -> None:
        """Say that the attempt lives: the lease goes on, never beyond the attempt's own deadline."""
        if self.forked:
            return
        until = min(self._runtime.now_ms() + lease_ms, self._deadline_ms) + LEASE_GRACE_MS
        self._tell(lease_until=until)

    def run_out(self, seconds: float) -> None:
        """Lambda is about to kill the attempt, which had `seconds`. Where it does not, the process ends itself here:
        a body that went on beside the next attempt would be a second one."""
        if self._settled is not None:
            return
        try:
            self.settle(outcomes.out_of_time(seconds))
        finally:
            if self._runtime.end_process is not None:
                log.event("process_ended", run_id=self.id, attempt=self.attempt, reason="timed out")
                self._runtime.end_process(1)

    def _tell(self, lease_until: int | None = None) -> None:
        told, self._pending = {"fraction": None, "message": None} | self._pending, {}
        self._told_ms = self._looked_ms = self._runtime.now_ms()
        try:
            result = self._runtime.store.apply(moves.progress(self._fence, lease_until=lease_until, **told))
        except StoreUnavailable as error:
            log.event("progress_not_told", run_id=self.id, attempt=self.attempt, reason=str(error))
            return
        self._see(result.head if isinstance(result, Applied) else None)

    def _look(self) -> None:
        self._looked_ms = self._runtime.now_ms()
        try:
            head = self._runtime.store.get(self.id, self._looked_ms, consistent=False)
        except StoreUnavailable:
            return
        if head is not None and head.attempt >= self.attempt:
            self._see(head if head.lease_id == self._head.lease_id and not head.terminal else None)

    def _see(self, head: Head | None) -> None:
        """Take in what a write or a read showed; None: this attempt is no longer the run's."""
        self._superseded = head is None
        self._cancel_requested = self._cancel_requested or (head is not None and head.cancel_requested)

    def settle(self, outcome: Outcome) -> Result:
        """Record the outcome, once: the watchdog and the handler's end may both come here, the first one counts.

        Tries again while DynamoDB or S3 is away, until the lease ends; then raises `StoreUnavailable`. What is refused
        for good is not tried again: the run ends failed, and says what was refused.
        """
        if self.forked:
            raise RuntimeError("only the process that claimed a run may record its outcome")
        with self._lock:
            if self._settled is None:
                self._settled = self._settle(outcome)
                self._report(self._settled, outcome)
            return self._settled

    def _settle(self, outcome: Outcome) -> Result:
        token = moves.new_token()
        try:
            return self._keep_recording(outcome, token)
        except PayloadTooLarge as error:
            return self._keep_recording(outcomes.failed("OutputTooLarge", str(error)), token)
        except StoreUnavailable as error:
            if not error.for_good:
                raise
            return self._record_less(outcome, token, str(error))

    def _record_less(self, outcome: Outcome, token: str, why: str) -> Result:
        """Part of the outcome was refused for good: without what may be missing, then with the refusal in its place."""
        if self._pending:
            self._pending = {}
            try:
                return self._keep_recording(outcome, token)
            except StoreUnavailable as error:
                why = str(error)
        kept = outcomes.failed(outcome.error_type or "OutputNotKept", f"the outcome could not be kept: {why}")
        return self._keep_recording(kept, token)

    def _keep_recording(self, outcome: Outcome, token: str) -> Result:
        def delayed(error: StoreUnavailable) -> None:
            if error.for_good:
                raise error
            log.event("outcome_delayed", run_id=self.id, attempt=self.attempt, reason=str(error))

        until_ms = self._deadline_ms + LEASE_GRACE_MS
        return self._runtime.keep_trying(lambda: self._record(outcome, token), until_ms, delayed)

    def _record(self, outcome: Outcome, token: str) -> Result:
        store, now_ms = self._runtime.store, self._runtime.now_ms()
        if outcome.retriable and outcome.error is not None and may_retry(self._head):
            again_ms = self._retry_at(outcome, now_ms)
            result = store.apply(moves.requeue(self._fence, self._head, again_ms, outcome.error, token))
            if not (isinstance(result, Refused) and result.only(moves.NOT_CANCELLED)):
                return result
            outcome = Outcome(Status.CANCELLED)
        fields = self._fields(outcome)
        return store.apply(moves.finish(self._fence, self._head, outcome.status, now_ms, fields, token))

    def _retry_at(self, outcome: Outcome, now_ms: int) -> int:
        """After the backoff; a timed-out body may go on until Lambda kills it, so not before that, on any clock."""
        again_ms = now_ms + backoff_ms(self._head, random.random())
        return max(again_ms, self._deadline_ms + LEASE_GRACE_MS) if outcome.status == Status.TIMED_OUT else again_ms

    def _fields(self, outcome: Outcome) -> dict[str, Any]:
        told = {"progress": self._pending.get("fraction"), "message": self._pending.get("message")}
        fields = {k: v for k, v in told.items() if v is not None}
        if outcome.output is not None:
            return fields | self._runtime.payloads.keep_output(self._head, outcome.output)
        return fields | ({"error": outcome.error} if outcome.error is not None else {})

    def _report(self, result: Result, outcome: Outcome) -> None:
        now = result.head
        took = self._runtime.now_ms() - self._began_ms
        if isinstance(result, Refused):
            log.event("outcome_refused", run_id=self.id, attempt=self.attempt, claim=self._head.claim_token,
                      outcome=outcome.status, winner=now.status if now else None, because=result.arms,
                      metrics={"OutcomesRefused": 1})  # fmt: skip
            return
        if outcome.error is not None:
            told = error_in(outcome.error)
            log.event("attempt_failed", level="ERROR", run_id=self.id, attempt=self.attempt,
                      claim=self._head.claim_token, function=self.function, error_type=told.get("type"),
                      message=told.get("message"), trace=told.get("trace"))  # fmt: skip
        log.event("attempt_ended", run_id=self.id, attempt=self.attempt, claim=self._head.claim_token,
                  function=self.function, outcome=outcome.status, run_status=result.head.status,
                  error_type=outcome.error_type,
                  metrics={"attempt_ms": took, f"Ended_{result.head.status}": 1})  # fmt: skip
