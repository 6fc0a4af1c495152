"""Units and calls of a run, counted on the wire between the deployed stack and the emulator.

Every function of the stack sends its calls through the counting proxy for the time of this measurement. What
DynamoDB says a write consumed is compared with the model in `units.py`, computed from the item before and after.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from statistics import mean, median
from typing import Any

from bench.proxy import Call, CountingProxy
from bench.receiver import Receiver
from bench.samples import Progress
from bench.stand import Stand, until
from bench.units import item_bytes, read_units, write_units
from invoke_once.life.head import INDEX_KEYS

WATCHED = ("api", "echo", "stream", "wake", "attend")
RUNS, POLLS = 20, 20
_numbers = count()


@dataclass
class Counted:
    """One run on the wire."""

    post: list[Call]
    target: list[Call]
    after: list[Call] = field(default_factory=list)  #: of the stream, attend, wake: the callback

    @property
    def all(self) -> list[Call]:
        return [*self.post, *self.target, *self.after]

    @property
    def write_units(self) -> float:
        return sum(call.units for call in self.all if call.writes)

    @property
    def claim(self) -> list[Call]:
        """Up to the write that makes it running; what comes after is the finish."""
        return self.target[: self._running_at() + 1]

    @property
    def finish(self) -> list[Call]:
        return self.target[self._running_at() + 1 :]

    def _running_at(self) -> int:
        for n, call in enumerate(self.target):
            if call.writes and (call.after or {}).get("status", {}).get("S") == "running":
                return n
        raise RuntimeError("nothing claimed the run")


@contextmanager
def on_the_wire(
    stand: Stand, *, images: bool = True, also: Sequence[str] = (), watched: Sequence[str] = WATCHED
) -> Iterator[CountingProxy]:
    """Inside, the stack's functions send through the proxy; `images`: with the item before and after each write."""
    before = {name: stand.settings_of(name) for name in (*watched, *also)}
    with CountingProxy(stand.endpoint, stand.aws("dynamodb") if images else None) as proxy:
        try:
            for name, settings in before.items():
                stand.set_environment(name, settings | {"AWS_ENDPOINT_URL": proxy.url(name)})
            yield proxy
        finally:
            for name, settings in before.items():
                stand.set_environment(name, settings)


def target_units(stand: Stand) -> float:
    """Write units of the target of one run: its claim and its outcome."""
    with on_the_wire(stand) as proxy:
        _one(stand, proxy)
        return sum(call.units for call in _one(stand, proxy).target if call.writes)


def measure(stand: Stand, tell: Progress, runs: int = RUNS, polls: int = POLLS) -> dict[str, Any]:
    """The keys of the result that are counted, and under "raw" each run's figures."""
    with on_the_wire(stand) as proxy, Receiver() as receiver:
        _one(stand, proxy)  # the first reads the token, as every process does once a minute
        tell("counting runs")
        plain = [_one(stand, proxy) for _ in range(runs)]
        tell("counting runs with a callback")
        called = [_one(stand, proxy, receiver) for _ in range(runs)]
        tell("counting polls")
        polled = _polls(stand, proxy, polls)
    checked = [call for run in (*plain, *called) for call in run.all if call.writes]
    return {
        "write_units_per_run": median(run.write_units for run in plain),
        "write_units_per_run_callback": median(run.write_units for run in called),
        "read_units_per_poll": median(sum(call.units for call in poll) for poll in polled),
        "aws_calls_post": median(len(run.post) for run in plain),
        "aws_calls_poll": median(len(poll) for poll in polled),
        "aws_calls_claim": median(len(run.claim) for run in plain),
        "aws_calls_finish": median(len(run.finish) for run in plain),
        "raw": {
            "runs": [_figures(run) for run in plain],
            "runs_with_callback": [_figures(run) for run in called],
            "polls": [[f"{call.service}.{call.operation}" for call in poll] for poll in polled],
            "one_run": [_said(call) for call in plain[-1].all],
            "one_run_with_callback": [_said(call) for call in called[-1].all],
            "calls_per_post_mean": mean(len(run.post) for run in plain),
            "model": _against_model(checked),
            "poll_model": read_units(stand.stored(_last_run_id(plain)), consistent=True),
        },
    }


def _one(stand: Stand, proxy: CountingProxy, receiver: Any = None) -> Counted:
    """One run of a small input and output, from POST to the last thing that anybody does for it."""
    proxy.take()
    n = next(_numbers)
    more: dict[str, Any] = {} if receiver is None else {"callback": {"url": receiver.url}}
    run = stand.start("echo", {"order": n, "customer": "c-1042"}, key=f"order-{n:06d}", **more)
    stand.ended(run["id"])
    if receiver is not None:
        until(lambda: receiver.has(run["id"]), 20, "the callback did not come")
        until(lambda: stand.stored(run["id"]).get("cb_status", {}).get("S") == "delivered", 20, "it was not recorded")
    by = _by_party(proxy.take())
    return Counted(by["api"], by["echo"], [*by["stream"], *by["attend"], *by["wake"]])


def _polls(stand: Stand, proxy: CountingProxy, polls: int) -> list[list[Call]]:
    run = stand.start("echo", {"order": "poll"}, key="polled")
    stand.ended(run["id"])
    found = []
    for _ in range(polls):
        proxy.take()
        if stand.call("GET", f"/runs/{run['id']}").status_code != 200:
            raise RuntimeError("a poll failed")
        found.append(_by_party(proxy.take())["api"])
    return found


def _by_party(calls: Sequence[Call]) -> dict[str, list[Call]]:
    return {name: [call for call in calls if call.who == name] for name in WATCHED}


def _last_run_id(runs: Sequence[Counted]) -> str:
    put = next(call for call in runs[-1].post if call.writes)
    return str((put.after or {})["run_id"]["S"])


def _figures(run: Counted) -> dict[str, Any]:
    heads = [item_bytes(call.after) for call in run.all if call.writes and call.after]
    return {
        "write_units": run.write_units,
        "calls": {"post": len(run.post), "claim": len(run.claim), "finish": len(run.finish), "after": len(run.after)},
        "head_bytes": heads,
    }


def _said(call: Call) -> str:
    units = f", {call.units:g} units" if call.service == "dynamodb" else ""
    return f"{call.who}: {call.service}.{call.operation}{units}"


def _against_model(calls: Sequence[Call]) -> dict[str, Any]:
    """How many writes there were, and those whose units the model does not explain."""
    wrong = []
    for call in calls:
        computed = write_units(call.before, call.after, INDEX_KEYS)
        if sum(computed.values()) != call.units:
            wrong.append({"call": _said(call), "computed": computed, "reported": dict(call.capacity)})
    return {"writes": len(calls), "unexplained": wrong}
