"""`make chaos`: many runs, and somebody who kills the processes they run in. All have to end, none may run too often.

    python -m bench.chaos [RUNS] [--seed N]

Victims are any of the emulator's workers: targets in the middle of their work, and the service's own (the API while
it answers, attend, record, the sweep). Clients repeat a POST that fails, under its key, as any client of ours does.
The table shows for each kind of run how it ended, and how often its body was started: the count of `count` is kept by
its body itself, the others' by the claim that goes before.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from infra.local.emulator import Emulator
from infra.paths import LOCAL

HOME = LOCAL / "chaos"
STACK = "invoke-once-chaos"
TERMINAL = frozenset({"succeeded", "failed", "timed_out", "cancelled", "expired"})
UNDER_WAY = 10  #: runs at once: each is a process or two here
SET_ASIDE_S = 4.0
TIMEOUT_S = 20  #: of the targets
POST_TRIES = 40
TARGETS_FIRST = 0.95  #: how often it is a target that dies, and not the service itself
SWEEP_EVERY_S = 5.0  #: the minute of a real one would only make this slow
PATIENCE_S = 240
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Kind:
    """Runs of one sort. `bodies`: the body keeps count of itself."""

    name: str
    function: str
    max_attempts: int
    bodies: bool = False

    def request(self, luck: random.Random, key: str) -> dict[str, Any]:
        seconds = round(luck.uniform(0, 0.6), 2)
        value: Any = {"echo": luck.randrange(1000)}
        if self.function != "echo":
            value = {"seconds": seconds} | ({"counter": key} if self.bodies else {})
        more = {"retry": {"max_attempts": self.max_attempts, "backoff_seconds": 0}} if self.max_attempts > 1 else {}
        return {"function": self.function, "input": value, **more}


KINDS = (
    Kind("count, never again", "count", 1, bodies=True),
    Kind("sleep, once", "sleep", 1),
    Kind("sleep, three times", "sleep", 3),
    Kind("echo, twice", "echo", 2),
)
TARGETS = frozenset(kind.function for kind in KINDS)


@dataclass
class Run:
    kind: Kind
    key: str
    id: str = ""
    began_s: float = field(default_factory=time.monotonic)
    head: dict[str, Any] = field(default_factory=dict)
    bodies: int | None = None

    @property
    def waits(self) -> bool:
        """For a lease or a sweep, it seems: others may run meanwhile."""
        return time.monotonic() - self.began_s > SET_ASIDE_S

    @property
    def ended(self) -> bool:
        return self.head.get("status") in TERMINAL

    @property
    def starts(self) -> int:
        return int(self.head.get("attempt", 0)) if self.bodies is None else self.bodies


@dataclass
class Ground:
    """A deployed stack and the emulator that runs it."""

    url: str
    token: str
    stack: str
    emulator: Emulator
    aws: Callable[[str], Any]

    def post(self, run: Run, request: dict[str, Any], path: str = "/runs") -> None:
        """Until it is accepted: what fails is repeated under the same key."""
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": f'"{run.key}"'}
        refusal = ""
        for attempt in range(POST_TRIES):
            try:
                answer = httpx.post(self.url + path, json=request, headers=headers, timeout=40)
                if answer.status_code in (200, 202):
                    run.id, run.began_s = answer.json()["id"], time.monotonic()
                    return
                refusal = answer.text[:200]
            except httpx.HTTPError as error:
                refusal = repr(error)
            time.sleep(0.1 * 2 ** min(attempt, 4))
        raise RuntimeError(f"{run.key} was not accepted in {POST_TRIES} tries: {refusal}")

    def look(self, runs: Sequence[Run]) -> None:
        client, name = self.aws("dynamodb"), f"{self.stack}-runs"
        by_id = {run.id: run for run in runs}
        ids = list(by_id)
        for some in (ids[n : n + 100] for n in range(0, len(ids), 100)):
            keys = [{"run_id": {"S": run_id}, "part": {"S": "head"}} for run_id in some]
            answer = client.batch_get_item(RequestItems={name: {"Keys": keys, "ConsistentRead": True}})
            for item in answer["Responses"][name]:
                head = {field: next(iter(value.values())) for field, value in item.items()}
                by_id[head["run_id"]].head = head

    def shorten(self, function: str, seconds: int) -> None:
        """Lambda gives its attempts so much time, and so their leases: a death that nobody reports shows sooner."""
        self.aws("lambda").update_function_configuration(FunctionName=f"{self.stack}-{function}", Timeout=seconds)

    def count_bodies(self, run: Run) -> int:
        key = {"run_id": {"S": f"counter#{run.key}"}, "part": {"S": "counter"}}
        found = self.aws("dynamodb").get_item(TableName=f"{self.stack}-runs", Key=key, ConsistentRead=True)
        return len(found.get("Item", {}).get("marks", {}).get("SS", []))

    def make_due(self, run: Run) -> None:
        """The sweep looks at it the next time, as if the minutes until then had passed."""
        key = {"run_id": {"S": run.id}, "part": {"S": "head"}}
        now = {":now": {"N": str(int(time.time() * 1000) - 1)}}
        with suppress(self.aws("dynamodb").exceptions.ConditionalCheckFailedException):
            self.aws("dynamodb").update_item(
                TableName=f"{self.stack}-runs", Key=key, UpdateExpression="SET due_at = :now",
                ConditionExpression="due_at > :now", ExpressionAttributeValues=now,
            )  # fmt: skip

    def sweep(self) -> None:
        self.aws("lambda").invoke(FunctionName=f"{self.stack}-sweep", InvocationType="Event", Payload=b"{}")

    def victims(self) -> list[tuple[int, str]]:
        """(pid, function) of each worker that may be killed."""
        found = []
        for pid in self.emulator.workers():
            try:
                names = [line for line in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
                         if line.startswith(b"AWS_LAMBDA_FUNCTION_NAME=")]  # fmt: skip
            except OSError:
                continue
            if names:
                found.append((pid, names[0].decode().partition("=")[2].removeprefix(f"{self.stack}-")))
        return found


@contextmanager
def monkey(
    ground: Ground, luck: random.Random, every_s: tuple[float, float], targets_first: float = TARGETS_FIRST
) -> Iterator[Counter[str]]:
    """Meanwhile, somebody kills one process after another. Yields whose they were."""
    killed: Counter[str] = Counter()
    over = threading.Event()

    def rage() -> None:
        while not over.wait(luck.uniform(*every_s)):
            targets_only = luck.random() < targets_first
            victims = [one for one in ground.victims() if one[1] in TARGETS or not targets_only]
            if victims:
                pid, function = luck.choice(victims)
                try:
                    os.kill(pid, signal.SIGKILL)
                    killed[function] += 1
                except ProcessLookupError:
                    continue

    thread = threading.Thread(target=rage, daemon=True)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()


def unleash(
    ground: Ground,
    count: int,
    *,
    seed: int = 1,
    every_s: tuple[float, float] = (0.3, 1.2),
    tell: Progress = print,
    hurry: bool = False,
) -> tuple[list[Run], Counter[str]]:
    """`count` runs under a killer's hand. Returns them as they ended, and whose processes died.

    `hurry`: at the end the sweep looks at what is left at once, and not when it is due.
    """
    luck, session = random.Random(seed), uuid.uuid4().hex[:8]
    runs = [Run(luck.choice(KINDS), f"chaos-{session}-{n:05d}") for n in range(count)]
    requests = [run.kind.request(luck, run.key) for run in runs]
    waiting, under_way, swept = list(zip(runs, requests, strict=True)), list[Run](), time.monotonic()
    with monkey(ground, luck, every_s) as killed, ThreadPoolExecutor(4) as pool:
        while waiting:
            batch = [waiting.pop() for _ in range(min(len(waiting), UNDER_WAY - len(under_way)))]
            list(pool.map(lambda one: ground.post(*one), batch))
            under_way += [run for run, _ in batch]
            ground.look(under_way)
            under_way = [run for run in under_way if not run.ended and not run.waits]
            if time.monotonic() - swept > SWEEP_EVERY_S:
                ground.sweep()
                swept = time.monotonic()
                tell(f"{count - len(waiting)} of {count} started, {killed.total()} processes killed")
            time.sleep(0.2)
    _wait(ground, runs, tell, hurry)
    for run in runs:
        run.bodies = ground.count_bodies(run) if run.kind.bodies else None
    return runs, killed


def _wait(ground: Ground, runs: list[Run], tell: Progress, hurry: bool) -> None:
    """Until all have ended, the sweep at work; nobody is killed any more."""
    deadline = time.monotonic() + PATIENCE_S
    left = [run for run in runs if not run.ended]
    while left and time.monotonic() < deadline:
        for run in left if hurry else ():
            ground.make_due(run)
        ground.sweep()
        time.sleep(1)
        ground.look(left)
        left = [run for run in left if not run.ended]
        tell(f"{len(left)} still to end")


def broken(runs: Sequence[Run]) -> list[str]:
    """What was promised and did not hold."""
    found = [f"{run.key} ({run.kind.name}) did not end: {run.head.get('status')}" for run in runs if not run.ended]
    for run in runs:
        if run.starts > run.kind.max_attempts:
            found.append(f"{run.key} ({run.kind.name}): its body started {run.starts} times")
        if run.bodies == 0 and run.head.get("status") == "succeeded":
            found.append(f"{run.key} ({run.kind.name}) succeeded without a body")
    return found


def table(runs: Sequence[Run], killed: Counter[str]) -> str:
    titles = ("runs", "succeeded", "failed", "other", "not ended", "most starts", "allowed")
    lines = [f"{'':20}" + "".join(f"{title:>13}" for title in titles)]
    for kind in KINDS:
        mine = [run for run in runs if run.kind is kind]
        good = sum(run.head.get("status") == "succeeded" for run in mine)
        lost = sum(run.head.get("status") == "failed" for run in mine)
        ended = sum(run.ended for run in mine)
        most = max((run.starts for run in mine), default=0)
        numbers = (len(mine), good, lost, ended - good - lost, len(mine) - ended, most, kind.max_attempts)
        lines.append(f"{kind.name:20}" + "".join(f"{number:>13}" for number in numbers))
    whose = ", ".join(f"{function} {times}" for function, times in killed.most_common())
    return "\n".join([*lines, "", f"{killed.total()} processes killed: {whose}"])


@contextmanager
def own_ground() -> Iterator[Ground]:
    """An emulator and a stack of its own, forgotten at the end."""
    from bench.stand import client
    from infra.ship.deploy import deploy_locally

    emulator = Emulator(HOME / "emulator", {"LAMBDA_ASYNC_RETRY_BASE_SECONDS": "0.05"})
    emulator.forget()
    try:
        emulator.start()
        deployed = deploy_locally(emulator.url, HOME / "once.env", STACK)
        yield Ground(
            deployed.url, deployed.token, STACK, emulator, cache(lambda service: client(service, emulator.url))
        )
    finally:
        emulator.forget()


def main() -> int:
    asked = argparse.ArgumentParser(prog="bench.chaos", description="Runs, and processes killed at random.")
    asked.add_argument("runs", nargs="?", type=int, default=2000)
    asked.add_argument("--seed", type=int, default=int(time.time()))
    given = asked.parse_args()
    began = time.monotonic()
    with own_ground() as ground:
        for function in TARGETS:
            ground.shorten(function, TIMEOUT_S)
        runs, killed = unleash(ground, given.runs, seed=given.seed, tell=lambda line: print(f"  {line}", flush=True))
    print(f"\n{table(runs, killed)}\n{time.monotonic() - began:.0f} s, seed {given.seed}")
    wrong = broken(runs)
    print("\n".join(wrong) or "every run ended, and no body started more often than allowed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
