"""Records of every release so far: today's code reads them, moves them on, and leaves alone what it does not know."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chalicelib.callbacks.breaker import breaker
from chalicelib.tokens import DynamoTokens, TokenModel
from invoke_once.handler.direct.slots import Payload
from invoke_once.life import moves
from invoke_once.life.due import Due, is_due
from invoke_once.life.head import HEAD, Head
from invoke_once.life.moves import callback_moves
from invoke_once.life.status import TERMINAL, Status
from invoke_once.store import payloads
from invoke_once.store.connection import Connection
from invoke_once.store.dynamo import plain
from invoke_once.store.store import Applied, Refused, Store
from invoke_once.testing import MemoryTable
from tests.fixtures.records.make import Maker, heads, others, reads, unwired

RECORDS = Path(__file__).parent.parent / "fixtures" / "records"
RELEASES = sorted(directory.name for directory in RECORDS.glob("v*"))
FROM_THE_FUTURE = {"colour": {"S": "blue"}, "flags": {"M": {"x": {"BOOL": True}}}, "sizes": {"L": [{"N": "1"}]}}


def files(kind: str) -> list[Path]:
    """Fixtures of heads, or of the rest, of every release."""
    found = [file for release in RELEASES for file in sorted((RECORDS / release).glob("*.json"))]
    return [file for file in found if (content(file)["item"].get("part", {}).get("S") == HEAD) == (kind == "heads")]


def content(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text())  # type: ignore[no-any-return]


def name(file: Path) -> str:
    return f"{file.parent.name}/{file.stem}"


def read(item: dict[str, Any]) -> dict[str, Any]:
    """Through the engine that reads real tables."""
    return plain(unwired(item))


def table_of(release: str) -> tuple[Store, int]:
    """All records of a release as one table, and the time at which they were written."""
    table, at_ms = MemoryTable(), 0
    for file in (RECORDS / release).glob("*.json"):
        found = content(file)
        at_ms = found["at_ms"]
        if "run_id" in found["item"]:
            item = read(found["item"])
            table.items[item["run_id"], item["part"]] = item
    return Store(table), at_ms


def loaded(release: str, stem: str) -> tuple[Store, Head, int]:
    store, at_ms = table_of(release)
    head = store.get(content(RECORDS / release / f"{stem}.json")["item"]["run_id"]["S"], at_ms)
    assert head is not None
    return store, head, at_ms


@pytest.mark.parametrize("file", files("heads"), ids=name)
@pytest.mark.parametrize("more", [{}, FROM_THE_FUTURE], ids=["as it is", "with fields of a later release"])
def test_a_head_is_read_as_it_was_meant(file: Path, more: dict[str, Any]) -> None:
    found = content(file)
    head = Head.from_item(read(found["item"] | more))
    now = reads(Maker(), head)
    assert {key: now.get(key) for key in found["reads"]} == found["reads"]


@pytest.mark.parametrize("file", files("others"), ids=name)
@pytest.mark.parametrize("more", [{}, FROM_THE_FUTURE], ids=["as it is", "with fields of a later release"])
def test_any_other_item_is_read_as_it_was_meant(file: Path, more: dict[str, Any]) -> None:
    found = content(file)
    item = found["item"] | more
    if file.stem == "token":
        token = TokenModel.from_raw_data(item).token()
        assert {"id": token.id, "tenant": token.tenant, "scopes": list(token.scopes)} == found["reads"]
        return
    plain = read(item)
    plain = {k: payloads.unpack(v).decode() if isinstance(v, bytes) else v for k, v in plain.items()}
    assert {key: plain.get(key) for key in found["reads"]} == found["reads"]


@pytest.mark.parametrize("release", RELEASES)
def test_every_status_is_among_the_records(release: str) -> None:
    found = {content(file)["reads"]["status"] for file in files("heads") if file.parent.name == release}
    assert found == set(Status)


def test_todays_code_stores_what_the_newest_records_show() -> None:
    """A field that is new, gone or of another type has to be kept: write the next release's records."""
    make = Maker()
    kinds = {n: shape(make.table.items[h.run_id, HEAD]) for n, h in heads(make)}
    kinds |= {n: shape(item) for n, item in others(make)}
    kept = {file.stem: shape(read(content(file)["item"])) for file in (RECORDS / RELEASES[-1]).glob("*.json")
            if file.stem != "token"}  # fmt: skip
    assert kinds == kept, "python -m tests.fixtures.records.make vN"


def shape(item: dict[str, Any]) -> dict[str, str]:
    """The fields with their types, and the status."""
    return {key: _kind(value) for key, value in item.items()} | {"status": str(item.get("status"))}


def _kind(value: Any) -> str:
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


# What may be done with them


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_queued_run_is_claimed_and_ended(release: str) -> None:
    store, head, at_ms = loaded(release, "queued")
    claimed = store.apply(moves.claim(head.run_id, head.generation, at_ms, 60_000, at_ms))
    assert isinstance(claimed, Applied)
    assert isinstance(end(store, claimed.head, at_ms), Applied)


def test_a_running_attempt_of_an_older_wrapper_records_its_outcome(release: str) -> None:
    for stem in ("running", "running-with-progress", "running-direct", "running-unwrapped"):
        store, head, at_ms = loaded(release, stem)
        ended = end(store, head, at_ms)
        assert isinstance(ended, Applied) and ended.head.status == Status.SUCCEEDED


def end(store: Store, head: Head, at_ms: int) -> Applied | Refused:
    return store.apply(moves.finish(moves.fence(head), head, Status.SUCCEEDED, at_ms, {}, moves.new_token()))


def test_what_is_due_is_seen_and_done(release: str) -> None:
    wanted = {
        "queued": (3_600_000, Due.DISPATCH), "queued-for-a-retry": (20_000, Due.RELEASE),
        "scheduled": (4_000_000, Due.RELEASE), "running": (2_000_000, Due.LOSE),
        "succeeded-callback-tried": (6_000, Due.DELIVER), "succeeded-callback-pending": (6_000, Due.DELIVER),
        "succeeded": (6_000, Due.NOTHING),
    }  # fmt: skip
    for stem, (later_ms, due) in wanted.items():
        _, head, at_ms = loaded(release, stem)
        assert is_due(head, at_ms + later_ms) == due, stem


def test_what_ended_badly_can_be_sent_again(release: str) -> None:
    for stem in ("failed", "timed-out", "cancelled", "expired"):
        store, head, at_ms = loaded(release, stem)
        again = store.apply(moves.redrive(head, at_ms))
        assert isinstance(again, Applied) and again.head.status == Status.QUEUED, stem


def test_what_has_ended_is_not_claimed(release: str) -> None:
    store, at_ms = table_of(release)
    ended = [h for h in all_heads(store, at_ms) if h.status in TERMINAL]
    assert ended
    for head in ended:
        assert isinstance(store.apply(moves.claim(head.run_id, head.generation, at_ms, 60_000)), Refused)


def all_heads(store: Store, at_ms: int) -> Iterator[Head]:
    assert isinstance(store.engine, MemoryTable)
    for run_id, part in list(store.engine.items):
        if part == HEAD and (head := store.get(run_id, at_ms)) is not None:
            yield head


def test_the_next_try_of_a_callback_goes_on_where_the_last_one_ended(release: str) -> None:
    store, head, at_ms = loaded(release, "succeeded-callback-tried")
    first = content(RECORDS / release / "delivery.json")["item"]
    move = callback_moves.begin_delivery(head, at_ms + 6_000)
    assert move.set["delivery_attempt"] == int(first["delivery_attempt"]["N"]) + 1
    assert first["part"]["S"] == callback_moves.delivery_part(head.generation, 1)
    store.put_part(move)
    delivered = callback_moves.end_delivery(head, "delivered", None, '{"status_code":200}')
    assert isinstance(store.apply(delivered), Applied)


def test_an_idempotency_key_finds_the_run_it_found_then(release: str) -> None:
    """Since 0.2.0 (`v2`), whose ids begin with their function. A key of 0.1.0 begins a new run, as the docs say."""
    found_again = release != "v1"
    for file in (RECORDS / release).glob("*.json"):
        head = content(file)["reads"]
        if "key" in head and "generation" in head:
            run_id = moves.NewRun(head["tenant"], head["function"], head["key"]).run_id
            assert (run_id == head["run_id"]) == found_again


def test_slots_receivers_and_tokens_are_found_under_their_keys(release: str) -> None:
    slot = content(RECORDS / release / "slot.json")["item"]
    assert (Payload("demo", "count", "s" * 43).slot_id == slot["run_id"]["S"]) == (release != "v1")
    store, at_ms = table_of(release)
    assert breaker(store, "demo", "https://example.com", at_ms).failures == 1
    token = content(RECORDS / release / "token.json")["item"]

    class One(Connection):
        def dispatch(self, operation_name: str, operation_kwargs: dict[str, Any]) -> dict[str, Any]:
            assert (operation_name, operation_kwargs["Key"]) == ("GetItem", {"id": token["id"]})
            return {"Item": token}

    found = DynamoTokens("tokens", One()).get(token["id"]["S"])
    assert found is not None and found.hash == token["hash"]["S"]
