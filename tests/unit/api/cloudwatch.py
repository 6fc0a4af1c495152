"""CloudWatch Logs, pretended: groups of streams, several invocations in one stream, pages with tokens, empty pages."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError


@dataclass
class FakeLogs:
    """`page`: events a page of get_log_events may have at most; every filter answer begins with an empty page."""

    clock: Callable[[], int]
    token_of: Callable[[str], str | None] = lambda _run_id: None
    page: int = 1_000
    empty_pages: int = 1  #: of filter_log_events, before what it finds
    groups: dict[str, dict[str, list[tuple[int, str]]]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)

    def write(self, group: str, stream: str, *lines: str) -> None:
        events = self.groups.setdefault(group, {}).setdefault(stream, [])
        events += [(self.clock(), line) for line in lines]

    def line(self, event: str, run_id: str, attempt: int, **more: Any) -> str:
        """As the wrapper prints it, with the run's token."""
        metrics = {"_aws": {"CloudWatchMetrics": [{"Metrics": [{"Name": "Claimed"}]}]}, "Claimed": 1, "stack": "s"}
        told = {"event": event, "run_id": run_id, "attempt": attempt, "claim": self.token_of(run_id), **more}
        return json.dumps({name: value for name, value in told.items() if value is not None} | metrics)

    def attempt(
        self,
        group: str,
        stream: str,
        run_id: str,
        attempt: int,
        *lines: str,
        ended: bool = True,
        json_format: bool = False,
    ) -> None:
        """One invocation as Lambda's text format has it, or its JSON format."""
        request_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{run_id} {attempt}"))
        texts = [f"START RequestId: {request_id} Version: $LATEST", f"END RequestId: {request_id}",
                 f"REPORT RequestId: {request_id}\tDuration: 1 ms\t"]  # fmt: skip
        if json_format:
            texts = [platform(kind, request_id) for kind in ("start", "runtimeDone", "report")]
        self.write(group, stream, texts[0], self.line("claimed", run_id, attempt, request_id=request_id), *lines)
        if ended:
            self.write(group, stream, self.line("attempt_ended", run_id, attempt))
        self.write(group, stream, *texts[1:])

    def filter_log_events(self, **asked: Any) -> dict[str, Any]:
        self.calls.append("filter_log_events")
        self.asked.append(asked)
        streams = self._group(asked)
        page = int(asked.get("nextToken", "0"))
        if page < self.empty_pages:
            return {"events": [], "nextToken": str(page + 1)}
        term = asked["filterPattern"].strip('"')
        found = [
            {"logStreamName": name, "timestamp": at, "message": text}
            for name, events in streams.items()
            for at, text in events
            if term in text and asked["startTime"] <= at <= asked.get("endTime", at)
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


def platform(kind: str, request_id: str) -> str:
    """A line of Lambda's own in its JSON log format."""
    record = {"requestId": request_id, "version": "$LATEST"}
    return json.dumps({"time": "2026-11-23T15:45:45.305Z", "type": f"platform.{kind}", "record": record})
