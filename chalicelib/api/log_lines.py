"""Which lines of a log are the wrapper's own, and which end an attempt. A handler may print whatever it is sent.

The wrapper prints `{"event": "claimed", "run_id", "attempt", "claim", "request_id"}` when an attempt begins, with
`leg` and `legs` (legs that spent no attempt, so far) where it has had any, and
`attempt_ended` when it is over. `claim` is a random text that the claim also put into the head, and that no caller
and no other run is told: so a line proves itself. Any other line is a handler's, whatever it looks like.
Runs of a wrapper before 0.2 have no such token, and their lines are believed.
"""

from __future__ import annotations

import json
import re
from typing import Any

from msgspec import Struct

from invoke_once.life.head import Head

OVER = ("attempt_ended", "outcome_refused")
LONGEST = 16_384  #: bytes of a line of ours, at most
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
#: What Lambda prints around an invocation (Developer Guide, "Log formats"): as text, or as JSON with "type".
PLATFORM_TEXT = re.compile(rf"(?P<what>START|END|REPORT) RequestId: (?P<id>{_UUID})(?:[ \t][^\n]*)?")
_PLATFORM_JSON = ("platform.start", "platform.runtimeDone", "platform.report")
_RUN_ID = re.compile(r"run_[a-z2-7]{26}")
_CLAIM = re.compile(r"[a-z2-7]{8,64}")


class Claim(Struct, frozen=True, array_like=True):
    """Where an attempt began: its number, legs counted, the log stream, the time in ms, Lambda's id of the invocation;
    which leg it is, and how many legs spent no attempt."""

    attempt: int
    stream: str
    at_ms: int
    request_id: str = ""
    leg: int = 1
    legs: int = 0

    @property
    def attempt_number(self) -> int:
        """As people count it."""
        return self.attempt - self.legs


def parsed(text: str) -> dict[str, Any]:
    """A line as JSON object; {} for any other. Linear in the line, and only lines of our own size are tried."""
    start = text.find("{", 0, 200)
    if start < 0 or len(text) > LONGEST:
        return {}
    try:
        value = json.loads(text[start:])
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def is_own(line: dict[str, Any], head: Head, attempt: int | None = None) -> bool:
    """Whether the wrapper printed it, for this run and an attempt that the run has had (or this very one)."""
    number = line.get("attempt")
    if line.get("run_id") != head.run_id or type(number) is not int or not isinstance(line.get("event"), str):
        return False
    if not 1 <= number <= head.attempt or attempt not in (None, number):
        return False
    return head.claim_token is None or line.get("claim") == head.claim_token


def claim_of(event: dict[str, Any], head: Head) -> Claim | None:
    """The claim that a log event tells of, if the wrapper printed it for this run."""
    line = parsed(str(event.get("message", "")))
    if line.get("event") != "claimed" or not is_own(line, head):
        return None
    request_id = line.get("request_id")
    name, at_ms = str(event["logStreamName"]), int(event["timestamp"])
    return Claim(int(line["attempt"]), name, at_ms, request_id if isinstance(request_id, str) else "",
                 _count(line, "leg", 1), _count(line, "legs", 0))  # fmt: skip


def _count(line: dict[str, Any], name: str, least: int) -> int:
    value = line.get(name)
    return value if type(value) is int and value >= least else least


def ends(line: dict[str, Any], head: Head, claim: Claim) -> bool:
    """Whether the attempt's log is over behind this line of its own."""
    return line.get("event") in OVER and is_own(line, head, claim.attempt)


def is_platforms(text: str, line: dict[str, Any], claim: Claim) -> bool:
    """Whether Lambda says that the invocation is over, or that another one begins.

    END and REPORT of another invocation than the claim's cannot follow it: a handler printed them.
    """
    found = PLATFORM_TEXT.fullmatch(text)
    if found:
        return _is_border(found["what"] == "START", found["id"], claim)
    if line.get("type") not in _PLATFORM_JSON:
        return False
    record = line.get("record")
    told = record.get("requestId") if isinstance(record, dict) else None
    return isinstance(told, str) and _is_border(line["type"] == "platform.start", told, claim)


def _is_border(begins: bool, request_id: str, claim: Claim) -> bool:
    if not claim.request_id:
        return True
    return begins != (request_id == claim.request_id)


def foreign_claim(line: dict[str, Any], head: Head) -> tuple[str, str] | None:
    """(run id, token) where the line may be another run's claim, which its head confirms or not."""
    run_id, token = line.get("run_id"), line.get("claim")
    if line.get("event") != "claimed" or not isinstance(run_id, str) or not _RUN_ID.fullmatch(run_id):
        return None
    if head.claim_token is None:
        return (run_id, "") if run_id != head.run_id else None
    if not isinstance(token, str) or not _CLAIM.fullmatch(token) or token == head.claim_token:
        return None
    return run_id, token


def readable(text: str, line: dict[str, Any], head: Head, claim: Claim) -> str:
    """One of our own lines without its metrics and its proof; any other as it is."""
    if not is_own(line, head, claim.attempt):
        return text
    blocks = line.get("_aws", {}).get("CloudWatchMetrics", []) if isinstance(line.get("_aws"), dict) else []
    metrics = {metric.get("Name") for block in blocks for metric in block.get("Metrics", [])} if blocks else set()
    hidden = {"_aws", "stack", "claim", "request_id", *metrics}
    return json.dumps({k: v for k, v in line.items() if k not in hidden}, ensure_ascii=False)
