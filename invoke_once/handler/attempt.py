"""One attempt at one run, from the claim to the recorded outcome. Every write it makes is fenced by its lease."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from invoke_once import log
from invoke_once.errors import PayloadTooLarge, StoreUnavailable
from invoke_once.handler import outcomes, recovery, settling
from invoke_once.handler.live import LiveRun
from invoke_once.handler.outcomes import Outcome
from invoke_once.handler.runtime import Runtime
from invoke_once.life import moves
from invoke_once.life.due import backoff_ms
from invoke_once.life.head import Head
from invoke_once.life.move import LEASE_GRACE_MS
from invoke_once.life.moves import State
from invoke_once.life.status import Status
from invoke_once.store.payloads import error_in
from invoke_once.store.store import Refused, Result

#: How long the end of an attempt waits for where a large checkpoint goes, while that is away.
STATE_PATIENCE_MS = 10_000


class Attempt(LiveRun):
    """And the one that may write its outcome."""

    def __init__(self, runtime: Runtime, head: Head, deadline_ms: int, tracestate: str | None = None) -> None:
        super().__init__(runtime, head, deadline_ms, tracestate)
        self._settled: Result | None = None
        self._state_until_ms = 0

    def run_out(self, seconds: float) -> None:
        """Lambda is about to kill the attempt, which had `seconds`. Where it does not, the process ends itself here:
        a body that went on beside the next attempt would be a second one."""
        if self._settled is not None:
            return
        try:
            self.settle(outcomes.out_of_time(seconds))
        finally:
            if self._runtime.end_process is not None:
                log.event("process_ended", run_id=self.id, attempt=self._head.attempt, reason="timed out")
                self._runtime.end_process(1)

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
        if self._pending or (self._checkpoints is not None and self._checkpoints.pending):
            self._pending = {}
            if self._checkpoints is not None:
                self._checkpoints.drop()
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
            log.event("outcome_delayed", run_id=self.id, attempt=self._head.attempt, reason=str(error))

        until_ms = self._deadline_ms + LEASE_GRACE_MS
        return self._runtime.keep_trying(lambda: self._record(outcome, token), until_ms, delayed)

    def _record(self, outcome: Outcome, token: str) -> Result:
        now_ms, told = self._runtime.now_ms(), self._as_kept(self._pending)
        state = self._state_to_keep(self._shown | told, now_ms, head_only=outcome.status == Status.SUCCEEDED)
        until_ms = self._slot_until(outcome)
        told = told if until_ms is None else told | {"slot_until": until_ms}
        if self._goes_on(outcome):
            ended = self._continue(outcome, told, state, now_ms, token)
            if not isinstance(ended, Outcome):
                return ended
            outcome = ended
        ending = outcome
        return settling.settle(
            self._runtime.payloads, self._fence, self._head, ending, now_ms, token, told=told,
            again_at=lambda: self._again_at(ending, now_ms + backoff_ms(self._head, random.random())),
            apply=lambda move: self._apply(lambda kept: moves.carrying(move, kept), state),
        )  # fmt: skip

    def _goes_on(self, outcome: Outcome) -> bool:
        """Another leg is asked for; or its time is over, and its function goes on from a checkpoint then."""
        if outcome.status == Status.TIMED_OUT and self._head.on_timeout == "continue":
            return self._checkpoints is not None and self._checkpoints.newer
        return outcome.status == Status.QUEUED

    def _continue(
        self, outcome: Outcome, told: Mapping[str, Any], state: State | None, now_ms: int, token: str
    ) -> Result | Outcome:
        """Move W, or how the run ends where there is no other leg."""
        head = self._head
        if head.leg >= head.max_legs:
            return outcomes.legs_exhausted(head.max_legs)
        begin_ms = self._again_at(outcome, now_ms + outcome.after_ms)
        result = self._apply(
            lambda kept: moves.continue_later(head, begin_ms, token, state=kept, asked=outcome.asked, told=told), state
        )
        if isinstance(result, Refused) and set(result.arms) <= {moves.NOT_CANCELLED, moves.NEWER_STATE}:
            cancelled = moves.NOT_CANCELLED in result.arms
            return Outcome(Status.CANCELLED) if cancelled else outcomes.out_of_time((now_ms - self._began_ms) / 1000)
        return result

    def _again_at(self, outcome: Outcome, at_ms: int) -> int:
        """When the next attempt or leg may begin, for which what it needs is kept.

        A timed-out body may go on until Lambda kills it, so not before that, on any clock.
        """
        if outcome.status == Status.TIMED_OUT:
            at_ms = max(at_ms, self._deadline_ms + LEASE_GRACE_MS)
        made = self._checkpoints
        recovery.outlive(self._runtime.payloads, self._head if made is None else made.head, at_ms)
        return at_ms

    def _state_to_keep(self, told: Mapping[str, Any], now_ms: int, *, head_only: bool) -> State | None:
        """The pending checkpoint, for the write that ends this attempt. The outcome does not wait for long for it."""
        made = self._checkpoints
        if made is None:
            return None
        try:
            return made.write(told, head_only=head_only)
        except StoreUnavailable as error:
            self._state_until_ms = self._state_until_ms or min(now_ms + STATE_PATIENCE_MS, self._deadline_ms)
            if now_ms < self._state_until_ms and not error.for_good:
                raise
            log.event("checkpoint_not_kept", run_id=self.id, attempt=self._head.attempt, reason=str(error))
            made.drop()
            return None

    def _slot_until(self, outcome: Outcome) -> int | None:
        """The watchdog's outcome comes before the body's end: until then a slot of a limit stays taken."""
        held = self._head.slot is not None and outcome.status == Status.TIMED_OUT
        return self._deadline_ms + LEASE_GRACE_MS if held else None

    def _report(self, result: Result, outcome: Outcome) -> None:
        now = result.head
        took = self._runtime.now_ms() - self._began_ms
        if isinstance(result, Refused):
            log.event("outcome_refused", run_id=self.id, attempt=self._head.attempt, claim=self._head.claim_token,
                      outcome=outcome.status, winner=now.status if now else None, because=result.arms,
                      metrics={"OutcomesRefused": 1})  # fmt: skip
            return
        if outcome.error is not None:
            told = error_in(outcome.error)
            log.event("attempt_failed", level="ERROR", run_id=self.id, attempt=self._head.attempt,
                      claim=self._head.claim_token, function=self.function, error_type=told.get("type"),
                      message=told.get("message"), trace=told.get("trace"))  # fmt: skip
        log.event("attempt_ended", run_id=self.id, attempt=self._head.attempt, claim=self._head.claim_token,
                  function=self.function, outcome=outcome.status, run_status=result.head.status,
                  error_type=outcome.error_type,
                  metrics={"attempt_ms": took, f"Ended_{result.head.status}": 1})  # fmt: skip
