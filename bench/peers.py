"""What others do for the same job, run on the same emulator and counted by the same proxy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from bench import rival
from bench.peer_process import PEERS, TABLE_VARIABLE, TARGET_VARIABLE
from bench.proxy import Call, CountingProxy
from bench.samples import Progress
from bench.stand import CREDENTIALS, STACK, Stand
from infra.paths import ROOT

TABLE, SINK = f"{STACK}-peers", f"{STACK}-sink"


def measure(stand: Stand, tell: Progress) -> dict[str, Any]:
    """{peer: {"calls", "write_units", "bodies_of_two", "second", "calls_of_second"}}"""
    rival.table(stand.aws("dynamodb"), TABLE)
    rival.function(stand, "sink", "sink.handler", {}, {})
    with CountingProxy(stand.endpoint) as proxy:
        return {name: _peer(stand, proxy, name, tell) for name in PEERS}


def _peer(stand: Stand, proxy: CountingProxy, name: str, tell: Progress) -> dict[str, Any]:
    tell(f"{name}: once, then with its event delivered twice")
    once, calls = _run(stand, proxy, name, 1)
    twice, all_calls = _run(stand, proxy, name, 2)
    return {
        "calls": _names(calls),
        "write_units": sum(call.units for call in calls if call.writes),
        "bodies": once["bodies"],
        "bodies_of_two": twice["bodies"],
        "second": twice["answers"][1],
        "calls_of_second": _names(all_calls[len(calls) :]),
    }


def _run(stand: Stand, proxy: CountingProxy, name: str, deliveries: int) -> tuple[dict[str, Any], list[Call]]:
    settings = {
        **CREDENTIALS, "PATH": os.environ.get("PATH", os.defpath), "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": proxy.url(f"{name}-{deliveries}"), TABLE_VARIABLE: TABLE, TARGET_VARIABLE: SINK,
        "ONCE_RUNS_TABLE": stand.runs_table, "ONCE_FUNCTION": "echo", "ONCE_TENANT": "demo",
    }  # fmt: skip
    if name == "powertools":
        settings[TABLE_VARIABLE] = _own_table(stand, deliveries)  # its key is the event's hash, which is the same
    command = [sys.executable, "-m", "bench.peer_process", name, str(deliveries)]
    done = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{name} failed: {done.stderr.strip().splitlines()[-1:]}")
    answered: dict[str, Any] = json.loads(done.stdout)
    return answered, proxy.take()


def _own_table(stand: Stand, deliveries: int) -> str:
    name = f"{TABLE}-{deliveries}"
    rival.table(stand.aws("dynamodb"), name)
    return name


def _names(calls: Sequence[Call]) -> list[str]:
    return ["Invoke" if call.service == "lambda" else call.operation for call in calls]
