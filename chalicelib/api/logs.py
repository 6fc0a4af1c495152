"""`GET /runs/{run_id}/logs`: what the run's attempts wrote, oldest first.

The wrapper prints a line `{"event": "claimed", "run_id", "attempt"}` when an attempt begins and `attempt_ended` when
it is over. So: find the claims in the target's log group, then read each claim's stream from there to that
attempt's end. On AWS a stream holds many invocations, one after another; what follows the end is another run's.
A function nobody wrapped prints no such line, and its log cannot be told apart by run: no events.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from chalicelib import documents, targets
from chalicelib.api import cursor, filters, problems
from chalicelib.api.call import Call, Reply, reply_json
from chalicelib.api.routes import Routes
from chalicelib.api.runs import find
from invoke_once.errors import StoreUnavailable
from invoke_once.records import Head

routes = Routes(__name__)

DEFAULT_LIMIT = MAX_LIMIT = 500
FIND_PAGES, READ_PAGES = 10, 20  #: pages of CloudWatch's a request may ask for
EARLY_MS = 5_000  #: the clocks of the service and of a sandbox
LATE_MS = 15_000  #: what an ended run wrote may show up this much later
_ATTEMPT = re.compile(r"[1-9][0-9]{0,5}")
_NEXT_INVOCATION = re.compile(r"(?:START|END|REPORT) RequestId: ")
_OVER = ("attempt_ended", "outcome_refused")


class Claim(Struct, frozen=True):
    """Where an attempt began: its number, the log stream, the time in ms."""

    attempt: int
    stream: str
    at_ms: int


class Page(Struct):
    events: list[dict[str, Any]]
    attempt: int = 0  #: being read
    token: str | None = None  #: CloudWatch's, within that attempt's stream; None: from its beginning
    begun: bool = False  #: the claim was passed: in one millisecond there may be lines of the invocation before
    unfinished: bool = False  #: the log may still grow, or the page was full


@routes.on("GET", "/runs/{run_id}/logs", scope="runs:read", query=("attempt", "limit", "cursor"))
def show_logs(call: Call) -> Reply:
    """The log lines of a run's attempts, oldest first."""
    head, attempt = find(call), _attempt(call)
    limit = filters.limit(call, DEFAULT_LIMIT, MAX_LIMIT)
    asked, given = ["logs", call.tenant, head.run_id, head.generation, attempt], call.one("cursor")
    position = None if given is None else cursor.unseal(call.backend.cursor_keys, asked, given, call.began_ms)
    page = _read(call, head, attempt, position or [0, None, False], limit)
    following = None
    if page.unfinished:
        here = [page.attempt, page.token, page.begun]
        unmoved = given is not None and here == position
        following = given if unmoved else cursor.seal(call.backend.cursor_keys, asked, here, call.began_ms)
    return reply_json({"events": page.events, "next_cursor": following})


def _attempt(call: Call) -> int | None:
    text = call.one("attempt")
    if text is not None and not _ATTEMPT.fullmatch(text):
        raise problems.InvalidParameter("attempt is a number from 1.")
    return None if text is None else int(text)


def _read(call: Call, head: Head, attempt: int | None, position: list[Any], limit: int) -> Page:
    logs = Logs(call.backend.logs(), _group(call, head))
    page = Page([], int(position[0]), position[1], bool(position[2]))
    claims = [c for c in logs.claims(head) if c.attempt >= page.attempt and attempt in (None, c.attempt)]
    settled = head.terminal and call.began_ms - (head.finished_at or 0) > LATE_MS
    for claim in claims:
        if claim.attempt != page.attempt:
            page.attempt, page.token, page.begun = claim.attempt, None, False
        end = logs.read(head, claim, page, limit)
        may_grow = end == "dry" and claim is claims[-1] and not settled
        if end == "more" or may_grow:
            page.unfinished = True
            return page
        page.attempt, page.token, page.begun = claim.attempt + 1, None, False
    page.unfinished = not head.terminal and (attempt is None or attempt > head.attempt)
    return page


def _group(call: Call, head: Head) -> str:
    function = call.service.functions.get(head.function)
    return f"/aws/lambda/{targets.of(function).name if function else head.function}"


class Logs:
    """One log group, read through a CloudWatch Logs client."""

    def __init__(self, client: Any, group: str) -> None:
        self._client, self._group = client, group

    def claims(self, head: Head) -> list[Claim]:
        """The attempts whose begin is in the log, in their order; one that was claimed twice counts once."""
        request: dict[str, Any] = {
            "logGroupName": self._group,
            "filterPattern": f'"{head.run_id}"',
            "startTime": max(head.created_at - EARLY_MS, 0),
        }
        found: dict[int, Claim] = {}
        for _ in range(FIND_PAGES):
            answer = self._ask("filter_log_events", request)
            for event in answer.get("events", []):
                line = _line(event["message"])
                if line.get("event") == "claimed" and line.get("run_id") == head.run_id:
                    number = int(line.get("attempt", 0))
                    found.setdefault(number, Claim(number, event["logStreamName"], int(event["timestamp"])))
            if not answer.get("nextToken"):
                break
            request["nextToken"] = answer["nextToken"]
        return [found[number] for number in sorted(found)]

    def read(self, head: Head, claim: Claim, page: Page, limit: int) -> Literal["over", "dry", "more"]:
        """Add the attempt's events after `page.token`. over: to its end; dry: to the stream's; more: there is more."""
        request: dict[str, Any] = {
            "logGroupName": self._group,
            "logStreamName": claim.stream,
            "startTime": claim.at_ms,
            "startFromHead": True,
        }
        for _ in range(READ_PAGES):
            room = limit - len(page.events)
            if room <= 0:
                return "more"
            asked = {**request, "limit": room} | ({"nextToken": page.token} if page.token else {})
            answer = self._ask("get_log_events", asked)
            for event in answer.get("events", []):
                text = str(event["message"]).rstrip("\n")
                page.begun = page.begun or _is_its(text, "claimed", head, claim)
                if not page.begun:
                    continue
                if _is_of_another(text, head, claim):
                    return "over"
                time = documents.rfc3339(int(event["timestamp"]))
                page.events.append({"time": time, "message": _readable(text), "attempt": claim.attempt})
                if any(_is_its(text, event, head, claim) for event in _OVER):
                    return "over"
            following = answer.get("nextForwardToken")
            if following is None or following == page.token:
                return "dry"
            page.token = following
        return "more"

    def _ask(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**request)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "unknown")
            if code == "ResourceNotFoundException":  # nothing was logged yet
                return {}
            raise StoreUnavailable(f"CloudWatch Logs refused {operation}: {code}") from error
        except BotoCoreError as error:
            raise StoreUnavailable(f"CloudWatch Logs did not answer: {type(error).__name__}") from error
        return answer


def _line(message: str) -> dict[str, Any]:
    """The wrapper's own JSON line, or nothing. With Lambda's text format nothing stands before it."""
    start = message.find("{")
    if start < 0 or '"event"' not in message:
        return {}
    try:
        value = json.loads(message[start:])
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _readable(text: str) -> str:
    """One of our own lines without its metrics; any other as it is."""
    line = _line(text)
    if "_aws" not in line:
        return text
    metrics = {metric["Name"] for block in line["_aws"]["CloudWatchMetrics"] for metric in block["Metrics"]}
    return json.dumps({k: v for k, v in line.items() if k not in {"_aws", "stack", *metrics}}, ensure_ascii=False)


def _is_its(text: str, event: str, head: Head, claim: Claim) -> bool:
    line = _line(text)
    return line.get("event") == event and (line.get("run_id"), line.get("attempt")) == (head.run_id, claim.attempt)


def _is_of_another(text: str, head: Head, claim: Claim) -> bool:
    if _NEXT_INVOCATION.match(text):
        return True
    return _line(text).get("event") == "claimed" and not _is_its(text, "claimed", head, claim)
