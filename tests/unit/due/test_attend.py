"""What one look at a run does and says: as much as is due, each step once, and nothing of another's."""

from __future__ import annotations

import pytest

from chalicelib.due.attend import attend
from invoke_once.life import moves
from invoke_once.life.due import FIRST_LOOK_MS, Due
from invoke_once.life.move import Move
from invoke_once.store.store import Result
from tests.unit.runs.test_dispatch import Stage


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_run_that_is_not_there_needs_nothing(stage: Stage) -> None:
    assert attend(stage.svc, "run_none", lambda *_: None) == Due.NOTHING


def test_what_was_done_is_told(stage: Stage) -> None:
    head = stage.post().head
    assert stage.attend(head) == Due.NOTHING
    stage.clock.step(FIRST_LOOK_MS)
    assert stage.attend(head) == Due.DISPATCH


def test_an_expired_run_has_its_callback_sent_by_the_same_look(stage: Stage) -> None:
    head = stage.post(queue_ms=9, callback_url="https://a.example/").head
    stage.clock.step(10)
    told: list[str] = []
    did = attend(stage.svc, head.run_id, lambda _svc, ended: told.append(ended.status))
    assert (told, did) == (["expired"], Due.DELIVER)


def test_a_lost_attempt_waits_as_long_as_its_backoff_says(stage: Stage) -> None:
    head = stage.claim(stage.post().head)
    stage.clock.to(head.lease_until + 1)
    assert stage.attend(head) == Due.LOSE
    assert stage.now(head).not_before == stage.clock() + 3_000  # this service's spread takes nothing off


def test_who_comes_second_leaves_the_rest_to_the_first(stage: Stage) -> None:
    head = stage.claim(stage.post(max_attempts=1, callback_url="https://a.example/").head)
    stage.clock.to(head.lease_until + 1)
    apply, told = stage.store.apply, list[str]()

    def second(move: Move) -> Result:
        apply(moves.lose(head, stage.clock(), None, {"error": b"\x00{}"}, seen_dead=False))
        return apply(move)

    stage.store.apply = second  # type: ignore[method-assign,assignment]
    assert attend(stage.svc, head.run_id, lambda _svc, ended: told.append(ended.status)) == Due.LOSE
    assert (stage.now(head).status, told) == ("failed", [])
