"""At most so many at once, first come first fired, whoever dies on the way."""

from __future__ import annotations

from typing import Any

import pytest

from bench.units import write_units
from chalicelib.functions import Function
from chalicelib.gates import racks
from chalicelib.runs import dispatch
from invoke_once.life import gates, moves
from invoke_once.life.head import INDEX_KEYS
from invoke_once.life.moves import gate_moves
from invoke_once.life.status import Status
from invoke_once.store.dynamo import stored
from invoke_once.store.store import Applied, Refused
from tests.unit.gates.line import FUNCTIONS, Died, Line


@pytest.fixture
def line() -> Line:
    return Line()


def test_a_plain_run_touches_no_gate(line: Line) -> None:
    head = line.post("free")
    line.end(line.claim(head))
    assert line.table.letters == ["A", "E", "H"]
    assert not {"hold", "slot", "wait_shard", "concurrency_key", "paused_ms"} & set(
        line.table.items[head.run_id, "head"]
    )


def test_as_many_as_the_limit_are_fired_and_the_others_wait(line: Line) -> None:
    heads = [line.post("two") for _ in range(4)]
    assert line.go(*heads) == ["dispatch", "dispatch", "max_running", "max_running"]
    assert line.lambda_.fired == [heads[0].run_id, heads[1].run_id]


def test_a_run_that_waits_cannot_be_claimed_by_any_event(line: Line) -> None:
    line.post("free", "c")
    waits = line.post("free", "c")
    refused = line.store.apply(moves.claim(waits.run_id, waits.generation, line.clock(), 1_000))
    assert isinstance(refused, Refused) and refused.arms == ("free",)


def test_an_end_hands_the_slot_to_the_oldest_who_waits(line: Line) -> None:
    first, second, third = (line.post("free", "c") for _ in range(3))
    line.end(line.claim(first))
    line.stream()
    assert line.go(second, third) == ["dispatch", "concurrency"]
    line.end(line.claim(second))
    line.stream()
    assert line.go(third) == ["dispatch"]
    assert line.lambda_.fired == [first.run_id, second.run_id, third.run_id]


def test_a_handed_on_slot_costs_four_writes_with_all_that_its_waiting_cost(line: Line) -> None:
    first, second = line.post("free", "c"), line.post("free", "c")
    line.end(line.claim(first))
    line.table.letters.clear()
    line.stream()
    assert line.table.letters == ["Y", "X"]  # 1 and 2 units; the waiting was an index entry more
    line.end(line.claim(second))
    line.table.letters.clear()
    line.stream()
    assert line.table.letters == ["Z"]


def test_keys_and_tenants_do_not_wait_for_each_other(line: Line) -> None:
    heads = [line.post("free", key) for key in ("a", "b", "a", "b")]
    assert line.go(*heads) == ["dispatch", "dispatch", "concurrency", "concurrency"]
    assert gates.of_key("demo", "a") != gates.of_key("acme", "a")


def test_the_sweep_alone_lets_through_within_two_minutes(line: Line) -> None:
    first, second = line.post("free", "c"), line.post("free", "c")
    line.end(line.claim(first))
    line.minutes(2)
    assert line.go(second) == ["dispatch"]


@pytest.mark.parametrize("dies_before", ["Y", "X"])
def test_a_post_that_dies_while_it_asks_leaves_nobody_waiting(line: Line, dies_before: str) -> None:
    line.table.dies_before = dies_before
    with pytest.raises(Died):
        line.post("free", "c")
    assert line.lambda_.fired == []
    line.minutes(3)
    assert len(set(line.lambda_.fired)) == 1


@pytest.mark.parametrize("dies_before", ["Y", "X", "Z"])
def test_a_hand_over_that_dies_is_made_good(line: Line, dies_before: str) -> None:
    first, second = line.post("free", "c"), line.post("free", "c")
    line.end(line.claim(first))
    if dies_before == "Z":
        line.store.apply(moves.cancel(line.now(second), line.clock()))
    line.table.dies_before = dies_before
    with pytest.raises(Died):
        line.stream()
    third = line.post("free", "c")
    line.minutes(3)
    assert line.go(second if dies_before != "Z" else third) == ["dispatch"]


def test_a_holder_that_was_killed_frees_its_slot_when_its_lease_is_over(line: Line) -> None:
    killed, waits = line.post("free", "c"), line.post("free", "c")
    line.claim(killed, lease_ms=30_000)
    line.minutes(3)
    assert line.now(killed).status == "failed"
    line.minutes(2)
    assert line.go(waits) == ["dispatch"]


def test_an_event_that_was_lost_is_fired_again_though_its_run_has_no_look_of_its_own(line: Line) -> None:
    first = line.post("free", "c")
    lost = line.post("free", "c")
    line.end(line.claim(first))
    line.stream()
    assert line.now(lost).due_at == line.now(lost).queue_until + 1
    line.minutes(3)
    assert line.lambda_.fired.count(lost.run_id) >= 2


def test_a_retry_goes_to_the_line_again_and_leaves_its_slot(line: Line) -> None:
    first, second, third = (line.post("two") for _ in range(3))
    claimed = line.claim(first)
    line.claim(second)
    again = moves.requeue(moves.fence(claimed), claimed, line.clock() + 5_000, b"\x00{}", "t")
    assert isinstance(line.store.apply(again), Applied)
    line.stream()
    assert line.go(third) == ["dispatch"]
    line.clock.step(5_001)
    line.attend(first)
    assert line.go(first) == ["max_running"]
    line.end(second)
    line.stream()
    assert line.go(first) == ["dispatch"]


def test_a_watchdogs_outcome_keeps_the_slot_until_lambda_has_ended_the_body(line: Line) -> None:
    first, second = line.post("free", "c"), line.post("free", "c")
    claimed = line.claim(first)
    line.end(claimed, Status.TIMED_OUT, slot_until=claimed.lease_until)
    line.stream()
    assert line.go(second) == ["concurrency"]
    assert (f"{gates.of_key('demo', 'c')}#0", 70) in line.later
    line.clock.to(claimed.lease_until + 1)
    line.minutes(2)
    assert line.go(second) == ["dispatch"]


def test_a_missed_heartbeat_keeps_the_slot_until_lambda_has_ended_the_body(line: Line) -> None:
    silent, waits = line.post("beating"), line.post("beating")
    line.claim(silent, lease_ms=6_000, left_ms=300_000)
    ends_ms = line.clock() + 310_000
    line.clock.step(17_000)
    line.attend(silent)
    line.stream()
    assert line.now(silent).slot is None
    while line.clock() < ends_ms - 61_000:
        line.minutes(1)
        line.stream()
        assert line.go(waits) == ["max_running"]
    line.minutes(3)
    assert "dispatch" in line.go(silent, waits)


def test_no_event_takes_a_run_over_that_has_a_slot(line: Line) -> None:
    head = line.claim(line.post("two"), lease_ms=1_000)
    line.clock.to(head.lease_until + 1)
    assert isinstance(line.store.apply(moves.claim(head.run_id, head.generation, line.clock(), 1_000)), Refused)


def test_an_unwrapped_function_has_its_slot_until_its_outcome_is_told(line: Line) -> None:
    first, second = line.post("plain"), line.post("plain")
    assert line.go(first, second) == ["running", "max_running"]
    line.end(first)
    line.stream()
    assert line.go(second) == ["running"]


def test_a_cancelled_run_leaves_the_line_and_its_slot(line: Line) -> None:
    first, second, third = (line.post("free", "c") for _ in range(3))
    dispatch.cancel(line.svc, second)
    dispatch.cancel(line.svc, first)
    line.stream()
    assert line.go(first, second, third) == ["cancelled", "cancelled", "dispatch"]


def test_a_run_that_waits_expires_when_its_queue_timeout_is_over(line: Line) -> None:
    line.claim(line.post("free", "c"), lease_ms=900_000)
    waits = line.post("free", "c", queue_ms=120_000)
    line.minutes(3)
    assert line.now(waits).status == "expired"


def test_the_narrowest_gate_comes_first_so_that_one_customer_does_not_fill_the_function(line: Line) -> None:
    mine = [line.post("two", "c") for _ in range(3)]
    other = line.post("two", "d")
    assert line.go(*mine, other) == ["dispatch", "concurrency", "concurrency", "dispatch"]
    assert len(gates.slots_of(line.now(other).slot)) == 2
    third = line.post("two", "e")
    assert line.go(third) == ["max_running"]
    line.end(line.claim(mine[0]))
    line.stream()
    assert line.go(mine[1], third) == [
        "dispatch",
        "max_running",
    ]  # it came first
    line.end(line.claim(other))
    line.stream()
    assert line.go(mine[2], third) == ["concurrency", "dispatch"]


def test_the_latest_request_names_the_limit_for_new_grants(line: Line) -> None:
    heads = [line.post("free", "c", most=3) for _ in range(3)]
    waits = [line.post("free", "c", most=1) for _ in range(2)]
    for head in heads:
        line.claim(head)
    line.end(heads[0])
    line.stream()
    line.end(heads[1])
    line.stream()
    assert line.go(*waits) == ["concurrency", "concurrency"]
    line.end(heads[2])
    line.stream()
    assert line.go(*waits) == ["dispatch", "concurrency"]
    more = line.post("free", "c", most=2)
    assert line.go(waits[1], more) == ["dispatch", "concurrency"]


def test_a_limit_of_a_function_that_is_raised_lets_the_waiting_through(line: Line) -> None:
    heads = [line.post("two") for _ in range(4)]
    line.functions["two"] = Function("two", target="s-two", max_running=3)
    line.minutes(1)
    assert line.go(*heads).count("dispatch") == 3
    line.functions["two"] = FUNCTIONS["free"]
    line.functions["two"] = Function("two", target="s-two")
    line.minutes(1)
    assert line.go(*heads).count("dispatch") == 4


def test_those_who_wait_for_a_function_that_is_gone_are_told(line: Line) -> None:
    heads = [line.post("two") for _ in range(3)]
    del line.functions["two"]
    line.minutes(2)
    assert line.now(heads[2]).status == "failed"


def test_more_slots_than_a_rack_has(line: Line) -> None:
    heads = [line.post("free", "many", most=20) for _ in range(22)]
    assert line.go(*heads).count("dispatch") == 20
    for head in heads[:2]:
        line.end(line.claim(head))
    line.stream()
    assert line.go(*heads[20:]) == ["dispatch", "dispatch"]
    assert len(racks.read(line.svc, gates.of_key("demo", "many")).taken) == 20


PLACES = [gates.slot("gate_k1", n) for n in range(5)]


@pytest.mark.parametrize(
    ("limit", "taken", "freed", "handed", "new"),
    [
        (2, [], [], [], [0, 1]), (2, [0], [], [], [1]), (2, [0, 1], [], [], []), (2, [0, 1], [1], [1], []),
        (3, [0, 1], [1], [1], [2]), (2, [0, 1, 2], [2], [], []), (2, [0, 1, 2], [0], [], []),
        (2, [0, 1, 2], [0, 2], [0], []), (2, [1, 2], [2], [], [0]), (0, [0], [0], [], []),
    ],
)  # fmt: skip
def test_slots_are_handed_on_within_the_limit_and_above_it_none(
    limit: int, taken: list[int], freed: list[int], handed: list[int], new: list[int]
) -> None:
    found = racks.Racks("gate_k1", limit, {PLACES[n]: f"run_{n}.h" for n in taken})
    opened = found.openings({PLACES[n]: f"run_{n}.h" for n in freed})
    assert opened == [(PLACES[n], f"run_{n}.h") for n in handed] + [(PLACES[n], None) for n in new]


def test_a_gate_that_nobody_uses_is_left_alone_and_wakes_again(line: Line) -> None:
    line.end(line.claim(line.post("free", "c")))
    line.stream()
    line.minutes(4)
    rack = line.table.items[f"{gates.of_key('demo', 'c')}#0", "rack"]
    assert "due_at" not in rack and rack["expires_at"] > line.clock() // 1000
    head = line.post("free", "c")
    rack = line.table.items[f"{gates.of_key('demo', 'c')}#0", "rack"]
    assert line.go(head) == ["dispatch"] and "expires_at" not in rack and rack["due_at"] > line.clock()


def test_a_gate_that_was_found_empty_is_looked_after_again_when_it_is_used(line: Line) -> None:
    line.end(line.claim(line.post("free", "c")))
    line.stream()
    line.minutes(1)
    gate = gates.of_key("demo", "c")
    assert "empty_at" in line.table.items[gates.rack_id(gate, 0), "rack"]
    assert not racks.is_looked_after(line.svc, gate)
    line.post("free", "c")
    assert racks.is_looked_after(line.svc, gate)
    assert gate_moves.set_limit(gate, 1, 1, 1, 1).remove == gate_moves.take(
        gates.slot(gate, 0), None, line.post("free", "c"), 1
    ).remove  # fmt: skip


def test_a_redriven_run_waits_in_line(line: Line) -> None:
    failed = line.post("free", "c")
    line.end(line.claim(failed), Status.FAILED)
    line.stream()
    line.post("free", "c")
    dispatch.redrive(line.svc, line.now(failed))
    assert line.go(failed) == ["concurrency"]


def test_a_delayed_run_waits_in_line_when_its_time_has_come(line: Line) -> None:
    line.post("free", "c")
    delayed = line.post("free", "c", delay_ms=5_000)
    assert line.go(delayed) == ["delay"]
    line.clock.step(5_001)
    line.attend(delayed)
    assert line.go(delayed) == ["concurrency"]


def test_a_doubled_or_late_record_of_the_stream_frees_nothing_of_the_next_holder(line: Line) -> None:
    first, second, third = (line.post("free", "c") for _ in range(3))
    line.end(line.claim(first))
    twice = list(line.table.records)
    line.stream()
    line.table.records = twice
    line.stream()
    assert line.go(second, third) == ["dispatch", "concurrency"]


def test_a_request_with_another_limit_is_another_request(line: Line) -> None:
    request = dispatch.StartRequest(FUNCTIONS["free"], "demo", "k", concurrency=("c", 1))
    other = dispatch.StartRequest(FUNCTIONS["free"], "demo", "k")
    assert dispatch.fingerprint(request) != dispatch.fingerprint(other)


def test_many_who_begin_to_wait_have_their_gate_looked_at_twice_a_second_and_not_each(line: Line) -> None:
    line.post("free", "c")
    for _ in range(40):
        line.post("free", "c")
        line.clock.step(49)
        line.stream()
    assert [gate for gate, _ in line.later] == [gates.of_key("demo", "c")] * 4  # of two seconds


@pytest.mark.parametrize("waiting", [30, 10_000])
def test_a_hand_over_and_a_sweep_cost_the_same_however_many_wait(line: Line, waiting: int) -> None:
    first, second = line.post("free", "c"), line.post("free", "c")
    line.more_wait(second, waiting - 1)
    line.end(line.claim(first))
    line.table.records.clear()
    line.clock.step(60_000)
    line.table.letters.clear()
    reads = counted(line)
    line.sweep()
    assert sorted(line.table.letters) == ["X", "Y", "ZA"]
    assert reads == {"get": 6, "index": 8 + 4, "listed": 8 * 100 + 4 * 13}  # what is due, and who waits
    line.end(line.claim(second))
    line.table.letters.clear()
    reads.update(get=0, index=0, listed=0)
    line.stream()
    assert (line.table.letters, reads) == (["Y", "X"], {"get": 2, "index": 4, "listed": 4 * 13})


def counted(line: Line) -> dict[str, int]:
    """What is read of the table from now on."""
    found = {"get": 0, "index": 0, "listed": 0}
    get, index = line.table.get, line.table.index

    def one(*args: Any, **more: Any) -> Any:
        found["get"] += 1
        return get(*args, **more)

    def page(*args: Any, **more: Any) -> Any:
        found["index"] += 1
        keys = index(*args, **more)
        found["listed"] += more["limit"]
        return keys

    line.table.get, line.table.index = one, page  # type: ignore[method-assign]
    return found


def units(line: Line) -> float:
    """Write units of what was written since the last time, as DynamoDB counts them."""
    written, line.table.written = line.table.written, []
    return sum(sum(write_units(old and stored(old), stored(new), INDEX_KEYS).values()) for old, new in written)


def test_a_limit_costs_a_run_at_most_five_units_and_a_plain_one_none(line: Line) -> None:
    for _ in range(2):  # a key's first run names the limit too
        line.end(line.claim(line.post("free", "c")))
        line.stream()
    units(line)
    line.end(line.claim(line.post("free")))
    plain = units(line)
    line.end(line.claim(line.post("free", "c")))
    line.stream()
    assert (plain, units(line) - plain) == (6, 5)
    holder, *waiting = (line.post("free", "c") for _ in range(6))
    line.end(line.claim(holder))
    for head in waiting:
        units(line)
        line.stream()
        line.end(line.claim(head))
        in_line = units(line)
        assert in_line + 4 - plain == 4  # its start was 4, with an entry of the index `waiting`


def test_a_leg_leaves_its_slot_and_waits_in_line_for_another(line: Line) -> None:
    first, second = line.post("free", "c"), line.post("free", "c")
    claimed = line.claim(first)
    later = moves.continue_later(claimed, line.clock() + 5_000, "t", asked=True)
    assert isinstance(line.store.apply(later), Applied)
    line.stream()
    assert line.go(second) == ["dispatch"]
    line.clock.step(5_001)
    for leg in (1, 2):  # neither an old event nor its own passes the limit
        claim = moves.claim(first.run_id, first.generation, line.clock(), 1_000, leg=leg)
        assert isinstance(line.store.apply(claim), Refused)
    line.attend(first)
    assert line.go(first) == ["concurrency"]
    line.end(line.claim(second))
    line.stream()
    claim = moves.claim(first.run_id, first.generation, line.clock(), 1_000, leg=2)
    assert line.lambda_.events[-1]["leg"] == 2 and isinstance(line.store.apply(claim), Applied)
