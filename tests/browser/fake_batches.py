"""Batches that only pretend: each is a few runs of `FakeRuns`, and what its document says is counted from them."""

from __future__ import annotations

import base64
import os
from typing import Any

from tests.browser.fake_runs import Conflict, Document, FakeRuns, now_ms, rfc3339

STATES = ("total", "waiting", "running", "succeeded", "failed", "timed_out", "cancelled", "expired")
UNSUCCESSFUL = ("failed", "timed_out", "cancelled", "expired")


class FakeBatches:
    def __init__(self, runs: FakeRuns) -> None:
        self._runs = runs
        self._batches: dict[str, tuple[Document, list[str]]] = {}

    def start(self, function: str, inputs: list[Any], labels: Document | None = None, at_ms: int | None = None) -> str:
        at = now_ms() if at_ms is None else at_ms
        batch_id = "batch_" + base64.b32encode(os.urandom(17)).decode().rstrip("=").lower()[:26]
        ids = []
        for index, given in enumerate(inputs):
            run, _ = self._runs.start({"function": function, "input": given}, None, at)
            self._runs.runs[run["id"]].document["batch"] = {"id": batch_id, "index": index}
            ids.append(run["id"])
        document = {
            "id": batch_id,
            "function": function,
            "labels": labels or {},
            "created_at": rfc3339(at),
            "callback": {"url": "https://example.com/hooks", "status": "delivered", "attempts": 1},
            "links": {},
        }
        self._batches[batch_id] = (document, ids)
        return batch_id

    def read(self, batch_id: str) -> Document | None:
        if batch_id not in self._batches:
            return None
        document, runs = self._batches[batch_id][0], self.runs(batch_id)
        counts = dict.fromkeys(STATES, 0) | {"total": len(runs)}
        for run in runs:
            counts[run["status"] if run["status"] in counts else "waiting"] += 1
        live = counts["waiting"] + counts["running"]
        wrong = sum(counts[state] for state in UNSUCCESSFUL)
        status = "running" if live else "cancelled" if counts["cancelled"] else "failed" if wrong else "succeeded"
        ended = None if live else max(run["finished_at"] for run in runs)
        return document | {"status": status, "counts": counts, "finished_at": ended}

    def every(self) -> list[Document]:
        found = [document for batch_id in self._batches if (document := self.read(batch_id))]
        return sorted(found, key=lambda each: each["created_at"], reverse=True)

    def runs(self, batch_id: str, statuses: str = "") -> list[Document]:
        found = [self._runs.read(run_id) for run_id in self._batches[batch_id][1]]
        return [run for run in found if not statuses or run["status"] in statuses.split(",")]

    def results(self, batch_id: str) -> list[Document]:
        return [
            {"index": run["batch"]["index"], "run_id": run["id"], "status": run["status"], "error": run["error"]}
            | ({"output": run["output"]} if "output" in run else {})
            for run in self.runs(batch_id)
        ]

    def cancel(self, batch_id: str) -> None:
        live = [run for run in self.runs(batch_id) if run["finished_at"] is None]
        if not live:
            raise Conflict("The batch has ended.")
        for run in live:
            self._runs.cancel(run["id"])

    def retry(self, batch_id: str) -> None:
        again = self.runs(batch_id, ",".join(UNSUCCESSFUL))
        if not again:
            raise Conflict("Every run succeeded.")
        for run in again:
            self._runs.retry(run["id"])
