"""Each named arm of each guard refuses by itself, and says its name.

For every arm there is an item on which all other arms hold and this one does not. An arm that is new, renamed or
dropped shows here before it shows anywhere else.
"""

# ruff: noqa: E501 (one row a move)

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from invoke_once.life import gates, moves
from invoke_once.life.batch import Batch
from invoke_once.life.head import Head
from invoke_once.life.move import LETTERS, Move
from invoke_once.life.moves import batch_moves, bulk_moves, callback_moves, gate_moves
from invoke_once.life.status import Status
from invoke_once.store.store import Applied, Refused, Store, Unwritten, Written
from invoke_once.testing import MemoryTable

NOW = 1_800_000_000_000
ERROR = b"\x00{}"
COMMON: dict[str, Any] = {
    "run_id": "run_a", "tenant": "demo", "function": "echo", "generation": "g", "created_at": NOW - 99,
    "expires_at": NOW // 1000 + 999, "queue_until": NOW + 999, "queue_ms": 1_000, "max_attempts": 3, "part": "head",
}  # fmt: skip
QUEUED = COMMON | {"status": "queued", "due_at": NOW - 1, "due_shard": "due#1", "attempt": 1}
HELD = QUEUED | {"not_before": NOW - 1}
LATE = QUEUED | {"queue_until": NOW - 1}
RUNNING = COMMON | {
    "status": "running", "attempt": 1, "lease_id": "l", "lease_until": NOW - 1, "due_at": NOW - 1, "due_shard": "d",
}  # fmt: skip
FAILED = COMMON | {"status": "failed", "attempt": 1, "finished_at": NOW - 50}
TELLING = FAILED | {"cb_status": "pending", "cb_due": NOW - 1, "cb_attempt": 1, "due_at": NOW - 1}
TRY = {"run_id": "run_a", "part": "delivery#g#0002", "at": NOW - callback_moves.DELIVERY_LEASE_MS}

WAITS = QUEUED | {"not_before": moves.HELD_MS, "hold": "h1", "wait_shard": "gate_k1#0"}
SLOT = gates.Slot("gate_k1#0", "s3")
EMPTY = {"run_id": "gate_k1#0", "part": "rack", "due_at": NOW - 1, "empty_at": NOW - gate_moves.EMPTY_MS}
PAUSE = {"run_id": gates.pause_id("echo"), "part": "pause", "sequence": 4}
Make = Callable[[Head], Move]
Spoiled = dict[str, dict[str, Any]]
WORKER: Spoiled = {"still running": {"status": "queued"}, "my attempt": {"attempt": 2}, "my lease": {"lease_id": "m"}}
OTHER_LEG = {"its leg": {"between_legs": True, "leg": 2}}
OTHER_LIFE: Spoiled = {"same generation": {"generation": "h"}}
CANCELLED: Spoiled = {moves.NOT_CANCELLED: {"cancel_requested": True}}
KEPT = RUNNING | {"max_legs": 5, "leg": 2, "state_seq": 3, "state_lease": "l"}
LAST: Spoiled = {"a leg is left": {"leg": 5}}
CLAIMED: Spoiled = {"not claimed": {"status": "running"}}
STILL_WAITS: Spoiled = {
    "still queued": {"status": "running"}, "the same waiting": {"hold": "h2"}, "at the same gate": {"wait_shard": "gate_f1#0"},
}  # fmt: skip
#: (letter, item that the move is made on and for, the move, arm -> what makes it refuse)
TABLE: list[tuple[str, dict[str, Any], Make, dict[str, dict[str, Any]]]] = [
    ("A", FAILED | {"expires_at": NOW // 1000}, lambda h: moves.start(_new(h), NOW), {"id is free": {"expires_at": NOW // 1000 + 1}}),
    ("B", FAILED | {"expires_at": NOW // 1000}, lambda h: moves.register(_new(h), NOW, 1, "r"), {"id is free": {"expires_at": NOW // 1000 + 1}}),
    ("C", HELD, lambda h: moves.release(h, NOW), OTHER_LIFE | {"still waits": {"status": "cancelled"}, "still held back": {"not_before": NOW}}),
    ("D", QUEUED, lambda h: moves.dispatch(h, NOW), OTHER_LIFE | {"still queued": {"status": "running"}, "nobody dispatched it since": {"due_at": NOW}}),
    ("E", QUEUED, lambda h: moves.claim(h.run_id, h.generation, NOW, 1), OTHER_LIFE | OTHER_LEG | {"free": {"status": "scheduled"}}),
    ("F", QUEUED, lambda h: moves.launch(h, NOW, 1), OTHER_LIFE | OTHER_LEG | {"free": {"status": "cancelled"}}),
    ("G", RUNNING, lambda h: moves.progress(moves.fence(h), fraction=0.1, message=None), WORKER),
    ("H", RUNNING, lambda h: moves.finish(moves.fence(h), h, Status.SUCCEEDED, NOW, {}, "t"), WORKER),
    ("I", RUNNING, lambda h: moves.requeue(moves.fence(h), h, NOW, ERROR, "t"), WORKER | CANCELLED),
    ("J", RUNNING, lambda h: moves.lose(h, NOW, NOW, {"error": ERROR}, seen_dead=False), WORKER | CANCELLED | {"lease over": {"lease_until": NOW}}),
    ("K", QUEUED, lambda h: moves.reject(h, NOW, ERROR), OTHER_LIFE | CLAIMED),
    ("L", LATE, lambda h: moves.expire(h, NOW, ERROR), OTHER_LIFE | CLAIMED | {"queue timeout over": {"queue_until": NOW}}),
    ("M", QUEUED, lambda h: moves.cancel(h, NOW), OTHER_LIFE | CLAIMED),
    ("N", RUNNING, moves.request_cancel, OTHER_LIFE | {"running": {"status": "queued"}}),
    ("O", FAILED, lambda h: moves.redrive(h, NOW), OTHER_LIFE | {"ended without success": {"status": "succeeded"}, moves.AS_SEEN: {"attempt": 2}}),
    ("P", RUNNING, lambda h: moves.rearm(h, NOW + 5), OTHER_LIFE | {"as it was seen": {"status": "failed"}, "nobody moved it": {"due_at": NOW}}),
    ("Q", TRY, lambda _: callback_moves.begin_delivery(Head.from_item(TELLING), NOW), {"nobody is sending it": {"at": NOW - callback_moves.DELIVERY_LEASE_MS + 1}}),
    ("R", TELLING, lambda h: callback_moves.end_delivery(h, "delivered", None, "{}"),
     OTHER_LIFE | {"callback pending": {"cb_status": "delivered"}, "nobody rescheduled it": {"cb_due": NOW}, "this try": {"cb_attempt": 2}}),
    ("S", TELLING, lambda h: callback_moves.send_again(h, NOW), OTHER_LIFE | {"ended": {"status": "queued"}, "as it was seen": {"cb_attempt": 2}}),
    ("T", TELLING, lambda h: callback_moves.postpone(h, NOW), OTHER_LIFE | {"callback pending": {"cb_status": "failed"}, "nobody rescheduled it": {"cb_due": NOW}}),
    ("U", RUNNING, lambda h: moves.give_back(h, NOW), WORKER | CANCELLED),
    ("V", QUEUED, lambda h: moves.note(h, ERROR), OTHER_LIFE | {"still queued": {"status": "running"}}),
    ("W", KEPT, lambda h: moves.continue_later(h, NOW, "t", state=moves.State(3, {})), WORKER | CANCELLED | LAST | {moves.NO_NEWER_STATE: {"state_seq": 4}}),
    ("X", WAITS, lambda h: gate_moves.grant(h, NOW, [SLOT]), OTHER_LIFE | STILL_WAITS),
    ("XH", WAITS, lambda h: gate_moves.hold(h, moves.Held("h1", "gate_f1#0", True), NOW, NOW, [SLOT]),
     OTHER_LIFE | {"still waits": {"status": "running"}, "as it was held": {"hold": "h2"},
                   "at the same gate": {"wait_shard": "gate_k2#0"}, "as it was held back": {"not_before": NOW}}),
    ("XP", PAUSE, lambda _: gate_moves.pause("echo", 4, "{}", NOW), {"as it was seen": {"sequence": 5}}),
    ("Y", EMPTY, lambda _: gate_moves.take(SLOT, None, Head.from_item(WAITS), NOW), {"as it was": {"s3": "run_b.h"}}),
    ("YL", EMPTY | {"limit_at": NOW}, lambda _: gate_moves.set_limit("gate_k1", 2, 2, NOW, NOW), {"nobody named one later": {"limit_at": NOW + 1}}),
    ("Z", EMPTY | {"s3": "run_a.h1"}, lambda _: gate_moves.free(SLOT, "run_a.h1"), {"as it was": {"s3": "run_a.h2"}}),
    ("ZA", EMPTY, lambda _: gate_moves.rearm_rack("gate_k1#0", NOW - 1, None, empty=True, now_ms=NOW),
     {"nobody looked since": {"due_at": NOW}, "found empty before": {"empty_at": NOW - gate_moves.EMPTY_MS + 1},
      **{f"{name} is free": {name: "run_a.h1"} for name in gates.SLOT_NAMES}}),
]  # fmt: skip
CASES = [(letter, item, make, arm, spoiled) for letter, item, make, arms in TABLE for arm, spoiled in arms.items()]


#: What a bulk job's move asks besides: that this job has not moved the run yet.
BY_A_JOB: list[tuple[dict[str, Any], Make]] = [
    (QUEUED, lambda h: moves.cancel(h, NOW, bulk="bulk_a")),
    (RUNNING, lambda h: moves.request_cancel(h, bulk="bulk_a")),
    (FAILED, lambda h: moves.redrive(h, NOW, bulk="bulk_a")),
    (TELLING, lambda h: callback_moves.send_again(h, NOW, "bulk_a")),
]


@pytest.mark.parametrize(("item", "make"), BY_A_JOB)
def test_a_job_moves_a_run_that_it_has_not_moved(item: dict[str, Any], make: Make) -> None:
    move = make(Head.from_item(item))
    assert isinstance(on(item | {"bulk": "bulk_b"}, move).apply(move), Applied)
    refused = on(item | {"bulk": "bulk_a"}, move).apply(move)
    assert isinstance(refused, Refused) and refused.arms == ("not by this one before",)


def _new(head: Head) -> moves.NewRun:
    return moves.NewRun(head.tenant, head.function, "k")


def on(item: dict[str, Any], move: Move) -> Store:
    """A store in which the move finds this item."""
    table = MemoryTable()
    table.items[move.run_id, move.part] = dict(item)
    return Store(table)


@pytest.mark.parametrize(
    ("letter", "item", "make", "arm", "spoiled"), CASES, ids=lambda x: x if isinstance(x, str) else ""
)
def test_an_arm_refuses_by_itself(
    letter: str, item: dict[str, Any], make: Make, arm: str, spoiled: dict[str, Any]
) -> None:
    move = make(Head.from_item(RUNNING | item))
    assert move.letter == letter
    made, refused = on(item, move), on(item | spoiled, move)
    if move.part == "head":
        assert isinstance(made.apply(move), Applied)
        result = refused.apply(move)
        assert isinstance(result, Refused) and result.arms == (arm,)
    else:
        assert isinstance(made.put_part(move), Written)
        assert isinstance(refused.put_part(move), Unwritten)


def test_every_letter_and_every_arm_is_in_the_table() -> None:
    assert [letter for letter, *_ in TABLE] == list(LETTERS)
    for letter, item, make, arms in TABLE:
        guard = make(Head.from_item(RUNNING | item)).guard
        assert {arm.name for arm in guard} == set(arms), letter


FURTHER: list[tuple[dict[str, Any], Make, Spoiled]] = [
    (KEPT, lambda h: moves.carrying(moves.progress(moves.fence(h), fraction=0.1, message=None), moves.State(3, {})),
     WORKER | {moves.NO_NEWER_STATE: {"state_seq": 4}}),
    (KEPT, lambda h: moves.continue_later(h, NOW, "t"), WORKER | CANCELLED | LAST | {moves.NEWER_STATE: {"state_lease": "m"}}),
    (KEPT, lambda h: moves.lose_leg(h, NOW, seen_dead=False),
     WORKER | CANCELLED | LAST | {moves.NEWER_STATE: {"state_lease": "m"}, "lease over": {"lease_until": NOW}}),
]  # fmt: skip


@pytest.mark.parametrize(("item", "make", "arms"), FURTHER)
def test_each_arm_of_a_move_s_other_form_refuses_by_itself(item: dict[str, Any], make: Make, arms: Spoiled) -> None:
    move = make(Head.from_item(item))
    assert {arm.name for arm in move.guard} == set(arms)
    assert isinstance(on(item, move).apply(move), Applied)
    for arm, spoiled in arms.items():
        result = on(item | spoiled, move).apply(move)
        assert isinstance(result, Refused) and result.arms == (arm,)


def test_what_is_there_already_of_ones_own_is_no_refusal() -> None:
    """Each move that may be repeated after a lost answer, and is not harmless when made twice, knows itself."""
    known = {make(Head.from_item(RUNNING | item)).letter for _, item, make, _ in TABLE
             if make(Head.from_item(RUNNING | item)).mine}  # fmt: skip
    assert known == set("ABEFHIMOQWY")


def test_a_move_knows_itself_by_what_it_writes() -> None:
    """Else the repetition of a lost answer would be taken for somebody else's write."""
    batch = Batch.from_item(COMMON | {"status": "running", "pass": 1, "total": 3, "run_id": "batch_a", "part": "batch"})
    others = [batch_moves.take_chunk(batch, 0, NOW)]
    for move in [*(make(Head.from_item(RUNNING | item)) for _, item, make, _ in TABLE), *others]:
        assert move.mine.items() <= move.set.items(), move.letter


def test_each_letter_of_batches_and_bulk_jobs_is_that_of_its_move() -> None:
    for module, letters in ((batch_moves, batch_moves.BATCH_LETTERS), (bulk_moves, bulk_moves.BULK_LETTERS)):
        for letter, name in letters.items():
            assert (inspect.getdoc(getattr(module, name)) or "").startswith(f"{letter}."), name


def test_of_a_life_that_is_over_a_redrive_leaves_nothing() -> None:
    """What a run was asked, told and given in it: a flag that stayed would cancel the next attempt at once."""
    before = FAILED | dict.fromkeys(
        ("cancel_requested", "not_before", "started_at", "attempt_started_at", "cancelled_by", "progress", "message",
         "failed_shard", "output", "output_ref", "output_size", "output_sha", "error", "settled_by", "cb_status",
         "cb_attempt", "cb_base", "cb_due", "cb_last", "leg", "between_legs", "slot", "hold", "wait_shard"), 1
    )  # fmt: skip
    move = moves.redrive(Head.from_item(FAILED), NOW)
    after = move.changed(before)
    assert {name for name in before if name in after} == set(COMMON) | {"status", "attempt"}
    assert after["status"] == "queued"
