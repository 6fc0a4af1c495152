"""How long a checkpoint of its own is kept: as long as what begins with it may need it."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import pytest

from invoke_once.errors import CheckpointTooLarge
from invoke_once.handler import recovery
from invoke_once.handler.checkpoints import Checkpoints
from invoke_once.store import states
from invoke_once.store.payloads import item_size
from invoke_once.store.states import RENEW_EVERY_MS
from invoke_once.testing import Bench

TEXT = ("[" + ",".join(str(n * n) for n in range(1_000)) + "]").encode()


@pytest.mark.parametrize(("later_ms", "renewed"), [(RENEW_EVERY_MS - 1, False), (RENEW_EVERY_MS, True)])
def test_a_state_lasts_until_the_next_leg_has_ended(later_ms: int, renewed: bool) -> None:
    bench = Bench()
    head = replace(bench.start(1), lease_id="l", attempt_started_at=None)
    fields = states.keep(bench.payloads, head, TEXT, 1, bench.clock(), {}, head_only=False)
    assert fields is not None and fields["state_ref"].startswith("item:")
    head = replace(head, **fields)
    before = {part: item["expires_at"] for (_, part), item in bench.table.items.items() if part != "head"}
    assert "state" in {part.partition("#")[0] for part in before}
    not_before = head.created_at + later_ms
    states.outlive(bench.payloads, head, not_before)
    after = {part: item["expires_at"] for (_, part), item in bench.table.items.items() if part != "head"}
    until_s = (not_before + head.queue_ms) // 1000 + 86_400 + head.retention_s
    assert after == (dict.fromkeys(before, until_s) if renewed else before)


@pytest.mark.parametrize(("began", "next_", "asks"), [(0, 1, True), (1, 1, False), (3, 3, False), (3, 4, True)])
def test_a_leg_asks_once_in_half_a_day_how_long_its_state_is_kept(began: int, next_: int, asks: bool) -> None:
    head = Bench().start(1)
    begins = head.created_at + next_ * RENEW_EVERY_MS + 5
    head = replace(head, attempt_started_at=head.created_at + began * RENEW_EVERY_MS + 3)
    until_s = (begins + head.queue_ms) // 1000 + 86_400 + head.retention_s
    assert states.outlives(head, begins) == (until_s if asks else None)


def test_a_state_lasts_with_a_run_that_is_kept_longer() -> None:
    bench = Bench()
    head = replace(bench.start(1), lease_id="l")
    fields = states.keep(bench.payloads, head, TEXT, 1, bench.clock(), {}, head_only=False)
    assert fields is not None
    head = replace(head, **fields)
    ((place, item),) = [(key, item) for key, item in bench.table.items.items() if key[1].startswith("state#")]
    at_first = item["expires_at"]
    half_a_day_s, writes = RENEW_EVERY_MS // 1000, bench.table.writes
    begin_s = head.expires_at // half_a_day_s * half_a_day_s
    for expires_at in (begin_s, head.expires_at, begin_s + half_a_day_s - 1):
        states.last_until(bench.payloads, head, expires_at)
    assert bench.table.items[place]["expires_at"] == at_first, "nothing is written for what lasts"
    assert bench.table.writes == writes
    longer_s = head.expires_at + RENEW_EVERY_MS // 1000
    states.last_until(bench.payloads, head, longer_s)
    assert bench.table.items[place]["expires_at"] == longer_s


def test_a_state_is_in_the_head_while_both_are_one_write_unit() -> None:
    bench = Bench()
    head = replace(bench.start(1), lease_id="l")
    sizes, text = dict[int, int](), b'"%s"' % (b"a" * 300)
    for length in range(500):
        told = {"message": "m" * length}
        fields = states.keep(bench.payloads, head, text, 1, bench.clock(), told, head_only=True)
        if fields is not None:
            now = head.item() | told | {"state_seq": 1} | fields
            sizes[length] = item_size({name: value for name, value in now.items() if value is not None})
    assert max(sizes.values()) == 1_024
    assert [*sizes] == [*range(len(sizes))]


@pytest.mark.parametrize(("size", "taken"), [(262_144, True), (262_145, False)])
def test_a_state_has_256_kilobytes_at_most(size: int, taken: bool) -> None:
    bench = Bench()
    made = Checkpoints(bench.payloads, bench.start(1), 0, 1_000)
    with nullcontext() if taken else pytest.raises(CheckpointTooLarge):
        made.make("a" * (size - 2), 0)


def test_a_checkpoint_that_is_kept_is_not_written_again() -> None:
    bench = Bench()
    made = Checkpoints(bench.payloads, bench.start(1), 0, 1_000)
    made.make([1], 0)
    first = made.write({})
    made.make([2], 0)
    made.wrote(first)
    newer = made.write({})
    assert newer is not None and newer.seq == 2, "an older one's write leaves the newer to be written"
    made.wrote(newer)
    assert made.write({}) is None and made.newer


@pytest.mark.parametrize(("has", "renewed"), [((), 0), (("input",), 1), (("state",), 1), (("input", "state"), 2)])
def test_what_goes_back_to_the_queue_keeps_what_is_its_own(has: tuple[str, ...], renewed: int) -> None:
    bench = Bench()
    refs = {"input_ref": f"item:{'x' * 43}", "state_ref": "item:l#000001:x"}
    head = replace(bench.start(1), **{name: refs[name] if name[:5] in has else None for name in refs})
    for part in (f"input#{'x' * 43}", "state#l#000001"):
        bench.table.items[head.run_id, part] = {"run_id": head.run_id, "part": part, "expires_at": 1}
    recovery.outlive(bench.payloads, head, head.created_at + 9 * RENEW_EVERY_MS)
    kept = [item["expires_at"] for (_, part), item in bench.table.items.items() if part != "head"]
    assert sum(expires_at > 1 for expires_at in kept) == renewed
