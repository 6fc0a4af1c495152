"""Runs that only pretend: each has a plan of what its document will say when, and reading it applies what is past.

The sample functions behave as the real ones do, seen from outside; times are integer milliseconds.
"""

from __future__ import annotations

import base64
import copy
import json
import os
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Document = dict[str, Any]
ENDED = frozenset({"succeeded", "failed", "timed_out", "cancelled", "expired"})
FUNCTIONS: dict[str, Document] = tomllib.loads(
    (Path(__file__).parents[2] / "functions.toml").read_text(encoding="utf-8")
)["functions"]
LARGE = 200_000  #: characters of output that are kept outside the run


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def rfc3339(at_ms: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at_ms / 1000)) + f".{at_ms % 1000:03d}Z"


class Conflict(Exception):
    """The run's state forbids it."""


@dataclass(slots=True)
class FakeRun:
    """One run: its document, its input and output as text, and its plan: [(due at, what changes)], in order."""

    document: Document
    input: str
    plan: list[tuple[int, Document]] = field(default_factory=list)
    output: str | None = None
    logs: list[Document] = field(default_factory=list)
    deliveries: list[Document] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        return self.document["status"] in ENDED

    def advance(self, at_ms: int) -> None:
        """Apply what is due by `at_ms`."""
        while self.plan and self.plan[0][0] <= at_ms:
            due, change = self.plan.pop(0)
            self._apply(due, dict(change))

    def _apply(self, due: int, change: Document) -> None:
        if (line := change.pop("log", None)) is not None:
            attempt = change.get("attempt", self.document["attempt"])
            self.logs.append({"time": rfc3339(due), "message": line, "attempt": attempt})
        if change.get("status") == "running":
            change["started_at"] = self.document["started_at"] or rfc3339(due)
            change["attempt_started_at"] = rfc3339(due)
        if change.get("status") in ENDED:
            change["finished_at"] = rfc3339(due)
        if "output" in change:
            self.output = json.dumps(change["output"])
            if len(self.output) > LARGE:
                del change["output"]
        self.document |= change
        if self.ended and self.document["callback"] and "finished_at" in change:
            self.plan.append((due + 300, {"delivered": True}))
        if change.get("delivered"):
            self._deliver(due)

    def _deliver(self, due: int) -> None:
        del self.document["delivered"]
        callback = self.document["callback"]
        refused = "127.0.0.1" in callback["url"]
        callback |= {"attempts": callback["attempts"] + 1, "status": "pending" if refused else "delivered"}
        self.deliveries.append(
            {
                "webhook_id": "msg_" + self.document["id"],
                "attempt": callback["attempts"],
                "at": rfc3339(due),
                "status_code": 503 if refused else 204,
                "error": "the receiver answered 503" if refused else None,
                "latency_ms": 45,
                "next_at": rfc3339(due + 300_000) if refused else None,
            }
        )


def _sleep(given: Document, first: int) -> Iterator[tuple[int, Document]]:
    total = int(given["seconds"] * 1000)
    for done in range(0, total, max(500, total // 200)):
        progress = {
            "fraction": done / total,
            "message": f"{done / 1000:g} of {total / 1000:g} s",
        }
        yield done, {"progress": progress, "log": f"slept {done / 1000:g} s"}
    yield total, {"status": "succeeded", "output": {"slept": given["seconds"]}, "progress": None}


def _fail(given: Document, first: int) -> Iterator[tuple[int, Document]]:
    message = given.get("message", "asked to fail")
    trace = (
        'Traceback (most recent call last):\n  File "/var/task/chalicelib/jobs/fail.py", line 21, in handler\n'
        f"    raise RuntimeError(message)\nRuntimeError: {message}"
    )
    yield 40, {"log": f"[ERROR] RuntimeError: {message}"}
    if first <= given.get("times", 1):
        error = {"type": "RuntimeError", "message": message, "trace": trace}
        yield 60, {"status": "failed", "error": error}
    else:
        yield 60, {"status": "succeeded", "error": None, "output": {"attempt": first}}


def _crash(given: Document, first: int) -> Iterator[tuple[int, Document]]:
    if given["how"] == "timeout":
        error = {"type": "Timeout", "message": "the function's 6 s were over", "trace": None}
        yield 1500, {"status": "timed_out", "error": error}
    else:
        error = {
            "type": "AttemptLost",
            "message": "the attempt vanished without a result",
            "trace": None,
        }
        yield 900, {"status": "failed", "error": error}


def _report(given: Document, first: int) -> Iterator[tuple[int, Document]]:
    rows = max(str(given.get("csv", "")).count("\n"), 1)
    yield 30, {"progress": {"fraction": 0.5, "message": "half the rows"}, "log": "reading"}
    column = {
        "name": "amount",
        "type": "integer",
        "nulls": 0,
        "distinct": rows,
        "min": 1,
        "max": 9007199254740993,
        "mean": 4.5,
    }
    yield (
        420,
        {"status": "succeeded", "progress": None, "output": {"rows": rows, "columns": [column]}},
    )


def _echo(given: Any, first: int) -> Iterator[tuple[int, Document]]:
    size = given.get("__size") if isinstance(given, dict) else None
    yield 20, {"status": "succeeded", "output": given if size is None else "x" * size}


BODIES: dict[str, Callable[[Any, int], Iterator[tuple[int, Document]]]] = {
    "sleep": _sleep,
    "fail": _fail,
    "crash": _crash,
    "report": _report,
}


class FakeRuns:
    """All runs of one tenant, newest first. Every method may be called from any thread."""

    def __init__(self) -> None:
        self.runs: dict[str, FakeRun] = {}
        self._lock = threading.RLock()

    def start(self, request: Document, key: str | None, at_ms: int | None = None) -> tuple[Document, bool]:
        """The run of this request and whether its key already had one."""
        with self._lock:
            at = now_ms() if at_ms is None else at_ms
            for run in self.runs.values():
                if key and (run.document["idempotency_key"], run.document["function"]) == (
                    key,
                    request["function"],
                ):
                    return self.read(run.document["id"]), True
            run = FakeRun(_document(request, key, at), json.dumps(request.get("input")))
            run.plan = _plan(run.document["id"], request, at + 150 + request.get("delay_seconds", 0) * 1000, 1)
            self.runs[run.document["id"]] = run
            return self.read(run.document["id"]), False

    def get(self, run_id: str) -> FakeRun | None:
        with self._lock:
            run = self.runs.get(run_id)
            if run is not None:
                run.advance(now_ms())
            return run

    def read(self, run_id: str) -> Document:
        run = self.get(run_id)
        assert run is not None
        return copy.deepcopy(run.document)

    def newest_first(self) -> list[Document]:
        with self._lock:
            found = [self.read(run_id) for run_id in self.runs]
            return sorted(found, key=lambda run: (run["created_at"], run["id"]), reverse=True)

    def cancel(self, run_id: str) -> None:
        with self._lock:
            run = self.runs[run_id]
            if run.ended:
                raise Conflict(f"The run has ended: {run.document['status']}.")
            run.document |= {"cancel_requested": True, "cancelled_by": "13945c43cb9b7ebc"}
            wait = 700 if run.document["status"] == "running" else 0
            error = {
                "type": "RunCancelled",
                "message": "cancelled at the function's check",
                "trace": None,
            }
            run.plan = [(now_ms() + wait, {"status": "cancelled", "error": error if wait else None})]
            run.advance(now_ms())

    def retry(self, run_id: str) -> None:
        with self._lock:
            run = self.runs[run_id]
            if not run.ended or run.document["status"] == "succeeded":
                raise Conflict(f"A run that is {run.document['status']} cannot be retried.")
            again = {
                "status": "queued",
                "error": None,
                "finished_at": None,
                "cancel_requested": False,
                "cancelled_by": None,
            }
            run.document |= again
            request = {"function": run.document["function"], "input": json.loads(run.input)}
            run.plan = _plan(run_id, request, now_ms() + 400, run.document["attempt"] + 1)

    def send_again(self, run_id: str) -> None:
        with self._lock:
            run = self.runs[run_id]
            if not run.ended or not run.document["callback"]:
                raise Conflict("This run has nothing to send.")
            run.document["callback"]["status"] = "pending"
            run.plan.append((now_ms() + 200, {"delivered": True}))


def _document(request: Document, key: str | None, at: int) -> Document:
    url = (request.get("callback") or {}).get("url")
    return {
        "id": "run_" + base64.b32encode(os.urandom(17)).decode().rstrip("=").lower()[:26],
        "function": request["function"],
        "status": "scheduled" if request.get("delay_seconds") else "queued",
        "idempotency_key": key,
        "attempt": 0,
        "max_attempts": (request.get("retry") or {}).get("max_attempts", 1),
        "progress": None,
        "error": None,
        "labels": request.get("labels") or {},
        "created_at": rfc3339(at),
        "started_at": None,
        "finished_at": None,
        "expires_at": rfc3339(at + 30 * 86_400_000),
        "cancel_requested": False,
        "cancelled_by": None,
        "callback": {"url": url, "status": "pending", "attempts": 0} if url else None,
        "links": {},
    }


def _plan(run_id: str, request: Document, begin: int, attempt: int) -> list[tuple[int, Document]]:
    name = request["function"]
    body = BODIES.get(name, _echo)
    claimed = (
        begin,
        {
            "status": "running",
            "attempt": attempt,
            "log": json.dumps({"event": "claimed", "run_id": run_id, "attempt": attempt, "function": name}),
            "progress": None,
        },
    )
    return [
        claimed,
        *((begin + after, change) for after, change in body(request.get("input") or {}, attempt)),
    ]
