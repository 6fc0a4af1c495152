"""A run as its handler sees it, and what an attempt writes while it works: progress, checkpoints, beats."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from invoke_once import log
from invoke_once.errors import (
    AttemptSuperseded,
    ContinueLater,
    RunCancelled,
    StoreUnavailable,
)
from invoke_once.handler.runtime import Runtime
from invoke_once.life import moves
from invoke_once.life.head import Head
from invoke_once.life.move import LEASE_GRACE_MS, Move
from invoke_once.life.moves import State
from invoke_once.store import texts
from invoke_once.store.store import Applied, Refused, Result

if TYPE_CHECKING:
    from invoke_once.handler.checkpoints import Checkpoints

TELL_EVERY_MS = 2_000
MESSAGE_CHARS = 500
LONGEST_SLEEP_S = 7 * moves.DAY_S


class LiveRun:
    """The `Run` a handler sees.

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
        self._shown: dict[str, Any] = {}
        self._checkpoints: Checkpoints | None = None
        self._cancel_requested = head.cancel_requested
        self._superseded = False
        self._lock = threading.RLock()
        self.tracestate = tracestate

    @property
    def id(self) -> str:
        return self._head.run_id

    @property
    def attempt(self) -> int:
        return self._head.attempt_number

    @property
    def leg(self) -> int:
        return self._head.leg

    @property
    def state(self) -> Any:
        if not self._head.has_state and self._checkpoints is None:
            return None
        return self._own_checkpoints().state()

    @property
    def time_left(self) -> float:
        return max(self._deadline_ms - self._runtime.now_ms(), 0) / 1000

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
        self._note(fraction, message)
        if self._pending:
            self._tell_if_due()

    def checkpoint(
        self, state: Any, fraction: float | None = None, message: str | None = None, *, now: bool = False
    ) -> None:
        self._note(fraction, message)
        made, now_ms = self._own_checkpoints(), self._runtime.now_ms()
        made.make(state, now_ms)
        if self.forked:
            return
        if self._head.on_timeout == "continue" and made.leg_is_over(now_ms):
            raise ContinueLater(asked=False)  # the end of the leg keeps it
        if now:
            self._tell(patient=False)
            if self._superseded:
                raise AttemptSuperseded
        else:
            self._tell_if_due()

    def continue_later(self, after: float = 0) -> NoReturn:
        if not isinstance(after, (int, float)) or not 0 <= after <= LONGEST_SLEEP_S:
            raise ValueError("continue_later takes seconds, from 0 to seven days")
        raise ContinueLater(after)

    def _own_checkpoints(self) -> Checkpoints:
        if self._checkpoints is None:
            from invoke_once.handler.checkpoints import Checkpoints

            self._checkpoints = Checkpoints(self._runtime.payloads, self._head, self._began_ms, self._deadline_ms)
        return self._checkpoints

    def _note(self, fraction: float | None, message: str | None) -> None:
        if fraction is not None:
            if not isinstance(fraction, (int, float)) or not math.isfinite(fraction):
                raise ValueError("progress takes a fraction from 0 to 1")
            self._pending["fraction"] = round(min(max(float(fraction), 0.0), 1.0), 4)
        if message is not None:
            self._pending["message"] = texts.text_of(message, MESSAGE_CHARS)

    def _tell_if_due(self) -> None:
        if not self.forked and self._runtime.now_ms() - self._told_ms >= TELL_EVERY_MS:
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

    def _tell(self, lease_until: int | None = None, *, patient: bool = True) -> None:
        """Write what is pending. A beat carries no checkpoint: it must not wait for where that goes."""
        told, self._pending = self._pending, {}
        self._told_ms = self._looked_ms = self._runtime.now_ms()
        made = self._checkpoints if lease_until is None else None
        fields = {"fraction": None, "message": None} | told
        try:
            state = made.write(self._shown | self._as_kept(told)) if made is not None else None
            result = self._apply(
                lambda kept: moves.carrying(moves.progress(self._fence, lease_until=lease_until, **fields), kept), state
            )
        except StoreUnavailable as error:
            log.event("progress_not_told", run_id=self.id, attempt=self._head.attempt, reason=str(error))
            if not patient:
                raise
            return
        self._shown |= self._as_kept(told)
        self._see(result.head if isinstance(result, Applied) else None)

    def _apply(self, make: Callable[[State | None], Move], state: State | None) -> Result:
        """The move with its checkpoint; without, where another thread has kept a newer one."""
        result = self._runtime.store.apply(make(state))
        if isinstance(result, Refused) and result.arms == (moves.NO_NEWER_STATE,):
            result = self._runtime.store.apply(make(None))
        if self._checkpoints is not None and isinstance(result, Applied):
            self._checkpoints.wrote(state)
        return result

    @staticmethod
    def _as_kept(told: Mapping[str, Any]) -> dict[str, Any]:
        names = {"fraction": "progress", "message": "message"}
        return {names[name]: value for name, value in told.items() if value is not None}

    def _look(self) -> None:
        self._looked_ms = self._runtime.now_ms()
        try:
            head = self._runtime.store.get(self.id, self._looked_ms, consistent=False)
        except StoreUnavailable:
            return
        if head is not None and head.attempt >= self._head.attempt:
            self._see(head if head.lease_id == self._head.lease_id and not head.terminal else None)

    def _see(self, head: Head | None) -> None:
        """Take in what a write or a read showed; None: this attempt is no longer the run's."""
        self._superseded = head is None
        self._cancel_requested = self._cancel_requested or (head is not None and head.cancel_requested)
