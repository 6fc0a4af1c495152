"""The hint of a payload's newest run: it goes forward alone, outlives its runs, and may fail."""

from __future__ import annotations

import json

import pytest

from invoke_once.errors import StoreUnavailable
from invoke_once.handler.direct import slots
from invoke_once.handler.direct.call import payload_of
from tests.unit.direct.world import FUNCTION, TENANT, World

KNOWN_SHA = "R2qBsSprd-9PbDD1r_Au-3CJPLQ_TAPm_tG1-3FYBKw"
SLOT = payload_of(TENANT, FUNCTION, {"order": 17})


def test_equal_calls_stay_equal_whichever_version_of_the_library_they_meet() -> None:
    known = payload_of("acme", "billing", {"b": [1, 2], "a": "\ud800"})
    assert known.sha == KNOWN_SHA
    assert known == payload_of("acme", "billing", {"a": "\ud800", "b": [1, 2]})


def test_the_hint_moves_forward_and_never_back(world: World) -> None:
    assert SLOT.last_number(world.store) == 0
    for number, then in [(5, 5), (3, 5), (5, 5), (6, 6)]:
        slots._hint(world.runtime, SLOT, number)
        assert SLOT.last_number(world.store) == then


def test_the_hint_outlives_the_runs_it_counts(world: World) -> None:
    slots._hint(world.runtime, SLOT, 1)
    lives_s = 30 * 86_400 + 2 * 86_400
    assert world.runtime.policy.retention_s == 30 * 86_400
    assert world.table.items[SLOT.slot_id, "slot"] == {
        "run_id": SLOT.slot_id,
        "part": "slot",
        "sequence": 1,
        "expires_at": world.clock() // 1000 + lives_s,
    }


def test_a_payload_s_runs_are_numbered_under_its_function_and_tenant() -> None:
    sha = "abcdefghijklmnopqrstuvwxyz0123456789"
    mine = slots.Payload("t", "f", sha)
    assert mine.key(3) == "payload:abcdefghijklmnopqrstuv:3"  # 22 characters of the hash
    others = [slots.Payload("u", "f", sha), slots.Payload("t", "g", sha), slots.Payload("t", "f", sha + "!")]
    assert len({mine.slot_id, *(other.slot_id for other in others)}) == 4
    assert mine.slot_id == "slot_enoye74zl37tcotrqux6vqxxsi"  # as it lies in tables
    assert mine.run_id(3) == "run_enoyeohrosi6baqxhdmzfyp4q4"


def test_a_hint_that_cannot_be_kept_is_told_and_stops_nothing(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(world.store, "put_part", away)
    slots._hint(world.runtime, SLOT, 1)
    (line,) = capsys.readouterr().out.splitlines()
    assert (json.loads(line)["event"], json.loads(line)["reason"]) == ("slot_not_told", "away")


@pytest.mark.parametrize(
    ("window_ms", "later_ms", "over"), [(1_000, 1_000, False), (1_000, 1_001, True), (0, 0, False)]
)
def test_a_run_holds_to_the_end_of_its_window(world: World, window_ms: int, later_ms: int, over: bool) -> None:
    live = world.elsewhere("e-1")
    assert not slots._is_over(live, world.clock() + 10**9, window_ms)
    world.end(live, 1)
    ended = world.head("e-1")
    assert ended is not None and ended.finished_at is not None
    assert slots._is_over(ended, ended.finished_at + later_ms, window_ms) == over
