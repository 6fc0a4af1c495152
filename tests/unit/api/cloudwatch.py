"""CloudWatch Logs, pretended: groups of streams, several invocations in one stream, pages with tokens, empty pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError


@dataclass
class FakeLogs:
    """`page`: events a page of get_log_events may have at most; every filter answer begins with an empty page."""

    clock: Callable[[], int]
    page: int = 1_000
    groups: dict[str, dict[str, list[tuple[int, str]]]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def write(self, group: str, stream: str, *lines: str) -> None:
        events = self.groups.setdefault(group, {}).setdefault(stream, [])
        events += [(self.clock(), line) for line in lines]

    def attempt(self, group: str, stream: str, run_id: str, attempt: int, *lines: str, ended: bool = True) -> None:
        """One invocation as Lambda's text format has it."""
        self.write(group, stream, "START RequestId: 1 Version: $LATEST", _line("claimed", run_id, attempt), *lines)
        if ended:
            self.write(group, stream, _line("attempt_ended", run_id, attempt))
        self.write(group, stream, "END RequestId: 1", "REPORT RequestId: 1 Duration: 1 ms")

    def filter_log_events(self, **asked: Any) -> dict[str, Any]:
        self.calls.append("filter_log_events")
        streams = self._group(asked)
        if "nextToken" not in asked:
            return {"events": [], "nextToken": "1"}
        term = asked["filterPattern"].strip('"')
        found = [
            {"logStreamName": name, "timestamp": at, "message": text}
            for name, events in streams.items()
            for at, text in events
            if term in text and at >= asked["startTime"]
        ]
        return {"events": found}

    def get_log_events(self, **asked: Any) -> dict[str, Any]:
        self.calls.append("get_log_events")
        events = [e for e in self._group(asked)[asked["logStreamName"]] if e[0] >= asked["startTime"]]
        start = int(asked.get("nextToken", "f/0").removeprefix("f/"))
        size = min(asked["limit"], self.page)
        page = events[start : start + size]
        following = f"f/{min(start + size, len(events))}"
        return {
            "events": [{"timestamp": at, "message": text + "\n"} for at, text in page],
            "nextForwardToken": following,
        }

    def _group(self, asked: dict[str, Any]) -> dict[str, list[tuple[int, str]]]:
        if asked["logGroupName"] not in self.groups:
            error = {"Error": {"Code": "ResourceNotFoundException", "Message": "no"}}
            raise ClientError(error, "FilterLogEvents")  # type: ignore[arg-type]
        return self.groups[asked["logGroupName"]]


def _line(event: str, run_id: str, attempt: int) -> str:
    metrics = {"_aws": {"CloudWatchMetrics": [{"Metrics": [{"Name": "Claimed"}]}]}, "Claimed": 1, "stack": "s"}
    return json.dumps({"event": event, "run_id": run_id, "attempt": attempt, **metrics})
