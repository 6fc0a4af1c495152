"""Checkpoints and legs on both engines: what is kept, what is refused, what a leg costs the attempts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from invoke_once.life import moves
from invoke_once.life.due import FIRST_LOOK_MS
from invoke_once.life.head import Head
from invoke_once.life.move import Move
from invoke_once.life.moves import State
from invoke_once.life.status import Status
from invoke_once.store.store import Store
from tests.contract.conftest import NOW
from tests.contract.test_moves import ERROR, applied, finish, refused

Begin = Callable[..., Head]


def state(head: Head, seq: int, text: bytes = b"\x00{}", **more: Any) -> State:
    told = {"state_size": 2, "state_lease": head.lease_id, "state_at": NOW, "state_leg": head.leg}
    return State(seq, told | ({"state": text} if "state_ref" not in more else {}) | more)


def keep(head: Head, seq: int, text: bytes = b"\x00{}", **more: Any) -> Move:
    told = moves.progress(moves.fence(head), fraction=None, message=None)
    return moves.carrying(told, state(head, seq, text, **more))


def go_on(head: Head, at: int = NOW, *, asked: bool = True, kept: State | None = None) -> Move:
    return moves.continue_later(head, at, f"leg {head.leg}", state=kept, asked=asked)


def next_leg(store: Store, head: Head, lease_ms: int = 5_000) -> Head:
    """Released, and claimed by the event of the leg."""
    released = applied(store, moves.release(head, head.not_before or NOW))
    assert released.status == "queued"
    return applied(store, moves.claim(head.run_id, head.generation, NOW, lease_ms, leg=head.leg))


def test_a_checkpoint_is_kept_with_the_progress(store: Store, claimed: Begin) -> None:
    head = claimed()
    told = moves.progress(moves.fence(head), fraction=0.5, message="half")
    kept = applied(store, moves.carrying(told, state(head, 1, b"\x001")))
    assert (kept.state, kept.state_seq, kept.state_lease, kept.progress) == (b"\x001", 1, head.lease_id, 0.5)


def test_a_copy_of_an_earlier_checkpoint_puts_nothing_back(store: Store, claimed: Begin) -> None:
    head = claimed()
    first = keep(head, 1, b"\x001")
    applied(store, first)
    applied(store, keep(head, 2, b"\x002"))
    late = refused(store, first)
    assert late.arms == (moves.NO_NEWER_STATE,)
    assert late.head is not None and late.head.state == b"\x002"
    assert applied(store, keep(head, 2, b"\x002")).state_seq == 2  # its own copy does no harm


def test_a_state_of_its_own_takes_the_place_of_one_in_the_head_and_back(store: Store, claimed: Begin) -> None:
    head = claimed()
    applied(store, keep(head, 1))
    elsewhere = applied(store, keep(head, 2, state_ref="item:x:y"))
    assert (elsewhere.state, elsewhere.state_ref) == (None, "item:x:y")
    back = applied(store, keep(head, 3))
    assert (back.state, back.state_ref) == (b"\x00{}", None)


def test_a_superseded_attempts_checkpoint_is_refused(store: Store, claimed: Begin) -> None:
    old = claimed(max_attempts=2)
    new = applied(store, moves.claim(old.run_id, old.generation, old.lease_until + 1, 1_000))
    assert set(refused(store, keep(old, 9)).arms) == {"my attempt", "my lease"}
    assert new.state_seq is None


def test_a_leg_spends_no_attempt(store: Store, claimed: Begin) -> None:
    head = claimed(max_attempts=2)
    for leg in (2, 3, 4):
        queued = applied(store, go_on(head))
        assert (queued.status, queued.leg, queued.attempt_number, queued.attempt_limit) == ("queued", leg, 1, 2)
        head = next_leg(store, queued)
        assert (head.status, head.leg, head.attempt_number, head.attempt_limit) == ("running", leg, 1, 2)
    assert (head.attempt, head.legs, head.max_attempts) == (4, 3, 5)
    again = applied(store, moves.requeue(moves.fence(head), head, NOW, ERROR, "t"))
    retried = applied(store, moves.claim(again.run_id, again.generation, NOW, 5_000))
    assert (retried.attempt_number, retried.attempt_limit, retried.leg) == (2, 2, 4)
    ended = applied(store, finish(retried, Status.FAILED))
    redriven = applied(store, moves.redrive(ended, NOW))
    third = applied(store, moves.claim(redriven.run_id, redriven.generation, NOW, 5_000))
    assert (third.attempt_number, third.attempt_limit, third.leg, third.legs) == (3, 4, 1, 3)


def test_only_its_own_event_begins_a_leg(store: Store, claimed: Begin) -> None:
    head = claimed()
    for leg in (2, 3):
        queued = applied(store, go_on(head))
        applied(store, moves.release(queued, NOW))
        for late in (None, leg - 1, leg + 1):
            late_claim = moves.claim(head.run_id, head.generation, NOW, 5_000, leg=late)
            assert refused(store, late_claim).arms == ("its leg",)
        head = applied(store, moves.claim(head.run_id, head.generation, NOW, 5_000, leg=leg))
        assert (head.leg, head.between_legs) == (leg, False)


def test_who_fires_an_unwrapped_function_begins_its_leg_too(store: Store, claimed: Begin) -> None:
    queued = applied(store, go_on(claimed()))
    released = applied(store, moves.release(queued, NOW))
    assert applied(store, moves.launch(released, NOW, 5_000)).leg == 2


def test_the_next_leg_has_the_state_and_the_progress(store: Store, claimed: Begin) -> None:
    head = claimed()
    applied(store, moves.progress(moves.fence(head), fraction=0.5, message="half"))
    second = next_leg(store, applied(store, go_on(head, asked=False, kept=state(head, 1, b"\x007"))))
    assert (second.state, second.progress, second.message) == (b"\x007", 0.5, "half")
    assert second.lease_id != second.state_lease


def test_a_leg_that_was_not_asked_for_needs_a_checkpoint_of_the_leg_before(store: Store, claimed: Begin) -> None:
    head = claimed()
    assert refused(store, go_on(head, asked=False)).arms == (moves.NEWER_STATE,)
    applied(store, keep(head, 1))
    second = next_leg(store, applied(store, go_on(head, asked=False)))
    assert refused(store, go_on(second, asked=False)).arms == (moves.NEWER_STATE,)


def test_a_state_built_before_a_newer_one_was_kept_does_not_end_the_leg_with_itself(
    store: Store, claimed: Begin
) -> None:
    head = claimed()
    late = go_on(head, asked=False, kept=state(head, 1, b"\x001"))
    applied(store, keep(head, 2, b"\x002"))
    assert refused(store, late).arms == (moves.NO_NEWER_STATE,)
    assert applied(store, go_on(head, asked=False)).state == b"\x002"


def test_the_continuation_that_botocore_repeats_is_recognised(store: Store, claimed: Begin) -> None:
    move = go_on(claimed())
    assert applied(store, move).leg == 2
    assert applied(store, move).leg == 2


def test_no_leg_goes_on_after_a_cancel_or_beyond_the_last(store: Store, claimed: Begin) -> None:
    asked = claimed()
    applied(store, moves.request_cancel(asked))
    assert refused(store, go_on(asked)).arms == (moves.NOT_CANCELLED,)
    only = claimed(max_legs=1)
    assert refused(store, go_on(only)).arms == ("a leg is left",)
    second = next_leg(store, applied(store, go_on(claimed(max_legs=2))))
    assert refused(store, go_on(second)).arms == ("a leg is left",)


def test_a_run_between_two_legs_is_cancelled_at_once_and_keeps_its_state(store: Store, claimed: Begin) -> None:
    head = claimed()
    queued = applied(store, go_on(head, NOW + 60_000, kept=state(head, 1)))
    ended = applied(store, moves.cancel(queued, NOW))
    assert (ended.status, ended.state, ended.attempt_number) == ("cancelled", b"\x00{}", 1)
    again = applied(store, moves.redrive(ended, NOW))
    assert (again.state, again.leg, again.legs, again.between_legs) == (b"\x00{}", 1, 0, False)
    assert (again.attempt_number, again.attempt_limit) == (1, 2)


def test_nothing_of_a_state_survives_a_redrive_from_the_start(store: Store, claimed: Begin) -> None:
    head = claimed()
    applied(store, keep(head, 1))
    ended = applied(store, finish(head, Status.FAILED))
    again = applied(store, moves.redrive(ended, NOW, from_start=True))
    assert [name for name in moves.STATE_FIELDS if getattr(again, name) is not None] == []


def test_a_lost_leg_goes_on_only_from_a_checkpoint_of_its_own(store: Store, claimed: Begin) -> None:
    head = claimed(on_timeout="continue")
    late = head.lease_until + 1
    assert refused(store, moves.lose_leg(head, late, seen_dead=False)).arms == (moves.NEWER_STATE,)
    kept = applied(store, keep(head, 1))
    assert refused(store, moves.lose_leg(kept, late - 1, seen_dead=False)).arms == ("lease over",)
    queued = applied(store, moves.lose_leg(kept, late, seen_dead=False))
    assert (queued.status, queued.leg, queued.attempt_number, queued.not_before) == ("queued", 2, 1, late)


@pytest.mark.parametrize(("away_ms", "moved"), [(FIRST_LOOK_MS, False), (FIRST_LOOK_MS + 1, True), (9, False)])
def test_the_index_entry_moves_only_where_the_sweep_would_come_too_late(
    store: Store, claimed: Begin, away_ms: int, moved: bool
) -> None:
    head = claimed()
    queued = applied(store, go_on(head, (head.due_at or 0) + away_ms))
    assert (queued.due_at != head.due_at) is moved


def test_a_long_leg_says_itself_when_to_look_again(store: Store, claimed: Begin) -> None:
    first = claimed(lease_ms=900_000)
    assert first.due_at == NOW + FIRST_LOOK_MS  # as ever: a plain run pays nothing for it
    second = next_leg(store, applied(store, go_on(first)), lease_ms=900_000)
    assert second.due_at == second.lease_until + 1
    short = next_leg(store, applied(store, go_on(second)), lease_ms=5_000)
    assert short.due_at != short.lease_until + 1


def test_a_reused_key_begins_without_the_state(store: Store, claimed: Begin) -> None:
    head = claimed()
    applied(store, keep(head, 1))
    ended = applied(store, finish(head))
    new = moves.NewRun(head.tenant, "echo", head.key or "")
    born = applied(store, moves.start(new, ended.expires_at * 1000))
    assert born.state_seq is None and born.leg == 1
