"""Vectors: inputs of a move, and the request that Python's own store makes of it. Node.js has to make the same."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from infra.node.copies import copied
from invoke_once.handler.direct.slots import Payload
from invoke_once.life import due, gates, keys, moves
from invoke_once.life.head import Head, to_item
from invoke_once.life.moves import attempts, common, endings, legs, starts, upkeep
from invoke_once.life.status import TERMINAL, Status
from invoke_once.store import payloads
from invoke_once.store.connection import Connection
from invoke_once.store.dynamo import DynamoTable
from invoke_once.store.expressions import guard

MODULES = (common, attempts, starts, endings, upkeep, legs)  #: what an attempt does, of invoke_once/life/moves
SEED, EACH, NOW = 21, 60, 1_800_000_000_000
ERROR = payloads.error_fields("Broken", "it broke", None)
TEXTS = ("", "demo", "ü 😀", "a" * 60, "-", "order-1")


CANONICAL: tuple[Any, ...] = (
    None, True, "", "ü 😀 \x7f \" \\ \n", [1, [], {}], {"b": 1, "a": {"é": 2, "z": 3, "10": 4, "9": 5}},
    {"\U0001f600": 1, "\uffee": 2}, {"lone": "\ud83d"}, -1, 0.5,
)  # fmt: skip


def canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


class Maker:
    """Random inputs, the same ones each time."""

    def __init__(self) -> None:
        self.random = random.Random(SEED)
        self.table = DynamoTable("runs", connection=Connection(host="http://127.0.0.1:1", region="nowhere"))

    def some(self, *values: Any) -> Any:
        return self.random.choice(values)

    def at(self) -> int:
        return NOW + int(self.some(0, 1, -1, self.random.randrange(-10_000_000, 10_000_000)))

    def new(self) -> moves.NewRun:
        some = self.some
        payload = some(
            {}, {"input": b"\0null", "input_size": 4}, {"input_ref": "item:" + "x" * 43, "input_size": 5_000}
        )
        return moves.NewRun(
            some("demo", "acme"), some("report", "echo"), some(*TEXTS), payload=payload,
            retention_s=some(1, 86_400, 30 * 86_400), max_attempts=some(1, 2, 100), backoff_ms=some(0, 1, 10_000),
            max_backoff_ms=some(0, 600_000), jitter=some(True, False), on_lost=some("retry", "fail"),
        )  # fmt: skip

    def head(self, status: Status | None = None) -> Head:
        some = self.some
        started = some(None, self.at())
        return Head(
            run_id=keys.run_id("demo", "report", some(*TEXTS)), tenant=some("demo", "acme"), function="report",
            status=status or some(*Status), generation=some("g" * 13, "h" * 13), created_at=self.at(),
            expires_at=self.at() // 1000, queue_until=self.at(), queue_ms=some(0, 21_600_000),
            retention_s=some(0, 59, 86_400), attempt=some(0, 1, 2, 7), max_attempts=some(1, 2, 9),
            extra_attempts=some(0, 1, 5), backoff_ms=some(0, 7, 10_000), max_backoff_ms=some(0, 600_000),
            jitter=some(True, False), on_lost=some("retry", "fail"), lease_id=some(None, "l" * 13),
            lease_until=self.at(), not_before=some(None, self.at()), started_at=started,
            attempt_started_at=some(started, self.at()), finished_at=some(None, self.at()),
            cancel_requested=some(True, False), due_at=some(None, NOW, NOW + 1, NOW + 60_000, NOW + 60_001, self.at()),
            callback_url=some(None, "https://example.com/hook"), leg=some(1, 3), legs=some(0, 0, 2),
            max_legs=some(1, 3, 100), between_legs=some(False, False, True), on_timeout=some("fail", "continue"),
            state_seq=some(None, 2, 5), state_lease=some(None, "l" * 13), cb_status=some(None, "pending", "failed"),
            cb_due=some(None, self.at()), hold=some(None, "k" * 13), body_until=some(None, self.at()),
        )  # fmt: skip

    def state(self) -> moves.State | None:
        """A checkpoint, in the head or beside it; None: the move carries none."""
        told = {"state_size": 2, "state_lease": "l" * 13, "state_at": NOW, "state_leg": 1}
        found: moves.State | None = self.some(
            None,
            None,
            moves.State(3, told | {"state": b"\0{}"}),
            moves.State(9, told | {"state_ref": "item:l#000009:h"}),
        )  # fmt: skip
        return found

    def ended(self) -> dict[str, Any]:
        found: dict[str, Any] = self.some(
            {}, {"error": ERROR}, {"output": b"\0[]", "output_size": 2, "output_sha": "s" * 43},
            {"output_ref": "s3:report/out/x.json", "output_size": 99_999, "output_sha": "s" * 43, "progress": 0.25},
            {"progress": 1.0, "message": "ü 😀", "error": ERROR},
        )  # fmt: skip
        return found

    def call(self, name: str, head: Head) -> dict[str, Any]:
        """The arguments of one move."""
        some = self.some
        mine = moves.Fence(head.run_id, head.attempt, "m" * 13)
        arguments: dict[str, dict[str, Any]] = {
            "register": {"new": self.new(), "now_ms": self.at(), "lease_ms": some(-5, 0, 900_000), "request_id": "r-1"},
            "claim": {
                "run_id": head.run_id, "generation": head.generation, "now_ms": self.at(),
                "lease_ms": some(-1, 0, 3_000, 90_000), "fired_at": some(None, self.at()),
                "request_id": some(None, "r-2"),
                "left_ms": some(None, 0, 3_000, 60_000), "leg": some(None, 2),
            },
            "progress": {
                "mine": mine, "fraction": some(None, 0.0, 0.3333, 1.0), "message": some(None, *TEXTS),
                "lease_until": some(None, self.at()),
            },
            "requeue": {"mine": mine, "head": head, "not_before": self.at(), "error": ERROR, "token": "t" * 13,
                        "slot_until": some(None, self.at())},
            "give_back": {"head": head, "not_before": self.at(), "error": some(None, ERROR)},
            "finish": {
                "mine": mine, "head": head, "status": some(*sorted(TERMINAL)), "now_ms": self.at(),
                "fields": self.ended(), "token": "t" * 13,
            },
            "lose": {
                "head": head, "now_ms": self.at(), "not_before": some(None, self.at()),
                "fields": some({"error": ERROR}, {"status": "cancelled"}), "seen_dead": some(True, False),
            },
            "continue_later": {
                "head": head, "not_before": self.at(), "token": "t" * 13, "state": self.state(),
                "asked": some(True, False), "told": some({}, {"progress": 0.5}),
            },
            "lose_leg": {"head": head, "now_ms": self.at(), "seen_dead": some(True, False)},
            "redrive": {"head": head, "now_ms": self.at()},
        }  # fmt: skip
        for carrier in ("progress", "requeue", "finish"):
            arguments[carrier]["state"] = self.state()
        told = arguments["progress"]
        if all(told[name] is None for name in ("fraction", "message", "lease_until")):
            told["fraction"] = 0.5  # nobody writes nothing
        return arguments[name]


def every(maker: Maker, found: list[Head]) -> Iterator[dict[str, Any]]:
    for name in ("register", "claim", "progress", "requeue", "continue_later", "lose_leg", "give_back", "finish",
                 "lose", "redrive"):  # fmt: skip
        for _ in range(EACH):
            held = [n for n, head in enumerate(found) if head.lease_id or name not in ("continue_later", "lose_leg")]
            number = maker.some(*held)
            yield _vector(maker.table, name, maker.call(name, found[number]), number, maker.some(*found), found)


def _vector(
    table: DynamoTable, name: str, arguments: dict[str, Any], number: int, there: Head, found: list[Head]
) -> dict[str, Any]:
    tokens = iter("abcdefgh")

    def token() -> str:
        return next(tokens) * 13

    carried = None if name == "continue_later" else arguments.get("state")
    of_move = {k: v for k, v in arguments.items() if k != "state" or name == "continue_later"}
    move = moves.carrying(copied(MODULES, {"new_token": token})[name](**of_move), carried)
    item = _stored(there)
    holds = [arm.name for arm in move.guard if arm.condition.holds(item)]
    assert guard(move.guard) is not None
    by_number = arguments | ({"head": number} if "head" in arguments else {})
    keys = {"run_id": move.run_id, "part": move.part}
    return {
        "move": name, "arguments": _plain(by_number), "request": _plain(table.request(move)),
        "found": found.index(there), "holds": holds,
        "after": None if move.known is None else _plain({**move.changed(item), **keys}),
    }  # fmt: skip


def others(some_heads: list[Head]) -> dict[str, Any]:
    """Decisions and ids that Node.js makes by itself: inputs and answers."""
    texts = [*TEXTS, "\ud800", "a\ud83d", "\ude00b", 'quote " \\ \n \u2028', "payload:x", "\x7f\x00"]
    return {
        "is_due": [[n, NOW, due.is_due(h, NOW)] for n, h in enumerate(some_heads)],
        "backoff_ms": [[n, spread, due.backoff_ms(h, spread)] for n, h in enumerate(some_heads[:40])
                       for spread in (0.0, 0.5, 0.999)],
        "dispatch_wait_ms": [[n, due.dispatch_wait_ms(n)] for n in range(1, 14)],
        "run_id": [["demo", "report", text, keys.run_id("demo", "report", text)] for text in texts],
        "pause_id": [[text, gates.pause_id(text)] for text in ("report", "bill-ing")],
        "due_shard": [[run, keys.due_shard(run), keys.tenant_shard("acme", run)] for run in
                      (keys.run_id("demo", "echo", text) for text in texts)],
        "slot": [[text, Payload("demo", "echo", payloads.sha(text.encode("utf-8", "surrogatepass"))).slot_id,
                  Payload("demo", "echo", payloads.sha(text.encode("utf-8", "surrogatepass"))).run_id(3)]
                 for text in texts],
        "canonical": [[value, canonical(value)] for value in CANONICAL],
        "item_size": [[n, payloads.item_size(_stored(h))] for n, h in enumerate(some_heads)],
        "error": [[kind, message, trace, _plain(payloads.error_fields(kind, message, trace))]
                  for kind, message, trace in (("Broken", "ü", None), ("E" * 300, "m" * 5_000, "t" * 9_000),
                                               ("X", "\ud83d", "a\ud83d\ude00"))],
    }  # fmt: skip


def _stored(head: Head) -> dict[str, Any]:
    return to_item(head.item())


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, Head):
        return _plain(_stored(value))
    if isinstance(value, moves.NewRun):
        return _plain(asdict(value))
    if isinstance(value, (moves.Fence, moves.State)):
        return _plain(value._asdict())
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value


def text() -> str:
    maker = Maker()
    some_heads = [maker.head() for _ in range(120)]
    heads = ",\n".join(json.dumps(_plain(head)) for head in some_heads)
    lines = ",\n".join(json.dumps(vector) for vector in every(maker, some_heads))
    return f'{{"heads": [\n{heads}\n],\n"moves": [\n{lines}\n],\n"others": {json.dumps(others(some_heads))}}}\n'
