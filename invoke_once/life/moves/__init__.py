"""The moves of a run, one function each: who may make it, from where, with which token.

Every function is pure and returns a `Move` for `Store.apply`. The arms of a guard are named, because a refusal
tells which of them failed. Those of callbacks, batches and gates are in `callback_moves`, `batch_moves` and
`gate_moves`, which no target loads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from invoke_once.life.moves.attempts import Fence, claim, fence, give_back, launch, progress, requeue
from invoke_once.life.moves.common import AS_SEEN, DAY_S, HELD_MS, NOT_CANCELLED, STATE_FIELDS, WAITING, Held, new_token
from invoke_once.life.moves.endings import FAILED_INDEX, cancel, expire, finish, lose, reject
from invoke_once.life.moves.legs import NEWER_STATE, NO_NEWER_STATE, State, carrying, continue_later, lose_leg
from invoke_once.life.moves.upkeep import dispatch, note, rearm, redrive, release, request_cancel

if TYPE_CHECKING:
    from invoke_once.life.moves.starts import NewRun, register, start

__all__ = [
    # How it begins
    "NewRun", "start", "register",
    # What attempts may do
    "Fence", "fence", "claim", "launch", "give_back", "progress", "requeue",
    # Checkpoints and legs
    "State", "carrying", "continue_later", "lose_leg",
    # How it ends
    "finish", "lose", "reject", "expire", "cancel",
    # What keeps it going
    "release", "dispatch", "note", "request_cancel", "redrive", "rearm",
    # What they share
    "AS_SEEN", "DAY_S", "FAILED_INDEX", "HELD_MS", "Held", "NEWER_STATE", "NOT_CANCELLED", "NO_NEWER_STATE",
    "STATE_FIELDS", "WAITING", "new_token",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """How a run begins is loaded when it is asked for: an event's run has begun."""
    if name not in ("NewRun", "register", "start"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from invoke_once.life.moves import starts

    globals().update(NewRun=starts.NewRun, register=starts.register, start=starts.start)
    return globals()[name]
