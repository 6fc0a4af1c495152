"""The moves of gates, on the in-memory engine and on the real table alike."""

from __future__ import annotations

from collections.abc import Callable

from invoke_once.handler.recovery import lose
from invoke_once.life import gates, moves
from invoke_once.life.head import Head
from invoke_once.life.move import Move
from invoke_once.life.moves import gate_moves
from invoke_once.store.payloads import Payloads
from invoke_once.store.store import Applied, Refused, Store, Unwritten, Written
from invoke_once.testing import MemoryObjects
from tests.contract.conftest import NOW

Begin = Callable[..., Head]


def held(begin: Begin, gate: str, hold: str = "h1", now_ms: int = NOW) -> Head:
    return begin(now_ms, held=moves.Held(hold, f"{gate}#0", looked_after=True))


def applied(store: Store, move: Move) -> Head:
    result = store.apply(move)
    assert isinstance(result, Applied), result
    return result.head


def arms(store: Store, move: Move) -> tuple[str, ...]:
    result = store.apply(move)
    assert isinstance(result, Refused), result
    return result.arms


def listed(store: Store, gate: str) -> list[str]:
    page = store.index("waiting", f"{gate}#0", low=0, high=NOW + 99, limit=9, newest_first=False, after=None)
    return [key.run_id for key in page]


def test_a_held_run_is_in_its_gates_list_and_no_event_may_claim_it(store: Store, begin: Begin, tenant: str) -> None:
    gate = gates.of_key(tenant, "c")
    late, early = held(begin, gate, now_ms=NOW + 1), held(begin, gate)
    assert listed(store, gate) == [early.run_id, late.run_id]
    assert arms(store, moves.claim(early.run_id, early.generation, NOW + 10**9, 1)) == ("free",)
    assert early.due_at == early.queue_until + 1


def test_a_slot_is_taken_once_and_its_run_let_through_once(store: Store, begin: Begin, tenant: str) -> None:
    gate = gates.of_key(tenant, "c")
    head, other = held(begin, gate), held(begin, gate, "h2")
    place = gates.slot(gate, 3)
    assert isinstance(store.put_part(gate_moves.take(place, None, head, NOW)), Written)
    assert isinstance(store.put_part(gate_moves.take(place, None, head, NOW)), Written)  # botocore's own repeat
    assert isinstance(store.put_part(gate_moves.take(place, None, other, NOW)), Unwritten)
    granted = applied(store, gate_moves.grant(head, NOW, [place]))
    assert (granted.slot, granted.not_before, granted.wait_shard, granted.dispatches) == (place.text, None, None, 1)
    assert gates.holds(granted, place, f"{head.run_id}.h1")
    assert arms(store, gate_moves.grant(head, NOW, [place])) == ("at the same gate",)
    assert listed(store, gate) == [other.run_id]
    assert applied(store, moves.claim(head.run_id, head.generation, NOW, 1)).slot == place.text


def test_a_slot_is_handed_on_and_freed_only_as_it_was_seen(store: Store, begin: Begin, tenant: str) -> None:
    gate = gates.of_key(tenant, "c")
    head, other = held(begin, gate), held(begin, gate, "h2")
    place, rack = gates.slot(gate, 0), gates.rack_id(gate, 0)
    store.put_part(gate_moves.take(place, None, head, NOW))
    old, new = f"{head.run_id}.h1", f"{other.run_id}.h2"
    assert isinstance(store.put_part(gate_moves.take(place, old, other, NOW)), Written)
    assert isinstance(store.put_part(gate_moves.free(place, old)), Unwritten)
    found = store.part(rack, gates.RACK)
    assert found is not None and found["s0"] == new and found["due_at"] == NOW + gate_moves.LOOK_MS
    assert isinstance(store.put_part(gate_moves.free(place, new)), Written)


def test_an_end_a_retry_and_a_cancel_leave_the_slot(store: Store, begin: Begin, tenant: str) -> None:
    gate = gates.of_key(tenant, "c")
    place = gates.slot(gate, 0)

    def granted(**policy: object) -> Head:
        head = begin(NOW, held=moves.Held("h", f"{gate}#0", looked_after=True), **policy)
        return applied(store, gate_moves.grant(head, NOW, [place]))

    def claimed(head: Head) -> Head:
        return applied(store, moves.claim(head.run_id, head.generation, NOW, 1_000, left_ms=9_000))

    ended = claimed(granted())
    assert ended.body_until == NOW + 19_000
    after = [
        applied(store, moves.finish(moves.fence(ended), ended, moves.FAILED_INDEX[0], NOW, {"error": b"\x00{}"}, "t")),
        applied(store, moves.cancel(granted(), NOW)),
    ]
    retried = claimed(granted(max_attempts=2))
    after.append(applied(store, moves.requeue(moves.fence(retried), retried, NOW, b"\x00{}", "t", NOW + 5)))
    lost = claimed(granted())
    after.append(lose(Payloads(store, MemoryObjects()), lost, lost.lease_until + 1, why="gone").head)
    assert [(head.slot, head.hold, head.body_until) for head in after] == [
        (None, None, None), (None, None, None), (None, "h", None), (None, None, None),
    ]  # fmt: skip
    assert [head.slot_until for head in after] == [None, None, NOW + 5, NOW + 19_000]


def test_no_late_event_claims_a_retry_that_has_no_slot_yet(store: Store, begin: Begin, tenant: str) -> None:
    gate = gates.of_key(tenant, "c")
    head = begin(NOW, held=moves.Held("h", f"{gate}#0", looked_after=True), max_attempts=2)
    granted = applied(store, gate_moves.grant(head, NOW, [gates.slot(gate, 0)]))
    running = applied(store, moves.claim(granted.run_id, granted.generation, NOW, 1_000))
    retried = applied(store, moves.requeue(moves.fence(running), running, NOW + 5, b"\x00{}", "t"))
    late = moves.claim(retried.run_id, retried.generation, NOW + 6, 1_000)
    assert arms(store, late) == ("free",)
    released = applied(store, moves.release(retried, NOW + 6))  # no limit holds it any more
    assert released.hold is None and applied(store, late).status == "running"


def test_no_claim_takes_over_a_run_that_has_a_slot(store: Store, begin: Begin, tenant: str) -> None:
    gate = gates.of_key(tenant, "c")
    head = begin(NOW, held=moves.Held("h", f"{gate}#0", looked_after=True), max_attempts=3)
    granted = applied(store, gate_moves.grant(head, NOW, [gates.slot(gate, 0)]))
    running = applied(store, moves.claim(granted.run_id, granted.generation, NOW, 1_000))
    again = moves.claim(granted.run_id, granted.generation, running.lease_until + 1, 1_000)
    assert arms(store, again) == ("free",)


def test_from_one_gate_to_the_next_it_keeps_its_hold_and_slot(store: Store, begin: Begin, tenant: str) -> None:
    first, second = gates.of_key(tenant, "c"), gates.of_function(tenant)
    head, place = held(begin, first), gates.slot(first, 0)
    on = applied(store, gate_moves.hold(head, moves.Held("h1", f"{second}#0", True), NOW, head.queue_until, [place]))
    assert (on.slot, on.hold, gates.waits_at(on), on.due_at) == (place.text, "h1", second, head.due_at)
    assert listed(store, first) == [] and listed(store, second) == [head.run_id]
    aside = applied(store, gate_moves.hold(on, moves.Held("h2", f"{first}#0", True), NOW, on.queue_until))
    assert (aside.slot, aside.hold) == (None, "h2")
    assert arms(store, gate_moves.grant(on, NOW, [place])) == ("the same waiting", "at the same gate")


def test_a_rack_rests_after_two_looks_that_found_it_empty(store: Store, begin: Begin, tenant: str) -> None:
    gate = gates.of_key(tenant, "c")
    rack, place, head = gates.rack_id(gate, 0), gates.slot(gate, 0), held(begin, gate)
    store.put_part(gate_moves.take(place, None, head, NOW))
    store.put_part(gate_moves.free(place, f"{head.run_id}.h1"))
    due = NOW + gate_moves.LOOK_MS
    assert isinstance(store.put_part(gate_moves.rearm_rack(rack, due, due + 5, empty=True, now_ms=due)), Written)
    early = gate_moves.rearm_rack(rack, due + 5, None, empty=True, now_ms=due + gate_moves.EMPTY_MS - 1)
    assert isinstance(store.put_part(early), Unwritten)
    store.put_part(gate_moves.take(place, None, head, NOW))
    later = gate_moves.rearm_rack(rack, due + 5, None, empty=True, now_ms=due + gate_moves.EMPTY_MS)
    assert isinstance(store.put_part(later), Unwritten)


def test_the_latest_request_names_the_limit(store: Store, tenant: str) -> None:
    gate = gates.of_key(tenant, "c")
    assert isinstance(store.put_part(gate_moves.set_limit(gate, 3, 0, NOW, NOW)), Written)
    assert isinstance(store.put_part(gate_moves.set_limit(gate, 5, 3, NOW - 1, NOW)), Unwritten)
    assert isinstance(store.put_part(gate_moves.set_limit(gate, 1, 3, NOW + 1, NOW)), Written)
    found = store.part(gates.rack_id(gate, 0), gates.RACK)
    assert found is not None and (found["slot_limit"], found["slot_high"]) == (1, 3)


def test_a_pause_is_changed_by_one_at_a_time(store: Store, tenant: str) -> None:
    assert isinstance(store.put_part(gate_moves.pause(tenant, 0, "{}", NOW)), Written)
    assert isinstance(store.put_part(gate_moves.pause(tenant, 0, "{}", NOW)), Unwritten)
    assert isinstance(store.put_part(gate_moves.pause(tenant, 1, "{}", None, NOW)), Written)
    found = store.part(gates.pause_id(tenant), gates.PAUSE)
    assert found is not None and "due_at" not in found and found["empty_at"] == NOW


def test_a_bulk_action_sends_a_run_again_once(store: Store, claimed: Begin) -> None:
    head = claimed()
    error = {"error": b"\x00{}"}

    def failed(head: Head) -> Head:
        return applied(store, moves.finish(moves.fence(head), head, moves.FAILED_INDEX[0], NOW, error, "t"))

    again = applied(store, moves.redrive(failed(head), NOW, bulk="bulk_a"))
    running = applied(store, moves.claim(again.run_id, again.generation, NOW, 1))
    ended = failed(running)
    assert arms(store, moves.redrive(ended, NOW, bulk="bulk_a")) == ("not by this one before",)
    assert applied(store, moves.redrive(ended, NOW, bulk="bulk_b")).bulk == "bulk_b"
