"""What is stored of a bulk job: one action on the runs that a filter shows, done a page at a time.

The job is one item. A worker takes it for some time, under a token of its own. In one write it notes how the page
before went and which runs the next page is, and only then acts on these: whoever comes after a worker that died
finds the page, and on each run that was done the job's id (`Head.bulk`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, NamedTuple

from invoke_once.life.head import BULK


class BulkStatus(StrEnum):
    RUNNING = "running"
    DONE = "done"  #: every run that matched was looked at
    STOPPED = "stopped"  #: a person stopped it: what was done stays done


class Counts(NamedTuple):
    """Runs that matched; of these, acted on; of these, in a state that forbids it. The others are still to come."""

    matched: int = 0
    done: int = 0
    refused: int = 0

    def plus(self, matched: int = 0, done: int = 0, refused: int = 0) -> Counts:
        return Counts(self.matched + matched, self.done + done, self.refused + refused)


class Pin(NamedTuple):
    """A run as it was when its page was noted: another life of it is not meant.

    `bulk`: the job that had moved it last. If that is a third one by now, nobody knows whether this job was before it.
    """

    run_id: str
    generation: str
    bulk: str = ""


@dataclass(slots=True)
class Bulk:
    """The job. Times in ms, `expires_at` in seconds."""

    run_id: str  #: KA; `bulk_` + 26 base32 characters
    tenant: str  #: KA
    status: str  #: KA, KE
    created_at: int  #: KA; only runs that were created before are acted on
    expires_at: int  #: KA, KK, KE
    options: str  #: KA; JSON: {"action", "filter", "dry_run"} as asked for, {"wanted", "by"} as understood
    part: str = BULK
    key: str | None = None  #: KA; the idempotency key
    fingerprint: str | None = None  #: KA
    counts: str | None = None  #: KC, KE; JSON, see `Counts`
    position: str | None = None  #: KC; JSON: where the next page begins, null where nothing follows
    page: str | None = None  #: KC; the runs that are acted on now, see `pins`
    step: int = 0  #: KC; counts the pages
    token: str | None = None  #: KK; of the worker that has it
    attempt: int = 0  #: KK, KC; how often the present page was begun
    not_before: int | None = None  #: KA, KK, KC; nobody else takes it before
    due_at: int | None = None
    due_shard: str | None = None
    finished_at: int | None = None  #: KE
    cancel_requested: bool = False  #: KS

    @property
    def running(self) -> bool:
        return self.status == BulkStatus.RUNNING

    @property
    def asked(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.options)
        return found

    @property
    def at_end(self) -> bool:
        """Nothing follows the noted page."""
        return self.position == "null"

    @property
    def counted(self) -> Counts:
        return Counts(*json.loads(self.counts)) if self.counts else Counts()

    @property
    def pins(self) -> list[Pin]:
        return [Pin(*text.split(" ")) for text in (self.page or "").split(",") if text]

    def expired_at(self, now_ms: int) -> bool:
        return self.expires_at * 1000 <= now_ms

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Bulk:
        return cls(**{name: value for name, value in item.items() if value is not None and name in _FIELDS})


_FIELDS = frozenset(f.name for f in fields(Bulk))


def page_text(pins: Iterable[Pin]) -> str:
    return ",".join(" ".join(pin) for pin in pins)
