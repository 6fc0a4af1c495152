"""One log group of CloudWatch Logs, read for one run: its claims are found, then each claim's stream is read.

On AWS a stream holds many invocations, one after another; what follows the end of an attempt is another run's.
Both operations give pages that may be empty and still have more behind them (API reference, FilterLogEvents,
GetLogEvents), so each stops after some pages and says where to go on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Literal

from msgspec import Struct, field

from chalicelib.api import log_lines
from chalicelib.api.log_lines import Claim
from chalicelib.api.problems import InvalidCursor
from chalicelib.runs import documents
from invoke_once.errors import StoreUnavailable
from invoke_once.life.head import Head

FIND_PAGES, READ_PAGES = 10, 20  #: pages of CloudWatch's that a request may ask for
PAGE_BYTES = 4_000_000  #: of a page of ours, escaped as Lambda's answer has it, which has 6 MB at most
EARLY_MS = 5_000  #: the clocks of the service and of a sandbox

#: (run id, token) of claims -> whether one of them is real
Confirmed = Callable[[str, str], bool]


class Search(Struct, array_like=True):
    """Where the claims are looked for: from, to (0: no end), and CloudWatch's token of the page to go on with."""

    since_ms: int
    until_ms: int = 0
    token: str | None = None


class Position(Struct, array_like=True):
    """Where a page begins."""

    search: Search
    attempt: int = 0  #: earlier ones are done
    claim: Claim | None = None  #: being read
    token: str | None = None  #: CloudWatch's, within that claim's stream; None: from its beginning
    skip: int = 0  #: events of that page which were given already
    begun: bool = False  #: the claim was passed: in one millisecond there may be lines of the invocation before

    def enter(self, claim: Claim) -> None:
        self.attempt, self.claim, self.token, self.skip, self.begun = claim.attempt, claim, None, 0, False

    def leave(self, claim: Claim) -> None:
        self.attempt, self.claim, self.token, self.skip, self.begun = claim.attempt + 1, None, None, 0, False


class Page(Struct):
    limit: int
    events: list[dict[str, Any]] = field(default_factory=list)
    room: int = PAGE_BYTES

    def add(self, event: dict[str, Any]) -> bool:
        """False: it is full, and `event` is not on it. A single event larger than a page is cut."""
        if len(self.events) >= self.limit:
            return False
        size = _size(event)
        if size > PAGE_BYTES and not self.events:
            text = event["message"]
            event = event | {"message": f"{text[: PAGE_BYTES // 20]} … (cut: {len(text)} characters)"}
            size = _size(event)
        if size > self.room:
            return False
        self.events.append(event)
        self.room -= size
        return True


def _size(event: dict[str, Any]) -> int:
    """Characters of an event in Lambda's answer: JSON in a JSON string."""
    return len(json.dumps(json.dumps(event))) + 1


class Logs:
    """`confirmed` tells whether another run's claim that was printed is real."""

    def __init__(self, client: Any, group: str, confirmed: Confirmed) -> None:
        self._client, self._group, self._confirmed = client, group, confirmed

    def claims(self, head: Head, search: Search) -> list[Claim]:
        """Attempts whose begin is found from `search` on, which moves on; one that was claimed twice counts once."""
        request: dict[str, Any] = {
            "logGroupName": self._group,
            "filterPattern": f'"{head.run_id}"',
            "startTime": search.since_ms,
            **({"endTime": search.until_ms} if search.until_ms else {}),
        }
        found: dict[int, Claim] = {}
        for _ in range(FIND_PAGES):
            answer = self._ask("filter_log_events", request | ({"nextToken": search.token} if search.token else {}))
            for event in answer.get("events", []):
                claim = log_lines.claim_of(event, head)
                if claim is not None:
                    found.setdefault(claim.attempt, claim)
            search.token = answer.get("nextToken")
            if search.token is None:
                break
        return [found[number] for number in sorted(found)]

    def read(self, head: Head, claim: Claim, at: Position, page: Page) -> Literal["over", "dry", "more"]:
        """Add the attempt's events from `at` on. over: to its end; dry: to the stream's; more: there is more."""
        request: dict[str, Any] = {
            "logGroupName": self._group,
            "logStreamName": claim.stream,
            "startTime": claim.at_ms,
            "startFromHead": True,
        }
        for _ in range(READ_PAGES):
            asked = {**request, "limit": page.limit} | ({"nextToken": at.token} if at.token else {})
            answer = self._ask("get_log_events", asked)
            for event in answer.get("events", [])[at.skip :]:
                at.skip += 1
                done = self._take(head, claim, at, page, event)
                if done == "more":
                    at.skip -= 1
                if done is not None:
                    return done
            following = answer.get("nextForwardToken")
            if following is None or following == at.token:
                return "dry"
            at.token, at.skip = following, 0
        return "more"

    def _take(
        self, head: Head, claim: Claim, at: Position, page: Page, event: Mapping[str, Any]
    ) -> Literal["over", "more"] | None:
        text = str(event["message"]).rstrip("\n")
        line = log_lines.parsed(text)
        if not at.begun:
            at.begun = line.get("event") == "claimed" and log_lines.is_own(line, head, claim.attempt)
            if not at.begun:
                return None
        other = log_lines.foreign_claim(line, head)
        if log_lines.is_platforms(text, line, claim) or (other is not None and self._confirmed(*other)):
            return "over"
        told = {
            "time": documents.rfc3339(int(event["timestamp"])),
            "message": log_lines.readable(text, line, head, claim),
            "attempt": claim.attempt_number,
            "leg": claim.leg,
        }
        if not page.add(told):
            return "more"
        return "over" if log_lines.ends(line, head, claim) else None

    def _ask(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**request)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "unknown")
            if code == "ResourceNotFoundException":  # nothing was logged yet
                return {}
            if code == "InvalidParameterException" and "nextToken" in request:
                raise InvalidCursor("The log does not know this position any more: begin anew.") from None
            raise StoreUnavailable(f"CloudWatch Logs refused {operation}: {code}") from error
        except BotoCoreError as error:
            raise StoreUnavailable(f"CloudWatch Logs did not answer: {type(error).__name__}") from error
        return answer
