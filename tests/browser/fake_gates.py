"""Pauses, bulk jobs and tokens that only pretend."""

from __future__ import annotations

import os
from typing import Any

from tests.browser.fake_runs import Conflict, Document, FakeRuns, now_ms, rfc3339

STEP = 5  #: runs that a bulk job does between two looks at it


class FakeBulk:
    """Jobs of `POST /bulk`: each look at one does a few steps more."""

    def __init__(self, runs: FakeRuns) -> None:
        self._runs = runs
        self._jobs: dict[str, tuple[Document, str, list[str]]] = {}

    def start(self, request: Document) -> Document:
        ids = [run["id"] for run in self._runs.newest_first() if _matches(run, request["filter"])]
        job: Document = {
            "id": f"bulk_{os.urandom(8).hex()}",
            "status": "running",
            "created_at": rfc3339(now_ms()),
            "matched": len(ids),
            "done": 0,
            "refused": 0,
        }
        if request.get("dry_run"):
            ended = {run_id: self._runs.runs[run_id].ended for run_id in ids}
            able = sum(over == (request["action"] == "retry") for over in ended.values())
            return job | {"status": "done", "refused": len(ids) - able}
        self._jobs[job["id"]] = (job, request["action"], ids)
        return dict(job)

    def read(self, job_id: str) -> Document | None:
        if job_id not in self._jobs:
            return None
        job, action, left = self._jobs[job_id]
        for _ in range(min(STEP, len(left)) if job["status"] == "running" else 0):
            run_id = left.pop(0)
            try:
                (self._runs.cancel if action == "cancel" else self._runs.retry)(run_id)
                job["done"] += 1
            except Conflict:
                job["refused"] += 1
        if not left and job["status"] == "running":
            job["status"] = "done"
        return dict(job)

    def stop(self, job_id: str) -> None:
        self._jobs[job_id][0]["status"] = "stopped"


def _matches(run: Document, wanted: Document) -> bool:
    name, _, value = wanted.get("label", "").partition(":")
    return (
        wanted.get("status") in (None, run["status"])
        and wanted.get("function") in (None, run["function"])
        and wanted.get("batch") in (None, run.get("batch", {}).get("id"))
        and (not name or run["labels"].get(name) == value)
        and run["created_at"] >= wanted.get("created_after", "")
    )


class FakeTokens:
    """Tokens by their id; the one that the tests sign in with is always good."""

    def __init__(self, first: str) -> None:
        self._texts = {first: self._document("demo", ["runs:read", "runs:write", "admin", "operator"], None)}

    @staticmethod
    def _document(token_id: str, scopes: list[str], expires_in: int | None) -> Document:
        expires = None if expires_in is None else rfc3339(now_ms() + expires_in * 1000)
        made = rfc3339(now_ms())
        return {"id": token_id, "tenant": "demo", "scopes": scopes, "created_at": made, "expires_at": expires}

    def make(self, scopes: list[str], expires_in: int | None = None) -> Document:
        document = self._document(os.urandom(8).hex(), scopes, expires_in)
        text = f"once_{document['id']}_{os.urandom(16).hex()}"
        self._texts[text] = document
        return document | {"token": text}

    def scopes(self, text: str) -> list[Any] | None:
        found = self._texts.get(text)
        return None if found is None else list(found["scopes"])

    def every(self) -> list[Document]:
        return list(self._texts.values())

    def revoke(self, token_id: str) -> bool:
        found = [text for text, each in self._texts.items() if each["id"] == token_id]
        for text in found:
            del self._texts[text]
        return bool(found)
