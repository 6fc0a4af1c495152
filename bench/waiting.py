"""Waiting with our client: what it asks for while a run takes long, and how late it learns of a quick one's end."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import httpx

from bench import cost
from bench.samples import Progress
from bench.stand import Stand
from invoke_once import Once

LONG_S, QUICK_S, QUICK_RUNS = 30.0, 2.0, 20


def measure(stand: Stand, tell: Progress, runs: int = QUICK_RUNS, long_s: float = LONG_S) -> dict[str, Any]:
    """{"run_s", "requests", "reads"} of a long wait, counted on the wire, and {"late_s": [s]} of quick ones."""
    calls = _Counted()
    with Once(stand.deployed.url, stand.deployed.token, transport=calls) as once:
        tell(f"a run of {long_s:g} s")
        with cost.on_the_wire(stand, images=False) as proxy:
            once.start("sleep", {"seconds": 0}).wait(timeout=60)  # so that processes and token are there
            proxy.take()
            calls.gets = 0
            once.start("sleep", {"seconds": long_s}).wait(timeout=long_s + 60)
            gets = [call for call in proxy.take() if (call.who, call.operation) == ("api", "GetItem")]
        reads = [call for call in gets if "run_id" in call.request["Key"]]  # and not the token's
        requests, late_s = calls.gets, []
        for n in range(runs):
            tell(f"runs of {QUICK_S:g} s, {n + 1} of {runs}")
            run = once.start("sleep", {"seconds": QUICK_S}).wait(timeout=60)
            known_s = time.time()
            late_s.append(known_s - _finished_s(stand, run.id))
    return {"run_s": long_s, "requests": requests, "reads": len(reads), "late_s": late_s}


def _finished_s(stand: Stand, run_id: str) -> float:
    text = stand.call("GET", f"/runs/{run_id}").json()["finished_at"]
    return datetime.fromisoformat(text).timestamp()


class _Counted(httpx.HTTPTransport):
    gets = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.gets += request.method == "GET"
        return super().handle_request(request)
