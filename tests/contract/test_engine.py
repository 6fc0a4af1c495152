"""What the store asks of an engine: atomic writes under contention, exact bytes, indexes with paging."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from invoke_once.errors import PayloadCorrupt, PayloadTooLarge, StoreUnavailable
from invoke_once.life import keys, moves
from invoke_once.life.head import Head
from invoke_once.life.move import Move
from invoke_once.life.status import Status
from invoke_once.store import marshal, payloads
from invoke_once.store.payloads import Payloads
from invoke_once.store.store import Applied, Engine, Key, Store
from invoke_once.testing import MemoryObjects
from tests.contract.conftest import NOW

ODD = [
    2**53 + 1, 10**40, -0.0, 0.1, "", "\u2028", "\u0000", "héllo 😀", {"": {"__proto__": 1}}, [], {}, None, True,
]  # fmt: skip


def test_fifty_claims_at_once_have_one_winner(store: Store, begin: Callable[..., Head]) -> None:
    head = begin()
    claims = [moves.claim(head.run_id, head.generation, NOW, 60_000) for _ in range(50)]
    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(store.apply, claims))
    winners = [r for r in results if isinstance(r, Applied)]
    assert len(winners) == 1
    assert {r.head.lease_id for r in results if r.head} == {winners[0].head.lease_id}


def test_fifty_starts_of_one_key_have_one_winner_whom_all_see(store: Store, tenant: str) -> None:
    starts = [moves.start(moves.NewRun(tenant, "echo", "k"), NOW) for _ in range(50)]
    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(store.apply, starts))
    assert sum(isinstance(r, Applied) for r in results) == 1
    assert len({r.head.generation for r in results if r.head}) == 1


@pytest.mark.parametrize("value", ODD, ids=repr)
def test_a_small_payload_comes_back_byte_for_byte(store: Store, tenant: str, value: object) -> None:
    kept = Payloads(store, MemoryObjects())
    text = marshal.dumps(value)
    fields = kept.keep_input(tenant, "run_x", text, 0, NOW)
    head = Head("run_x", tenant, "echo", "queued", "g", NOW, NOW, NOW, **fields)
    assert kept.input(head) == text
    assert json.loads(text) == value


@pytest.mark.parametrize(("size", "place"), [(40, "input"), (5_000, "item:"), (400_000, "s3:")])
def test_an_input_lies_where_it_fits(store: Store, tenant: str, size: int, place: str) -> None:
    kept = Payloads(store, MemoryObjects())
    noise = "".join(keys.digest([n]) for n in range(size // 26 + 1))[:size]
    text = marshal.dumps(noise)
    new = moves.NewRun(tenant, "echo", f"size-{size}")
    draft = moves.start(new, NOW)
    fields = kept.keep_input(tenant, new.run_id, text, payloads.item_size(draft.set), NOW // 1000 + 900)
    assert ("input" in fields) if place == "input" else fields["input_ref"].startswith(place)
    result = store.apply(moves.start(moves.NewRun(tenant, "echo", f"size-{size}", payload=fields), NOW))
    assert isinstance(result, Applied)
    assert kept.input(result.head) == text


def test_a_large_text_that_packs_small_is_still_an_object(claimed: Callable[..., Head], store: Store) -> None:
    kept, text = Payloads(store, MemoryObjects()), marshal.dumps("x" * 3_000_000)
    assert kept.keep_output(claimed(), text)["output_ref"].startswith("s3:echo/out/")
    assert kept.keep_input("echo", "run_x", text, 0, NOW)["input_ref"].startswith("s3:echo/in/run_x/")


@pytest.mark.parametrize("size", [10, 5_000, 100_000])
def test_an_output_comes_back_whole_and_checked(store: Store, claimed: Callable[..., Head], size: int) -> None:
    objects = MemoryObjects()
    kept = Payloads(store, objects)
    head = claimed()
    text = marshal.dumps("".join(keys.digest([n]) for n in range(size // 26 + 1)))
    move = moves.finish(moves.fence(head), head, Status.SUCCEEDED, NOW, kept.keep_output(head, text), "t")
    result = store.apply(move)
    assert isinstance(result, Applied)
    assert kept.output(result.head) == text
    for key in objects.objects:
        objects.objects[key] = b'"another"'
        with pytest.raises(PayloadCorrupt):
            kept.output(result.head)


def test_an_update_may_not_set_the_key_of_an_item(engine: Engine, tenant: str) -> None:
    run_id = f"run_{tenant}"
    item = {"run_id": run_id, "part": "input#x", "expires_at": NOW}
    move = Move("input", run_id, (), item, part="input#x")
    with pytest.raises(StoreUnavailable) as refused:
        engine.write(move)
    assert refused.value.for_good
    assert engine.parts(run_id, "input") == []
    engine.write(replace(move, replace=True))
    assert engine.parts(run_id, "input") == [item]


def test_payloads_over_the_limits_are_refused_before_anything_is_written(engine: Engine, tenant: str) -> None:
    kept = Payloads(Store(engine), MemoryObjects())
    with pytest.raises(PayloadTooLarge):
        kept.keep_input(tenant, "run_big", b"0" * (payloads.MAX_INPUT_BYTES + 1), 0, NOW)
    with pytest.raises(PayloadTooLarge):
        kept.keep_output(Head("run_big", tenant, "f", "running", "g", 0, 0, 0), b"0" * (payloads.MAX_OUTPUT_BYTES + 1))
    assert engine.parts("run_big", "input") == []


def test_an_index_is_walked_in_pages_newest_first(store: Store, tenant: str) -> None:
    started: list[Head] = []
    for n in range(30):
        result = store.apply(moves.start(moves.NewRun(tenant, "echo", f"k{n}"), NOW + n))
        assert isinstance(result, Applied)
        started.append(result.head)
    shard = keys.tenant_shards(tenant)[0]
    mine = [h for h in started if h.tenant_shard == shard]
    seen: list[Key] = []
    after: Key | None = None
    while page := store.engine.index("by_tenant", shard, low=0, high=NOW * 2, limit=3, newest_first=True, after=after):
        seen += page
        after = page[-1]
    assert [k.run_id for k in seen] == [h.run_id for h in reversed(mine)]


def test_the_due_index_has_what_is_due_and_no_ended_run(store: Store, begin: Callable[..., Head]) -> None:
    live, ended = begin(), begin()
    result = store.apply(moves.cancel(ended, NOW))
    assert isinstance(result, Applied)

    def due(head: Head) -> list[str]:
        shard = keys.due_shard(head.run_id)
        found = store.engine.index("due", shard, low=0, high=NOW * 2, limit=1000, newest_first=False, after=None)
        return [k.run_id for k in found]

    assert live.run_id in due(live)
    assert ended.run_id not in due(ended)


def test_many_heads_are_read_at_once_and_missing_ones_left_out(store: Store, begin: Callable[..., Head]) -> None:
    heads = [begin() for _ in range(3)]
    found = store.get_many([*(h.run_id for h in heads), "run_none"], NOW)
    assert found == {h.run_id: h for h in heads}
    assert store.get_many([heads[0].run_id], heads[0].expires_at * 1000) == {}
