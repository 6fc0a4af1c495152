"""What a run costs, counted on the wire: requests as they leave botocore, write units as DynamoDB reports them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest

from bench.proxy import Call, CountingProxy
from bench.units import item_bytes
from chalicelib.callbacks.deliver import Sender, deliver
from chalicelib.callbacks.webhook import Outcome
from chalicelib.due.attend import attend
from chalicelib.functions import Function
from chalicelib.invoker import Answer, Fired
from chalicelib.runs.dispatch import StartRequest, accept
from chalicelib.service import Service
from chalicelib.settings import read
from chalicelib.tokens import DynamoTokens
from infra.local.emulator import Emulator
from invoke_once import tracked
from invoke_once.errors import StoreUnavailable
from invoke_once.handler.runtime import Runtime, use_runtime
from invoke_once.life import moves
from invoke_once.life.head import Head
from invoke_once.store.dynamo import DynamoTable
from invoke_once.store.payloads import HEAD_ROOM_BYTES, Payloads, item_size
from invoke_once.store.store import Store
from invoke_once.testing import Clock, Context, MemoryObjects
from tests.contract.conftest import NOW

KB = 1024
SETTINGS = read({"ONCE_STACK": "s", "ONCE_RUNS_TABLE": "t", "ONCE_LOCAL": "1"})
_numbers = itertools.count(1)


@dataclass
class Wire:
    """Everything that was sent since the last `take`."""

    proxy: CountingProxy
    invoked: int = 0

    def take(self) -> tuple[list[str], float]:
        """(requests, write units they consumed)"""
        calls = self.calls()
        requests, self.invoked = [call.operation for call in calls] + ["Invoke"] * self.invoked, 0
        return requests, sum(call.units for call in calls if call.writes)

    def calls(self) -> list[Call]:
        return self.proxy.take()


class CountingLambda:
    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.events: list[bytes] = []

    def fire(self, _target: str, payload: bytes, *, qualifier: str = "", tries: int = 1) -> Answer:
        self.wire.invoked += 1
        self.events.append(payload)
        return Fired()


@tracked
def echo(event: Any, _context: Any) -> Any:
    return event


@dataclass
class Typical:
    """A run as most are: a key, a small input, a small output."""

    wire: Wire
    table: DynamoTable
    clock: Clock = field(default_factory=lambda: Clock(NOW))

    def __post_init__(self) -> None:
        self.store = Store(self.table)
        payloads = Payloads(self.store, MemoryObjects())
        self.lambda_ = CountingLambda(self.wire)
        functions = {"echo": Function("echo", target="s-echo")}
        self.svc = Service(SETTINGS, self.store, payloads, functions, self.lambda_, self.clock, lambda: 0.0)
        self.runtime = Runtime(self.store, payloads, self.clock)
        self.svc.pauses.of(self.store, "echo", self.clock())  # as every process does once in 5 s
        self.wire.take()

    def post(self, **more: Any) -> Head:
        n = next(_numbers)
        text = b'{"order":%d,"customer":"c-1042"}' % n
        request = StartRequest(self.svc.functions["echo"], "wire", f"order-{n:06d}", text, **more)
        return accept(self.svc, request).head

    def work(self) -> None:
        self.clock.step(300)
        with use_runtime(self.runtime):
            echo(json.loads(self.lambda_.events[-1]), Context(self.clock, 60_000))

    def told(self, run_id: str) -> None:
        means = Sender(lambda _svc, head: {"id": head.run_id}, lambda *_: ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
                      lambda *_: Outcome(204, None, 9))  # fmt: skip
        attend(self.svc, run_id, lambda svc, head: deliver(svc, head, means))


@pytest.fixture(scope="module")
def wire(emulator: Emulator, real_table: DynamoTable) -> Iterator[Wire]:
    direct = boto3.client("dynamodb", endpoint_url=emulator.url, region_name="us-east-1",
                          aws_access_key_id="test", aws_secret_access_key="test")  # fmt: skip
    with CountingProxy(emulator.url, direct) as proxy:
        yield Wire(proxy)
    direct.close()


@pytest.fixture
def typical(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> Iterator[Typical]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    wire.take()
    table = DynamoTable("contract-runs", host=wire.proxy.url("service"), region="us-east-1")
    yield Typical(wire, table)
    table.connection.client.close()


def test_a_small_successful_run_costs_six_write_units(typical: Typical) -> None:
    head = typical.post()
    post, post_units = typical.wire.take()
    assert (post, post_units) == (["PutItem", "Invoke"], 3)
    typical.work()
    work, work_units = typical.wire.take()
    assert (work, work_units) == (["UpdateItem", "UpdateItem"], 3)  # one claim, one finish
    assert typical.store.get(head.run_id, typical.clock()).status == "succeeded"  # type: ignore[union-attr]


def test_a_poll_is_one_read_of_one_unit(typical: Typical) -> None:
    head = typical.post()
    typical.work()
    typical.wire.take()
    typical.store.get(head.run_id, typical.clock())
    assert [(call.operation, call.units) for call in typical.wire.calls()] == [("GetItem", 1)]


def test_a_run_is_read_as_it_is_now_not_as_a_copy_has_it(typical: Typical) -> None:
    """Else a GET right after its POST may not find the run."""
    head = typical.post()
    typical.wire.take()
    typical.store.get(head.run_id, NOW)
    (call,) = typical.wire.calls()
    assert (call.operation, call.request["ConsistentRead"]) == ("GetItem", True)


def test_a_token_that_was_just_made_is_found(typical: Typical) -> None:
    with pytest.raises(StoreUnavailable):  # there is no such table here: what is asked is what matters
        DynamoTokens("contract-tokens", typical.table.connection).get("0" * 16)
    (call,) = typical.wire.calls()
    assert (call.operation, call.request["ConsistentRead"]) == ("GetItem", True)


def test_more_than_a_hundred_heads_are_read_in_two_requests(typical: Typical) -> None:
    first, last = typical.post().run_id, typical.post().run_id
    typical.wire.take()
    found = typical.store.get_many([first, *(f"run_{n:026}" for n in range(101)), last], NOW)
    assert set(found) == {first, last}
    assert [call.operation for call in typical.wire.calls()] == ["BatchGetItem"] * 2


def test_a_callback_costs_two_write_units_more(typical: Typical) -> None:
    head = typical.post(callback_url="http://127.0.0.1:9/hook")
    typical.work()
    typical.told(head.run_id)
    requests, units = typical.wire.take()
    assert units <= 8
    assert requests.count("PutItem") + requests.count("UpdateItem") == 5
    assert typical.store.get(head.run_id, typical.clock()).cb_status == "delivered"  # type: ignore[union-attr]


def test_a_replay_costs_one_write_unit_and_fires_nothing(typical: Typical) -> None:
    head = typical.post()
    typical.wire.take()
    request = StartRequest(typical.svc.functions["echo"], "wire", head.key, typical.svc.payloads.input(head))
    assert accept(typical.svc, request).replayed
    requests, units = typical.wire.take()
    assert requests == ["PutItem"] and units <= 1


def test_a_duplicate_event_costs_one_request(typical: Typical) -> None:
    typical.post()
    typical.work()
    typical.wire.take()
    typical.work()
    assert typical.wire.take()[0] == ["UpdateItem"]


def test_the_head_of_a_typical_run_stays_within_one_unit_all_its_life(typical: Typical) -> None:
    head = typical.post(callback_url="https://hooks.example.com/invoke-once/orders?tenant=acme", labels={"team": "a"})
    typical.work()
    typical.told(head.run_id)
    sizes = [item_bytes(call.after) for call in typical.wire.calls() if call.after and "created_at" in call.after]
    assert len(sizes) >= 4
    assert max(sizes) <= KB


def test_a_head_filled_to_its_room_stays_within_one_unit_until_the_outcome(typical: Typical) -> None:
    key = f"full-{next(_numbers)}"
    bare = moves.start(moves.NewRun("wire", "echo", key, fingerprint="f" * 26), typical.clock())
    noise = b"".join(b"%x" % (n * n * 7919) for n in range(200))
    text = b'"%s"' % noise[: HEAD_ROOM_BYTES - item_size(bare.set) - 3]
    head = accept(typical.svc, StartRequest(typical.svc.functions["echo"], "wire", key, text)).head
    assert head.input is not None
    typical.wire.take()
    now_ms = typical.clock()
    typical.store.apply(moves.claim(head.run_id, head.generation, now_ms, 900_000, now_ms))
    claim = typical.wire.calls()[0]
    assert claim.after is not None and 940 < item_bytes(claim.after) <= KB
    assert claim.units == 1
