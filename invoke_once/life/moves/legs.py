"""Checkpoints, and how a leg ends so that another one goes on (W; J of a leg that was lost).

A leg spends no attempt: what the claim counts is given back here, to the limit and to what is not the budget.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from invoke_once.life.conditions import any_of, at_most, below, equals, missing
from invoke_once.life.due import FIRST_LOOK_MS
from invoke_once.life.head import Head
from invoke_once.life.move import Arm, Move
from invoke_once.life.moves.attempts import fence
from invoke_once.life.moves.common import back_in_queue, leaves_slots, nobody_asked_to_cancel
from invoke_once.life.moves.endings import gone

#: The arm that refuses a checkpoint where a newer one is kept; the move is then made without it.
NO_NEWER_STATE = "no newer state is kept"
#: The arm that refuses a leg which would begin where the one before it began.
NEWER_STATE = "a checkpoint of this leg is kept"
_SPENT: Mapping[str, int] = {"legs": 1, "max_attempts": 1, "extra_attempts": 1}


class State(NamedTuple):
    """A checkpoint as the head keeps it. `seq` counts them over the run's life."""

    seq: int
    fields: Mapping[str, Any]  #: `state` or `state_ref`, and what else is told of it


def carrying(move: Move, state: State | None) -> Move:
    """The same move (G, H, I, W), which keeps a checkpoint too. A copy of it that comes late puts nothing back."""
    if state is None:
        return move
    newest = Arm(NO_NEWER_STATE, any_of(missing("state_seq"), at_most("state_seq", state.seq)))
    sets = {**move.set, **state.fields, "state_seq": state.seq}
    other = "state_ref" if "state" in state.fields else "state"
    return replace(move, guard=(*move.guard, newest), set=sets, remove=(*move.remove, other))


def continue_later(
    head: Head,
    not_before: int,
    token: str,
    *,
    state: State | None = None,
    asked: bool = False,
    told: Mapping[str, Any] | None = None,
) -> Move:
    """W. The leg ends, and another one goes on from `not_before`, with the newest state. By the attempt.

    Not `asked` for by its handler, it needs a checkpoint of this leg: `state`, or one that was kept before.
    `told`: progress that is not written yet.
    Refused if somebody asked to cancel (then it ends cancelled), or with no leg left.
    """
    guard = (*fence(head).arms, *_may_go_on(head, newer=state is None and not asked))
    sets = _queued_again(head, not_before) | {"settled_by": token} | dict(told or {})
    return carrying(
        Move("W", head.run_id, guard, sets, add=_SPENT, remove=leaves_slots(head), mine={"settled_by": token}), state
    )


def lose_leg(head: Head, now_ms: int, *, seen_dead: bool) -> Move:
    """J of a leg that vanished after a checkpoint of its own: another one goes on. By attend, or by record."""
    guard = (*gone(head, now_ms, seen_dead=seen_dead), *_may_go_on(head, newer=True))
    sets = _queued_again(head, now_ms)
    if head.slot is not None and head.body_until is not None and not seen_dead:
        sets["slot_until"] = head.body_until
    return Move("J", head.run_id, guard, sets, add=_SPENT, remove=leaves_slots(head))


def _may_go_on(head: Head, *, newer: bool) -> tuple[Arm, ...]:
    one_left = below("leg", head.max_legs)
    left = Arm("a leg is left", any_of(missing("leg"), one_left) if head.max_legs > 1 else one_left)
    kept = (Arm(NEWER_STATE, equals("state_lease", head.lease_id)),) if newer else ()
    return (nobody_asked_to_cancel(), left, *kept)


def _queued_again(head: Head, not_before: int) -> dict[str, Any]:
    """`due_at` stays where the sweep comes by within a minute of the time anyway: an index entry costs two units."""
    sets = back_in_queue(head, not_before) | {"leg": head.leg + 1, "between_legs": True}
    if head.due_at is not None and abs(head.due_at - not_before) <= FIRST_LOOK_MS:
        del sets["due_at"]
    return sets
