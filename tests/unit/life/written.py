"""What each of the service's own moves asks and writes, case by case, as data: tests/fixtures/moves.jsonl has it.

`python -m tests.unit.life.written` writes the file anew; whoever changes a move sees in its diff what that means.
The moves of an attempt are in node/test/life/vectors.json, which Node.js reads too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from invoke_once.life import gates, moves
from invoke_once.life.batch import Batch
from invoke_once.life.bulk import Bulk, BulkStatus, Counts, Pin
from invoke_once.life.conditions import Check, Condition
from invoke_once.life.head import Head
from invoke_once.life.move import Move
from invoke_once.life.moves import batch_moves, bulk_moves, callback_moves, gate_moves
from invoke_once.life.status import Status

FILE = Path(__file__).parents[2] / "fixtures" / "moves.jsonl"
NOW = 1_800_000_000_000
MINUTE = 60_000
HOUR = 3_600_000
ERROR = b"\0{}"
HELD = moves.Held("h1", "gate_k1#0", False)
LOOKED_AFTER = moves.Held("h1", "gate_k1#0", True)
PLACE, OTHER = gates.Slot("gate_k1#0", "s3"), gates.Slot("gate_f1#2", "s15")
CALLBACK = {"callback_url": "https://example.com/hook"}


def head(status: str = "queued", **more: Any) -> Head:
    known: dict[str, Any] = {
        "generation": "g", "created_at": NOW - 99, "expires_at": NOW // 1000 + 999, "queue_until": NOW + 5 * HOUR,
        "queue_ms": HOUR, "retention_s": 86_400, "max_attempts": 3,
    } | more  # fmt: skip
    return Head("run_a", "demo", "echo", status, **known)


def new(**more: Any) -> moves.NewRun:
    return moves.NewRun("demo", "echo", "k", **more)


def batch(status: str = "running", **more: Any) -> Batch:
    known: dict[str, Any] = {
        "generation": "g", "created_at": NOW - 99, "expires_at": NOW // 1000 + 999, "queue_until": 0, "total": 250,
        "seed": "s", "retention_s": 86_400,
    } | more  # fmt: skip
    return Batch("batch_a", "demo", "echo", status, **known)


def new_batch(**more: Any) -> batch_moves.NewBatch:
    return batch_moves.NewBatch("demo", "echo", "k", 250, "seed", "s3:echo/batch", 9_000, **more)


def job(**more: Any) -> Bulk:
    known: dict[str, Any] = {"options": "{}", "token": "t", "not_before": NOW - 1} | more
    return Bulk("bulk_a", "demo", "running", NOW - 99, NOW // 1000 + 99, **known)


def cases() -> dict[str, Callable[[], Move]]:
    failed = head("failed", attempt=2, finished_at=NOW - 9)
    held_back = head(not_before=NOW - 1, due_at=NOW - 1)
    waits = head(not_before=moves.HELD_MS, hold="h1", wait_shard="gate_k1#0", due_at=NOW + 5 * HOUR + 1)
    telling = {"cb_status": "pending", "cb_due": NOW - 1, "due_at": NOW - 1}
    everything: dict[str, Any] = {
        "fingerprint": "f", "payload": {"input": b"\0 1", "input_size": 1}, "mode": "destination", "jitter": False,
        "on_lost": "fail", "on_timeout": "continue", "max_legs": 7, "labels": "{}", "traceparent": "00-1",
        "concurrency_key": "c", "concurrency_max": 2, "paused_ms": 5, "max_attempts": 4, "backoff_ms": 1,
        "max_backoff_ms": 2, "retention_s": 60,
    }  # fmt: skip
    return {
        "A": lambda: moves.start(new(), NOW),
        "A everything": lambda: moves.start(new(**everything, **CALLBACK), NOW),
        "A a delay": lambda: moves.start(new(delay_ms=1, held=HELD), NOW),
        "A a short queue timeout": lambda: moves.start(new(queue_ms=MINUTE - 1), NOW),
        "A of a batch": lambda: moves.start(new(batch="batch_a", batch_seed="s", batch_index=3, batch_pass=2), NOW),
        "A held": lambda: moves.start(new(held=HELD), NOW),
        "A held, looked after": lambda: moves.start(new(held=LOOKED_AFTER), NOW),
        "C": lambda: moves.release(held_back, NOW),
        "C late": lambda: moves.release(head("scheduled", not_before=NOW - 1, queue_until=NOW + HOUR - 1), NOW, 7),
        "C given back": lambda: moves.release(head(not_before=NOW - 1, queue_until=NOW + 9), NOW, 7),
        "C a leg's look": lambda: moves.release(head(not_before=NOW - 1, due_at=NOW + MINUTE), NOW),
        "C a look at once": lambda: moves.release(head(not_before=NOW - 1, due_at=NOW), NOW),
        "C a later look": lambda: moves.release(head(not_before=NOW - 1, due_at=NOW + MINUTE + 1), NOW),
        "C held once": lambda: moves.release(head(not_before=NOW - 1, hold="h1"), NOW),
        "C with a slot": lambda: moves.release(head(not_before=NOW - 1, hold="h1", slot=PLACE.text), NOW),
        "D": lambda: moves.dispatch(head(due_at=NOW - 1, dispatches=1), NOW),
        "D again": lambda: moves.dispatch(head(due_at=NOW - 1, dispatches=3, hold="h1"), NOW),
        "D at the end": lambda: moves.dispatch(head(due_at=NOW - 1, dispatches=1, queue_until=NOW + 7), NOW),
        "F": lambda: moves.launch(head(due_at=NOW), NOW, HOUR),
        "F no time": lambda: moves.launch(head(), NOW, -5),
        "F a leg": lambda: moves.launch(head(between_legs=True, leg=2), NOW, HOUR),
        "K": lambda: moves.reject(head(due_at=NOW), NOW, ERROR),
        "K told": lambda: moves.reject(head(due_at=NOW, **CALLBACK), NOW, ERROR),
        "K told, a look soon": lambda: moves.reject(head(due_at=NOW + MINUTE, **CALLBACK), NOW, ERROR),
        "K told, a look late": lambda: moves.reject(head(due_at=NOW + MINUTE + 1, **CALLBACK), NOW, ERROR),
        "L": lambda: moves.expire(head(queue_until=NOW - 1), NOW, ERROR),
        "M": lambda: moves.cancel(head(), NOW),
        "M by": lambda: moves.cancel(head(retention_s=1), NOW, "tok_a", "bulk_a"),
        "M asked before": lambda: moves.cancel(head(cancelled_by="tok_b", **CALLBACK), NOW, "tok_a"),
        "N": lambda: moves.request_cancel(head("running")),
        "N by": lambda: moves.request_cancel(head("running"), "tok_a", "bulk_a"),
        "N asked before": lambda: moves.request_cancel(head("running", cancelled_by="tok_b"), "tok_a"),
        "O": lambda: moves.redrive(failed, NOW),
        "O never tried": lambda: moves.redrive(head("expired", queue_ms=7), NOW),
        "O again": lambda: moves.redrive(head("failed", attempt=4, max_attempts=6, extra_attempts=3), NOW),
        "O a used up budget": lambda: moves.redrive(head("failed", attempt=9, extra_attempts=3), NOW),
        "O from the start, held": lambda: moves.redrive(failed, NOW, from_start=True, held=HELD, paused_ms=5),
        "O held, looked after": lambda: moves.redrive(failed, NOW, held=LOOKED_AFTER, bulk="bulk_a"),
        "O between legs": lambda: moves.redrive(head("failed", attempt=5, legs=2, between_legs=True), NOW),
        "P": lambda: moves.rearm(head(due_at=NOW - 1), NOW + 5),
        "P a clock": lambda: moves.rearm(head(due_at=NOW - 1), NOW + 5, {"queue_until": NOW + 9}),
        "P never": lambda: moves.rearm(head("failed", due_at=NOW - 1, part="batch"), None),
        "Q": lambda: callback_moves.begin_delivery(head("failed", **telling), NOW),
        "Q again": lambda: callback_moves.begin_delivery(
            head("failed", cb_attempt=1, cb_last="{}", expires_at=NOW // 1000 + 10**6, **telling), NOW
        ),
        "R": lambda: callback_moves.end_delivery(head("failed", **telling), "delivered", None, "{}"),
        "R pending": lambda: callback_moves.end_delivery(head("failed", cb_attempt=1, **telling), "pending", NOW, "{}"),
        "S": lambda: callback_moves.send_again(head("failed"), NOW),
        "S by": lambda: callback_moves.send_again(head("failed", cb_attempt=3, **telling), NOW, "bulk_a"),
        "T": lambda: callback_moves.postpone(head("failed", expires_at=NOW // 1000 + 10**6, **telling), NOW + 9),
        "R of a batch": lambda: callback_moves.end_delivery(batch("failed", **telling), "pending", NOW, "{}"),
        "R of a batch, the last": lambda: callback_moves.end_delivery(batch("failed", **telling), "failed", None, "{}"),
        "S of a batch": lambda: callback_moves.send_again(batch("failed"), NOW),
        "T of a batch": lambda: callback_moves.postpone(batch("failed", **telling), NOW + 9),
        "P of a batch": lambda: moves.rearm(batch(due_at=NOW - 1), NOW + 5),
        "V": lambda: moves.note(head(), ERROR),
        "X": lambda: gate_moves.grant(waits, NOW, [PLACE, OTHER]),
        "X no slot": lambda: gate_moves.grant(waits, NOW, []),
        "X no slot, a look soon": lambda: gate_moves.grant(head(hold="h1", due_at=NOW + MINUTE), NOW, []),
        "X a look that is over": lambda: gate_moves.grant(head(hold="h1", due_at=NOW), NOW, [PLACE]),
        "X a clock": lambda: gate_moves.grant(head(due_at=NOW), NOW, [PLACE], {"queue_until": NOW + 7, "paused_ms": 1}),
        "XH": lambda: gate_moves.hold(held_back, HELD, NOW, NOW + HOUR),
        "XH looked after": lambda: gate_moves.hold(waits, LOOKED_AFTER, NOW, NOW + 5 * HOUR, [PLACE]),
        "XH a look late": lambda: gate_moves.hold(waits, HELD, NOW, NOW + 5 * HOUR, [PLACE]),
        "XH a look in time": lambda: gate_moves.hold(head(due_at=NOW + MINUTE), HELD, NOW, NOW + 5 * HOUR),
        "Y": lambda: gate_moves.take(PLACE, None, waits, NOW),
        "Y handed on": lambda: gate_moves.take(PLACE, "run_b.h", waits, NOW),
        "YL": lambda: gate_moves.set_limit("gate_f1", 3, 2, None, NOW),
        "YL asked": lambda: gate_moves.set_limit("gate_k1", 2, 5, NOW - 9, NOW),
        "Z": lambda: gate_moves.free(PLACE, "run_b.h"),
        "ZA": lambda: gate_moves.rearm_rack("gate_k1#0", NOW - 1, NOW + MINUTE, empty=False, now_ms=NOW),
        "ZA empty": lambda: gate_moves.rearm_rack("gate_k1#0", NOW - 1, NOW + MINUTE, empty=True, now_ms=NOW),
        "ZA never": lambda: gate_moves.rearm_rack("gate_k1#0", NOW - 1, None, empty=True, now_ms=NOW),
        "XP": lambda: gate_moves.pause("echo", 0, "{}", NOW),
        "XP empty": lambda: gate_moves.pause("echo", 4, "{}", NOW, NOW - 9),
        "XP never": lambda: gate_moves.pause("echo", 4, "{}", None, NOW - 9),
        "BA": lambda: batch_moves.start_batch(new_batch(), NOW, 900),
        "BA everything": lambda: batch_moves.start_batch(
            new_batch(fingerprint="f", max_running=5, options="{}", retention_s=60, labels="{}", **CALLBACK), NOW, 900
        ),
        "BK": lambda: batch_moves.take_chunk(batch(), 2, NOW),
        "BK to stop": lambda: batch_moves.take_chunk(batch(), 12, NOW, "stop"),
        "BC": lambda: batch_moves.end_chunk(batch(), 2, "t", NOW, done=True),
        "BC not done": lambda: batch_moves.end_chunk(batch(), 2, "t", NOW, done=False, kind="stop"),
        "BC letters": lambda: batch_moves.note_letters(batch(), 2, None, "s-f", NOW),
        "BC all letters": lambda: batch_moves.note_letters(batch(), 2, "s-f", "sff", NOW),
        "BL": lambda: batch_moves.look(
            batch(due_at=NOW + 15_000, look_from=5), NOW, NOW + 99, {"counts": "{}"}, NOW + 9
        ),
        "BL swept since": lambda: batch_moves.look(batch(due_at=NOW + 15_001), NOW, NOW + 99, {"born": 7}, None),
        "BL begins": lambda: batch_moves.begin_look(batch(look_from=5), NOW + 99),
        "BL workers": lambda: batch_moves.send_workers(batch(spread_at=5), NOW, 900),
        "BL no workers": lambda: batch_moves.send_workers(batch(spread_at=5), NOW, None),
        "BL later": lambda: batch_moves.look_later(batch(), NOW + 9),
        "BL later again": lambda: batch_moves.look_later(batch(not_before=NOW), NOW + 9),
        "BE": lambda: batch_moves.end_batch(batch(), NOW, Status.SUCCEEDED, {"succeeded": 250}),
        "BE told": lambda: batch_moves.end_batch(batch(**CALLBACK), NOW, Status.FAILED, {"failed": 250}),
        "BM": lambda: batch_moves.cancel_batch(batch(), NOW, 900, "tok_a"),
        "BO": lambda: batch_moves.retry_batch(batch("failed", batch_pass=2), NOW, 900),
        "BT": lambda: batch_moves.tombstone(new(batch="batch_a", batch_seed="s"), NOW, "tok_a"),
        "BT forgotten soon": lambda: batch_moves.tombstone(new(batch="batch_a", retention_s=59), NOW),
        "O of a batch": lambda: batch_moves.redrive_for(failed, batch(batch_pass=2), NOW, held=HELD, paused_ms=5),
        "BJ": lambda: batch_moves.join_pass(head("running", batch_pass=2), batch(batch_pass=3)),
        "BJ ended": lambda: batch_moves.join_pass(failed, batch(batch_pass=2)),
        "KA": lambda: bulk_moves.start_bulk(bulk_moves.NewBulk("demo", "k", "{}"), NOW, NOW + 9),
        "KA a fingerprint": lambda: bulk_moves.start_bulk(bulk_moves.NewBulk("demo", "k", "{}", "f"), NOW, NOW + 9),
        "KK": lambda: bulk_moves.take_bulk(job(), NOW),
        "KC": lambda: bulk_moves.next_page(job(), Counts(3, 2, 1), [Pin("run_a", "g"), Pin("run_b", "h")], "[1]"),
        "KC the last, released": lambda: bulk_moves.next_page(job(step=4), Counts(), [], None, release_ms=NOW + 9),
        "KE": lambda: bulk_moves.end_bulk(job(), NOW, BulkStatus.DONE, Counts(3, 2, 1)),
        "KS": lambda: bulk_moves.stop_bulk(job()),
    }  # fmt: skip


def text() -> str:
    return "".join(f"{json.dumps({'case': name} | _data(make(), make()))}\n" for name, make in cases().items())


def _data(move: Move, again: Move) -> dict[str, Any]:
    """A move as data; a value that another time is another one is a random token."""

    def plain(values: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
        return {name: "(token)" if value != others[name] else _plain(value) for name, value in values.items()}

    found = {
        "letter": move.letter, "id": move.run_id, "part": move.part, "replace": move.replace,
        "guard": {arm.name: _condition(arm.condition) for arm in move.guard}, "set": plain(move.set, again.set),
        "set_once": plain(move.set_once, again.set_once), "add": dict(move.add), "remove": [*move.remove],
        "mine": plain(move.mine, again.mine),
    }  # fmt: skip
    return {name: value for name, value in found.items() if value}


def _condition(asked: Condition) -> list[Any]:
    if isinstance(asked, Check):
        return [asked.field, asked.op, *([] if asked.op == "missing" else [_plain(asked.value)])]
    return [asked.word, *map(_condition, asked.parts)]


def _plain(value: Any) -> Any:
    return value.decode() if isinstance(value, bytes) else value


if __name__ == "__main__":
    FILE.write_text(text())
