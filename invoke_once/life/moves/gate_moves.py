"""The moves of gates: a run waits (XH) and is let through (X); a slot is taken, handed on and freed (Y, Z); a limit is
named (YL), a rack looked at again (ZA), a function paused (XP). By the service alone: no target loads this.

A run is let through in two writes: the slot is taken for its waiting (`hold`), then the run is told (X). Who dies in
between leaves a slot that names a run which waits: whoever looks after the gate makes the second write, under the same
`hold`, so that of any number who try one succeeds and the others see that the slot is the run's, or is not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from invoke_once.life import gates, keys
from invoke_once.life.conditions import Condition, any_of, at_most, equals, missing
from invoke_once.life.due import FIRST_LOOK_MS
from invoke_once.life.gates import Slot
from invoke_once.life.head import Head
from invoke_once.life.move import Arm, Move
from invoke_once.life.moves.common import DAY_S, HELD_MS, Held, look_by, same_generation
from invoke_once.life.status import Status

LOOK_MS = 60_000  #: a rack with a slot that is taken, or with somebody who waits, is looked at so often
#: A rack that two looks found empty, so far apart, is left alone. A POST takes less (Lambda ends it after 30 s), so
#: whoever saw the rack looked after, and then wrote a run that waits, is in the list before the second look.
EMPTY_MS = 60_000


def _as_it_was(field: str, value: Any) -> Condition:
    return missing(field) if value is None else equals(field, value)


def _still_waits(head: Head) -> tuple[Arm, ...]:
    return (
        same_generation(head),
        Arm("still queued", equals("status", Status.QUEUED)),
        Arm("the same waiting", equals("hold", head.hold)),
        Arm("at the same gate", equals("wait_shard", head.wait_shard)),
    )


def grant(head: Head, now_ms: int, slots: Iterable[Slot], clock: dict[str, Any] | None = None) -> Move:
    """X. It has every slot that it needs: it may be claimed, and is fired next.

    Its look stays where it is, since its racks are looked after; without slots, or where the look is near, it needs one
    of its own. `clock`: what a pause has moved of the queue's clock.
    Refused: somebody let it through before, or it waits for something else, or it ended.
    """
    clock = clock or {}
    text = gates.slots_text(slots)
    sets: dict[str, Any] = {"dispatches": 1, **clock} | ({"slot": text, "slot_at": now_ms} if text else {})
    far = not text and (head.due_at or 0) > now_ms + FIRST_LOOK_MS
    if far or (head.due_at or 0) <= now_ms:
        sets["due_at"] = look_by(now_ms + FIRST_LOOK_MS, clock.get("queue_until", head.queue_until))
    return Move(
        "X", head.run_id, _still_waits(head), sets, remove=("not_before", "wait_shard", *(() if text else ("hold",)))
    )


def hold(head: Head, held: Held, now_ms: int, queue_until: int, slots: Iterable[Slot] = ()) -> Move:
    """XH. It may not be fired now, and waits at a gate. By attend, or by whoever lets runs through.

    With the `hold` that it has it goes on from one gate to the next, with the slots it got there. With a new one it
    leaves all that it had.
    """
    guard = (
        same_generation(head),
        Arm("still waits", equals("status", head.status)),
        Arm("as it was held", _as_it_was("hold", head.hold)),
        Arm("at the same gate", _as_it_was("wait_shard", head.wait_shard)),
        Arm("as it was held back", _as_it_was("not_before", head.not_before)),
    )
    text = gates.slots_text(slots)
    sets: dict[str, Any] = {
        "status": Status.QUEUED, "hold": held.hold, "wait_shard": held.shard, "not_before": HELD_MS, "dispatches": 0,
    }  # fmt: skip
    if queue_until != head.queue_until:
        sets["queue_until"] = queue_until
    due_at = queue_until + 1 if held.looked_after else look_by(now_ms + FIRST_LOOK_MS, queue_until)
    if (head.due_at or 0) <= now_ms or head.due_at > due_at:  # type: ignore[operator]
        sets |= {"due_at": due_at, "due_shard": keys.due_shard(head.run_id)}
    if text:
        sets["slot"] = text
    return Move("XH", head.run_id, guard, sets, remove=("slot_at",) if text else ("slot", "slot_at"))


def take(place: Slot, before: str | None, head: Head, now_ms: int) -> Move:
    """Y. A free slot, or one that its holder `before` is done with, goes to a run that waits.

    Refused: somebody else took it.
    """
    value = gates.ticket(head.run_id, head.hold or "")
    return Move(
        "Y", place.rack, (Arm("as it was", _as_it_was(place.name, before)),), {place.name: value},
        set_once=_looked_after(place.rack, now_ms), remove=("empty_at", "expires_at"), part=gates.RACK,
        mine={place.name: value},
    )  # fmt: skip


def set_limit(gate: str, limit: int, high: int, at_ms: int | None, now_ms: int) -> Move:
    """YL. How many the gate lets through, for those who come next: as the latest request of `at_ms` named it, or
    (None) as the function has it. `high` is the most that it ever let through."""
    newer = any_of(missing("limit_at"), at_most("limit_at", at_ms if at_ms is not None else HELD_MS))
    sets = {"slot_limit": limit, "slot_high": max(high, limit)} | ({} if at_ms is None else {"limit_at": at_ms})
    rack = gates.rack_id(gate, 0)
    return Move("YL", rack, (Arm("nobody named one later", newer),), sets, set_once=_looked_after(rack, now_ms),
                remove=("empty_at", "expires_at"), part=gates.RACK)  # fmt: skip


def free(place: Slot, before: str) -> Move:
    """Z. Nobody who waits may have it: the slot is free. Refused: it is somebody else's."""
    guard = (Arm("as it was", equals(place.name, before)),)
    return Move("Z", place.rack, guard, {}, remove=(place.name,), part=gates.RACK)


def rearm_rack(rack: str, due_at: int, at_ms: int | None, *, empty: bool, now_ms: int) -> Move:
    """ZA. The rack was looked at: look again at `at_ms`, or (None) never, since two looks found it empty.

    `empty` marks the first of the two.
    """
    guard: tuple[Arm, ...] = (Arm("nobody looked since", equals("due_at", due_at)),)
    if at_ms is None:
        guard = (*guard, *(Arm(f"{name} is free", missing(name)) for name in gates.SLOT_NAMES),
                 Arm("found empty before", at_most("empty_at", now_ms - EMPTY_MS)))  # fmt: skip
        return Move("ZA", rack, guard, {"expires_at": now_ms // 1000 + DAY_S}, remove=("due_at", "due_shard"),
                    part=gates.RACK)  # fmt: skip
    sets = {"due_at": at_ms}
    if empty:
        return Move("ZA", rack, guard, sets, set_once={"empty_at": now_ms}, part=gates.RACK)
    return Move("ZA", rack, guard, sets, remove=("empty_at",), part=gates.RACK)


def pause(function: str, sequence: int, pauses: str, due_at: int | None, empty_at: int | None = None) -> Move:
    """XP. Who is held back of a function, from now on: `pauses` is the whole of it, made of item number `sequence`.

    Refused: somebody changed it since. `due_at` None: nobody waits for it any more, as two looks found, of which the
    first was `empty_at`.
    """
    guard = (Arm("as it was seen", _as_it_was("sequence", sequence or None)),)
    item = gates.pause_id(function)
    sets: dict[str, Any] = {"sequence": sequence + 1, "pauses": pauses, "function": function}
    removes = ("due_at", "due_shard") if due_at is None else ()
    if due_at is not None:
        sets |= {"due_at": due_at, "due_shard": keys.due_shard(item)}
    if empty_at is not None:
        sets["empty_at"] = empty_at
    else:
        removes = (*removes, "empty_at")
    return Move("XP", item, guard, sets, remove=removes, part=gates.PAUSE)


def _looked_after(rack: str, now_ms: int) -> dict[str, Any]:
    return {"due_at": now_ms + LOOK_MS, "due_shard": keys.due_shard(rack)}
