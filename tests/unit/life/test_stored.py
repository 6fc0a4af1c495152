"""What is stored, by name and by value: it outlives the version that wrote it."""

from __future__ import annotations

from dataclasses import fields

import pytest

from invoke_once.life import gates, keys
from invoke_once.life.batch import LETTER, Batch
from invoke_once.life.bulk import Bulk, BulkStatus, Counts, Pin, page_text
from invoke_once.life.due import BATCH_LOOK_MS, Due
from invoke_once.life.head import COMPARED, INDEX_KEYS, Head, to_item
from invoke_once.life.moves import NewRun
from invoke_once.life.status import REDRIVABLE, RERUNNABLE, TERMINAL, Status

HEAD = Head("run_a", "demo", "echo", "queued", "g", 1, 2, 3)
TOLD = ("run_id", "tenant", "function", "status", "generation", "created_at", "expires_at", "queue_until")
JOB = Bulk("bulk_a", "demo", "running", 1, 2, "{}")


@pytest.mark.parametrize("kind", [Status, BulkStatus, Due])
def test_a_state_is_called_as_it_is_stored(kind: type[Status]) -> None:
    assert {one.name.lower() for one in kind} == {one.value for one in kind}


def test_which_states_are_ends_and_which_may_be_left_again() -> None:
    assert {*TERMINAL} == {"succeeded", "failed", "timed_out", "cancelled", "expired"}
    assert {*REDRIVABLE} == {"failed", "timed_out", "cancelled", "expired"}
    assert {*RERUNNABLE} == {"failed", "timed_out", "expired"}


def test_what_a_head_does_not_say() -> None:
    silent = {f.name: getattr(HEAD, f.name) for f in fields(Head) if f.name not in TOLD}
    assert {name: value for name, value in silent.items() if value not in (None, 0, False)} == {
        "part": "head", "version": 1, "max_attempts": 1, "jitter": True, "on_lost": "retry", "on_timeout": "fail",
        "max_legs": 100, "leg": 1,
    }  # fmt: skip
    assert to_item(HEAD.item()) == {name: getattr(HEAD, name) for name in (*TOLD, "part", "max_attempts")}
    assert {"max_attempts"} == COMPARED


@pytest.mark.parametrize(("kept", "own"), [(Batch(**{n: getattr(HEAD, n) for n in TOLD}), {"part": "batch"}),
                                           (JOB, {"part": "bulk"})])  # fmt: skip
def test_what_a_batch_or_a_job_does_not_say(kept: Batch | Bulk, own: dict[str, str]) -> None:
    """Nothing of its own but which it is; of a head what a head has."""
    of_a_head = {f.name for f in fields(Head)} - {"part"} if isinstance(kept, Batch) else set()
    silent = {f.name: getattr(kept, f.name) for f in fields(kept) if f.name not in {*TOLD, *of_a_head, "options"}}
    assert {name: value for name, value in silent.items() if value not in (None, 0, False, "")} == own


def test_what_a_new_run_does_not_ask_for() -> None:
    asked = {f.name: getattr(NewRun("demo", "echo", "k"), f.name) for f in fields(NewRun)}
    assert {name: value for name, value in asked.items() if value not in (None, 0, False, "")} == {
        "tenant": "demo", "function": "echo", "key": "k", "queue_ms": 21_600_000, "retention_s": 2_592_000,
        "max_attempts": 1, "backoff_ms": 10_000, "max_backoff_ms": 600_000, "jitter": True, "on_lost": "retry",
        "on_timeout": "fail", "max_legs": 100,
    }  # fmt: skip
    assert BATCH_LOOK_MS == 300_000


def test_an_index_is_of_two_attributes() -> None:
    assert INDEX_KEYS == {
        "due": ("due_shard", "due_at"), "by_tenant": ("tenant_shard", "created_at"),
        "failed": ("failed_shard", "created_at"), "waiting": ("wait_shard", "created_at"),
    }  # fmt: skip


@pytest.mark.parametrize("kept", [HEAD, JOB])
@pytest.mark.parametrize(("now_ms", "over"), [(1_999, False), (2_000, True)])
def test_what_is_kept_until_a_second_is_over_in_it(kept: Head | Bulk, now_ms: int, over: bool) -> None:
    kept.expires_at = 2
    assert kept.expired_at(now_ms) is over


def test_ids_and_shards_are_derived_as_ever() -> None:
    assert keys.run_id("demo", "echo", "k") == "run_qfh3elent6t6cdgpv4lyqwu5xz"
    assert keys.item_id("echo", "batch_a", "s", 3) == "run_qfh3exrq23udpwdzahucrxstt6"
    assert (keys.batch_id("demo", "echo", "k"), keys.bulk_id("demo", "k")) == (
        "batch_6ssbvinu4f4mp5dpjpezkeivlm",
        "bulk_tmkbfxykr3snqugfwveobg552m",
    )
    assert (gates.of_key("demo", "k"), gates.of_function("echo")) == (
        "gate_kdgtebxplhe3n6qoisa3exogbq",
        "gate_fqfh3etgkwezioxjsckvimjlyw",
    )
    assert (gates.of_pause("echo", "*"), gates.pause_id("echo")) == (
        "gate_p6m7uyt3ixcmyclluqijzaehfb",
        "slot_qfh3etyba3m6wom3penuygvfu5",
    )
    assert gates.wait_shards("gate_k1") == [f"gate_k1#{n}" for n in range(4)]
    assert {gates.wait_shard("gate_k1", f"run_{n}") for n in range(50)} == {*gates.wait_shards("gate_k1")}
    assert keys.due_shards() == [f"due#{n}" for n in range(8)]
    assert keys.tenant_shards("demo") == [f"demo#{n}" for n in range(4)]
    assert (keys.batch_shard("demo"), keys.RESERVED_KEYS) == ("demo#batches", "payload:")
    assert [gates.kind(gate) for gate in ("gate_p1", "gate_k1", "gate_f1")] == ["paused", "concurrency", "max_running"]


def test_a_batch_is_counted_in_hundreds_and_letters() -> None:
    batch = Batch("batch_a", "demo", "echo", "running", "g", 1, 2, 0, total=201)
    assert (batch.chunks, batch.pass_number, batch.running, batch.part) == (3, 1, True, "batch")
    assert [batch.indexes(n) for n in range(3)] == [range(100), range(100, 200), range(200, 201)]
    batch.total, batch.batch_pass, batch.status = 200, 2, "failed"
    assert (batch.chunks, batch.pass_number, batch.running) == (2, 2, False)
    assert LETTER == {"succeeded": "s", "failed": "f", "timed_out": "t", "cancelled": "c", "expired": "e"}


def test_a_job_is_counted_and_knows_its_page() -> None:
    assert (JOB.counted, JOB.pins, JOB.at_end, JOB.running, JOB.part) == (Counts(), [], False, True, "bulk")
    pins = [Pin("run_a", "g"), Pin("run_b", "h")]
    job = Bulk("bulk_a", "demo", "done", 1, 2, '{"action":"cancel"}', counts="[3, 2, 1]", position="null",
               page=page_text(pins))  # fmt: skip
    assert (job.counted, job.pins, job.at_end, job.running) == (Counts(3, 2, 1), pins, True, False)
    assert job.asked == {"action": "cancel"}
    assert Counts(3, 2, 1).plus(1, 2, 3) == Counts(4, 4, 4) and Counts(3, 2, 1).plus() == Counts(3, 2, 1)
