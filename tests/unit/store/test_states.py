"""How long a checkpoint of its own is kept: as long as what begins with it may need it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from invoke_once.store import states
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


def test_a_state_lasts_with_a_run_that_is_kept_longer() -> None:
    bench = Bench()
    head = replace(bench.start(1), lease_id="l")
    fields = states.keep(bench.payloads, head, TEXT, 1, bench.clock(), {}, head_only=False)
    assert fields is not None
    head = replace(head, **fields)
    ((place, item),) = [(key, item) for key, item in bench.table.items.items() if key[1].startswith("state#")]
    at_first = item["expires_at"]
    states.last_until(bench.payloads, head, head.expires_at)
    assert bench.table.items[place]["expires_at"] == at_first, "nothing is written for what lasts"
    longer_s = head.expires_at + RENEW_EVERY_MS // 1000
    states.last_until(bench.payloads, head, longer_s)
    assert bench.table.items[place]["expires_at"] == longer_s
