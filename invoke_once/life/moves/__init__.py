"""The moves of a run, one function each: who may make it, from where, with which token.

Every function is pure and returns a `Move` for `Store.apply`. The arms of a guard are named, because a refusal
tells which of them failed. Those of callbacks, batches and gates are in `callback_moves`, `batch_moves` and
`gate_moves`, which no target loads.
"""

from invoke_once.life.moves.attempts import Fence, claim, fence, give_back, launch, progress, requeue
from invoke_once.life.moves.common import AS_SEEN, DAY_S, HELD_MS, NOT_CANCELLED, STATE_FIELDS, WAITING, Held, new_token
from invoke_once.life.moves.endings import FAILED_INDEX, cancel, expire, finish, lose, reject
from invoke_once.life.moves.legs import NEWER_STATE, NO_NEWER_STATE, State, carrying, continue_later, lose_leg
from invoke_once.life.moves.starts import NewRun, register, start
from invoke_once.life.moves.upkeep import dispatch, note, rearm, redrive, release, request_cancel

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
