"""The checkpoints of one attempt: the newest, whether it is kept, and when the leg has to end. Loaded at the first one.

A state is encoded when it is made: what the handler changes afterwards is not in it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from invoke_once.errors import CheckpointTooLarge
from invoke_once.handler.watchdog import margin_ms
from invoke_once.life.head import Head
from invoke_once.life.moves import State
from invoke_once.store import marshal, states
from invoke_once.store.payloads import Payloads

#: A stretch of work may take this much longer than the longest one so far.
STRETCH = 1.25


class Made(NamedTuple):
    """A checkpoint that is not kept yet."""

    seq: int
    text: bytes
    at_ms: int


class Checkpoints:
    def __init__(self, payloads: Payloads, head: Head, began_ms: int, deadline_ms: int) -> None:
        self._payloads, self._head, self._deadline_ms = payloads, head, deadline_ms
        self._seq = head.state_seq or 0
        self._text: bytes | None = None
        self._last_ms, self._longest_ms = began_ms, 0
        self._margin_ms = margin_ms(deadline_ms - began_ms)
        self._ready: State | None = None
        self._lock = threading.Lock()
        self.pending: Made | None = None
        self.kept = False  #: one of this attempt is in the table

    @property
    def newer(self) -> bool:
        """There is one of this attempt."""
        return self.kept or self.pending is not None

    def make(self, state: Any, now_ms: int) -> None:
        """Raises `CheckpointTooLarge` and `NotSerializable`; the one before it stays then."""
        text = marshal.dumps(state)
        if len(text) > states.MAX_STATE_BYTES:
            raise CheckpointTooLarge(f"the state has {len(text)} bytes; the limit is {states.MAX_STATE_BYTES}")
        with self._lock:
            self._seq += 1
            self._text, self.pending = text, Made(self._seq, text, now_ms)
            self._longest_ms, self._last_ms = max(self._longest_ms, now_ms - self._last_ms), now_ms

    def state(self) -> Any:
        """What the newest one has, of this attempt or an earlier one; None: there is none. A new object each time."""
        if self._text is None:
            self._text = states.read(self._payloads, self._head)
        return None if self._text is None else json.loads(self._text)

    def leg_is_over(self, now_ms: int) -> bool:
        """Another stretch of work might not end before the watchdog has to act."""
        return self._deadline_ms - now_ms < self._margin_ms + STRETCH * self._longest_ms

    def write(self, told: Mapping[str, Any], *, head_only: bool = False) -> State | None:
        """The pending one as the head keeps it; what does not fit the head is put where it fits, once.

        Raises `StoreUnavailable`. `head_only`: None for one that does not fit.
        """
        made = self.pending
        if made is None:
            return None
        if self._ready is None or self._ready.seq != made.seq:
            fields = states.keep(self._payloads, self._head, made.text, made.seq, made.at_ms, told, head_only=head_only)
            if fields is None:
                return None
            self._ready = State(made.seq, fields)
        return self._ready

    def wrote(self, state: State | None) -> None:
        """`state`, or a newer one of this attempt, is in the table."""
        if state is not None:
            with self._lock:
                self.kept = True
                if self.pending is not None and self.pending.seq <= state.seq:
                    self.pending = None

    def drop(self) -> None:
        """The pending one cannot be kept."""
        self.pending = None

    @property
    def head(self) -> Head:
        """The run's, with where the state is that the next leg begins with."""
        if self._ready is None:
            return self._head
        return replace(self._head, state_ref=self._ready.fields.get("state_ref"))
