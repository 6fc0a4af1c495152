"""What a sweep reports, and that it takes the oldest first: the alarms stand on it."""

from __future__ import annotations

import json

import pytest

from chalicelib.due.sweep import sweep
from invoke_once.life.due import FIRST_LOOK_MS
from invoke_once.life.keys import due_shards
from tests.unit.runs.test_dispatch import Stage


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_a_sweep_says_that_it_was_and_how_old_the_oldest_was(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    first = stage.post(key="a").head
    stage.clock.step(7_000)
    stage.post(key="b")
    stage.clock.step(FIRST_LOOK_MS)
    swept = sweep(stage.svc, lambda *_: None, workers=1)
    assert swept.oldest_due_ms == stage.clock() - (first.due_at or 0) == 7_000
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["event"], told["Sweeps"], told["oldest_due_ms"]) == ("swept", 1, 7_000)


@pytest.mark.parametrize("oldest_first", [True, False])
def test_the_oldest_is_that_of_all_shards_in_whichever_order(stage: Stage, oldest_first: bool) -> None:
    first = stage.post(key="a").head
    shards, n = {first.due_shard}, 0
    while len(shards) == 1:
        stage.clock.step(1_000)
        shards.add(stage.post(key=f"b{(n := n + 1)}").head.due_shard)
    stage.clock.step(FIRST_LOOK_MS)
    order = sorted(filter(None, shards), key=lambda shard: (shard == first.due_shard) != oldest_first)
    swept = sweep(stage.svc, lambda *_: None, workers=1, shards=lambda: order)
    assert swept.oldest_due_ms == stage.clock() - (first.due_at or 0)


def test_an_idle_sweep_has_nothing_old(stage: Stage) -> None:
    assert sweep(stage.svc, lambda *_: None).oldest_due_ms == 0


def test_a_sweep_whose_time_is_just_not_over_goes_on(stage: Stage) -> None:
    stage.post()
    stage.clock.step(FIRST_LOOK_MS)
    assert not sweep(stage.svc, lambda *_: None, budget_ms=0).unfinished


def test_a_sweep_with_little_time_takes_the_oldest_of_a_shard_first(stage: Stage) -> None:
    heads = []
    for n in range(40):
        heads.append(stage.post(key=f"k{n}").head)
        stage.clock.step(1_000)
    stage.clock.step(FIRST_LOOK_MS)
    shard = heads[0].due_shard
    mine = [head for head in heads if head.due_shard == shard]
    seen: list[str] = []
    get = stage.store.get

    def noted(run_id: str, now_ms: int, **more: bool) -> object:
        seen.append(run_id)
        return get(run_id, now_ms, **more)

    stage.store.get = noted  # type: ignore[method-assign,assignment]
    sweep(stage.svc, lambda *_: None, workers=1, budget_ms=-1, shards=lambda: [shard or ""])
    assert list(dict.fromkeys(seen)) == [head.run_id for head in mine] and shard in due_shards()


def test_a_time_with_a_fraction_is_a_run_like_any_other(stage: Stage) -> None:
    head = stage.post().head
    stage.table.items[head.run_id, "head"]["due_at"] = (head.due_at or 0) - 59_999.5
    stage.clock.step(FIRST_LOOK_MS)
    swept = sweep(stage.svc, lambda *_: None)
    assert (swept.looked_at, swept.failed) == (1, 0)
    assert stage.now(head).dispatches == 2
