"""What the pretended service answers beside runs: functions, batches, bulk jobs and tokens."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.browser.fake_runs import FUNCTIONS, Conflict, now_ms, rfc3339


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: a JSON document or a text, and headers."""

    status: int
    body: Any = None
    headers: dict[str, str] | None = None


def problem(status: int, name: str, detail: str, errors: list[dict[str, str]] | None = None) -> Answer:
    body: dict[str, Any] = {
        "type": f"urn:invoke-once:{name}",
        "title": name.replace("-", " "),
        "status": status,
        "detail": detail,
    }
    if errors:
        body["errors"] = errors
    headers = {"Content-Type": "application/problem+json"}
    return Answer(status, body, headers | ({"WWW-Authenticate": "Bearer"} if status == 401 else {}))


class Resources:
    """A part of the handler; `server` is a FakeServer, `headers` those of the request."""

    server: Any
    headers: Any

    def _tagged(self, document: dict[str, Any]) -> Answer:
        etag = f'"{abs(hash(json.dumps(document))):x}"'
        if self.headers.get("If-None-Match") == etag:
            return Answer(304, "", {"ETag": etag})
        return Answer(200, document, {"ETag": etag})

    def _functions(self, method: str, parts: list[str], query: dict[str, str], body: bytes) -> Answer:
        paused = self.server.paused
        if parts == [""]:
            return Answer(200, {"functions": [self._function(name) for name in FUNCTIONS]})
        if parts[0] not in FUNCTIONS:
            return problem(404, "not-found", "There is no such function.")
        if parts[1:] == ["pause"]:
            paused[parts[0]] = {"since": rfc3339(now_ms()), "by": "demo", "reason": json.loads(body)["reason"]}
        elif parts[1:] == ["resume"]:
            paused.pop(parts[0], None)
        return self._tagged(self._function(parts[0]))

    def _function(self, name: str) -> dict[str, Any]:
        live = [run for run in self.server.runs.newest_first() if run["function"] == name and not run["finished_at"]]
        running = sum(run["status"] == "running" for run in live)
        return _function(name) | {
            "paused": self.server.paused.get(name),
            "running": running,
            "waiting": len(live) - running,
        }

    def _batches(self, method: str, parts: list[str], query: dict[str, str], body: bytes) -> Answer:
        batches = self.server.batches
        if parts == [""] and method == "POST":
            asked = json.loads(body)
            batch_id = batches.start(asked["function"], [item["input"] for item in asked["items"]])
            return Answer(202, batches.read(batch_id))
        if parts == [""]:
            return self._tagged({"batches": batches.every(), "next_cursor": None})
        found = batches.read(parts[0])
        if found is None:
            return problem(404, "not-found", "There is no such batch.")
        part = parts[1] if len(parts) > 1 else ""
        if part == "runs":
            return Answer(200, {"runs": batches.runs(parts[0], query.get("status", "")), "next_cursor": None})
        if part == "results":
            all_of_them = batches.results(parts[0])
            here = int(query.get("cursor", 0))
            more = str(here + 2) if here + 2 < len(all_of_them) else None
            return Answer(200, {"results": all_of_them[here : here + 2], "next_cursor": more})
        if part in ("cancel", "retry"):
            try:
                getattr(batches, part)(parts[0])
            except Conflict as conflict:
                return problem(409, "conflict", str(conflict))
            return Answer(202, batches.read(parts[0]))
        return self._tagged(found)

    def _bulk(self, method: str, parts: list[str], query: dict[str, str], body: bytes) -> Answer:
        if method == "POST" and parts == [""]:
            request = json.loads(body)
            if not request["filter"]:
                return problem(422, "invalid-request", "An empty filter would mean every run.")
            return Answer(202, self.server.bulk.start(request))
        if parts[1:] == ["stop"]:
            self.server.bulk.stop(parts[0])
        return Answer(200, self.server.bulk.read(parts[0]))

    def _tokens(self, method: str, parts: list[str], query: dict[str, str], body: bytes) -> Answer:
        tokens = self.server.tokens
        if method == "POST":
            request = json.loads(body)
            return Answer(201, tokens.make(request["scopes"], request.get("expires_in_seconds")))
        if method == "DELETE":
            return Answer(204, "") if tokens.revoke(parts[0]) else problem(404, "not-found", "There is no such token.")
        return Answer(200, {"tokens": tokens.every(), "next_cursor": None})


def _function(name: str) -> dict[str, Any]:
    kept = ("description", "timeout_seconds", "memory_mb", "input_schema")
    entry = {key: FUNCTIONS[name][key] for key in kept if key in FUNCTIONS[name]}
    mode = FUNCTIONS[name].get("mode", "tracked")
    return entry | {
        "name": name,
        "target": f"fake-{name}",
        "mode": mode,
        "retry": {"max_attempts": 1},
        "retention_days": 30,
    }
