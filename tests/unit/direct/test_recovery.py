"""What is done for an attempt that vanished or never began: how its run ends, or goes on, and what is told of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from invoke_once.handler import recovery
from invoke_once.life import moves
from invoke_once.life.head import Head
from invoke_once.store.store import Applied, Refused
from tests.unit.direct.world import World
from tests.unit.printed import lines


def asked_to_cancel(world: World, head: Head) -> Head:
    result = world.store.apply(moves.request_cancel(head, world.clock()))
    assert isinstance(result, Applied)
    return result.head


def lose(world: World, head: Head, **more: Any) -> Any:
    return recovery.lose(world.payloads, head, head.lease_until + 1, why="it went", spread=lambda: 0.0, **more)


def test_without_a_retry_it_ends_failed_and_is_counted(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    result = lose(world, world.elsewhere("e-1"))
    assert isinstance(result, Applied) and result.head.status == "failed"
    (told,) = lines(capsys, "attempt_lost")
    assert (told["run_id"], told["attempt"], told["run_status"], told["Lost"]) == (result.head.run_id, 1, "failed", 1)


def test_with_one_it_goes_back_to_the_queue(world: World) -> None:
    result = lose(world, world.elsewhere("e-1", max_attempts=2))
    assert result.head.status == "queued" and result.head.not_before is not None


@pytest.mark.parametrize("seen_before", [True, False], ids=["known", "meanwhile"])
@pytest.mark.parametrize("attempts", [1, 2])
def test_one_that_was_to_be_cancelled_ends_so(world: World, seen_before: bool, attempts: int) -> None:
    head = world.elsewhere("e-1", max_attempts=attempts)
    now = asked_to_cancel(world, head)
    result = lose(world, now if seen_before else head)
    assert isinstance(result, Applied)
    assert result.head.status == ("cancelled" if seen_before or attempts == 2 else "failed")


def test_a_beat_since_then_wins(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    head = world.elsewhere("e-1")
    beat = moves.progress(moves.fence(head), fraction=None, message=None, lease_until=head.lease_until + 9_000)
    assert isinstance(world.store.apply(beat), Applied)
    result = lose(world, head)
    assert isinstance(result, Refused) and result.arms == ("lease over",)
    assert not lines(capsys, "attempt_lost")
    assert isinstance(lose(world, head, seen_dead=True), Applied), "a death that Lambda told needs no clock"


def with_a_checkpoint(head: Head) -> Head:
    return replace(head, on_timeout="continue", state_lease=head.lease_id, on_lost="retry", leg=1, max_legs=2)


def test_a_beat_since_then_wins_over_the_loss_of_a_leg_too(world: World) -> None:
    head = world.elsewhere("e-1")
    beat = moves.progress(moves.fence(head), fraction=None, message=None, lease_until=head.lease_until + 9_000)
    assert isinstance(world.store.apply(beat), Applied)
    result = lose(world, with_a_checkpoint(head))
    assert isinstance(result, Refused) and result.arms == ("lease over", "a checkpoint of this leg is kept")


@pytest.mark.parametrize(
    "otherwise",
    [{"on_timeout": "fail"}, {"state_lease": None}, {"state_lease": "another's"}, {"on_lost": "fail"}, {"leg": 2},
     {"cancel_requested": True}, {"state_lease": None, "lease_id": None}],
)  # fmt: skip
def test_a_leg_goes_on_where_its_own_checkpoint_its_function_and_its_caller_allow_it(
    world: World, otherwise: dict[str, Any]
) -> None:
    head = with_a_checkpoint(world.elsewhere("e-1"))
    assert recovery._may_go_on(head)
    assert not recovery._may_go_on(replace(head, **otherwise))


@pytest.mark.parametrize("seen_dead", [False, True])
def test_a_body_that_may_only_have_missed_its_beats_keeps_its_slot(world: World, seen_dead: bool) -> None:
    head = replace(world.elsewhere("e-1"), slot="gate#0", body_until=world.clock() + 99_000)
    result = lose(world, head, seen_dead=seen_dead)
    assert result.head.slot_until == (None if seen_dead else head.body_until)


def test_one_that_never_began_is_given_back_and_told(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    head = world.elsewhere("e-1")
    result = recovery.give_back(world.store, head, world.clock())
    assert isinstance(result, Applied) and result.head.status == "queued"
    (told,) = lines(capsys, "attempt_given_back")
    assert told == {"event": "attempt_given_back", "run_id": head.run_id, "attempt": 1, "function": head.function}


def test_one_that_never_began_and_was_to_be_cancelled_ends_so(world: World) -> None:
    head = world.elsewhere("e-1")
    asked_to_cancel(world, head)
    assert recovery.give_back(world.store, head, world.clock()).head.status == "cancelled"  # type: ignore[union-attr]
