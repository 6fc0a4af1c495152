"""The cursor of each list, written out: one that was given before the service was changed goes on after it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from chalicelib.api import cursor
from chalicelib.api.problems import InvalidCursor
from chalicelib.tokens import Token
from tests.unit.api.test_batches import do, items, post
from tests.unit.api.world import World

DAY_MS = 86_400_000
SEALED = "WUM9aJKdM4MScYjIUyp_MlsxODAwMDAwMDAwMDAwLFsicnVuX2EiLDddXQ"
KEYS = [b"k" * 32]
TELL = "Pass next_cursor as it was given, with the same query, within a day."


def keys(_now_ms: int) -> list[bytes]:
    return KEYS


def told(sealed: str) -> Any:
    """What a cursor holds behind its 16 bytes of proof."""
    return json.loads(base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))[16:])


def test_a_cursor_is_bound_to_what_was_asked_and_lasts_a_day() -> None:
    sealed = cursor.seal(keys, ["runs", "demo", {"b": 1, "a": 2}], ["run_a", 7], 1_800_000_000_000)
    assert sealed == SEALED
    assert told(sealed) == [1_800_000_000_000, ["run_a", 7]]
    same = ["runs", "demo", {"a": 2, "b": 1}]
    for now_ms in (1_800_000_000_000, 1_800_000_000_000 + DAY_MS):
        assert cursor.unseal(keys, same, sealed, now_ms) == ["run_a", 7]
    for asked, given, now_ms in (
        (same, sealed, 1_800_000_000_001 + DAY_MS), (["runs", "acme"], sealed, 1_800_000_000_000),
        (same, sealed + "A", 1_800_000_000_000), (same, "A" * 23, 0), (same, "A" * 24, 0), (same, "A" * 25, 0),
        (same, "A" * 4_097, 0), (same, sealed[:-1] + "!", 0),
    ):  # fmt: skip
        with pytest.raises(InvalidCursor) as refused:
            cursor.unseal(keys, asked, given, now_ms)
        assert refused.value.detail == TELL


def test_the_newest_key_seals_and_every_valid_one_is_taken() -> None:
    old = cursor.seal(keys, ["runs"], 1, 5)
    assert cursor.unseal(lambda _now: [b"n" * 32, *KEYS], ["runs"], old, 5) == 1
    assert cursor.seal(lambda _now: [b"n" * 32, *KEYS], ["runs"], 1, 5) != old
    with pytest.raises(InvalidCursor):
        cursor.unseal(lambda _now: [b"n" * 32], ["runs"], old, 5)


def goes_on(world: World, path: str, sealed: str, asked: list[Any], position: Any, **more: Any) -> None:
    """`sealed` is what the service gives for this list and place, and what it takes."""
    assert sealed == cursor.seal(keys, asked, position, world.clock())
    assert world.call("GET", path, query={"limit": "1", "cursor": sealed}, **more).status == 200


def test_each_list_has_its_own(world: World) -> None:
    first = world.post(headers={"Idempotency-Key": "a"}).json["id"]
    world.clock.step(1)
    world.post({"function": "fail"}, headers={"Idempotency-Key": "a"})
    by_key = world.call("GET", "/runs", query={"key": "a", "limit": "1"}).json["next_cursor"]
    asked = ["runs", "demo", None, "a", [], [], 0, 253_402_300_799_999]
    assert by_key == cursor.seal(keys, asked, 1, world.clock())
    rest = world.call("GET", "/runs", query={"key": "a", "limit": "1", "cursor": by_key}).json
    assert [run["id"] for run in rest["runs"]] == [first] and rest["next_cursor"] is None
    for n in range(2):
        world.clock.step(1)
        post(world, {"function": "echo", "items": items(3)}, key=f"b{n}")
    listed = world.call("GET", "/batches", query={"limit": "1"}).json
    newest, created_at = listed["batches"][0]["id"], world.clock()
    goes_on(world, "/batches", listed["next_cursor"], ["batches", "demo"], [newest, created_at])
    do(world, newest)
    seed = world.bench.table.items[newest, "batch"]["seed"]
    for part, asked in (("runs", ["batch-runs", "demo", newest, seed]),
                        ("results", ["batch-results", "demo", newest, seed])):  # fmt: skip
        path = f"/batches/{{batch_id}}/{part}"
        page = world.call("GET", path, query={"limit": "1"}, batch_id=newest).json
        goes_on(world, path, page["next_cursor"], asked, 1, batch_id=newest)
    done = world.call("GET", "/batches/{batch_id}/runs", query={"limit": "1", "status": "succeeded"}, batch_id=newest)
    with_status = ["batch-runs", "demo", newest, seed, "succeeded"]
    assert done.json["next_cursor"] == cursor.seal(keys, with_status, 1, world.clock())
    for token_id in ("0" * 16, "1" * 16):
        world.tokens.put(Token(token_id, "acme", ("runs:read",), "x", 0))
    tokens = world.call("GET", "/tokens", query={"tenant": "acme", "limit": "1"}).json["next_cursor"]
    assert tokens == cursor.seal(keys, ["tokens", "demo", "acme"], "0" * 16, world.clock())
    logs = world.get(first, "/logs", query={"attempt": "2"}).json["next_cursor"]
    asked = ["logs", "demo", first, world.head(first).generation, 2]
    position = [[world.head(first).created_at - 5_000, 0, None], 2, None, None, 0, False]
    assert logs == cursor.seal(keys, asked, position, world.clock())


def test_a_log_s_cursor_of_another_form_is_refused(world: World) -> None:
    run_id = world.post().json["id"]
    asked = ["logs", "demo", run_id, world.head(run_id).generation, None]
    old = cursor.seal(keys, asked, {"of": "a version before"}, world.clock())
    answer = world.get(run_id, "/logs", query={"cursor": old})
    assert (answer.status, answer.json["detail"]) == (400, "This cursor is of an earlier version: begin anew.")
