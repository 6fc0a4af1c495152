"""Callbacks passed on to a program on this machine, and found where the service cannot reach it. For `once listen`."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from invoke_once.cli.output import note, one_line

if TYPE_CHECKING:
    from invoke_once.client import Once, RunHandle

_TIMEOUT_S = 30.0
_LOOK_BACK = timedelta(days=1)  # a run that ends now may have been started long before
_LOOKED_AT = 200  # of the newest runs, at each look
_LATE = timedelta(seconds=30)  # the clocks here and there
_PASSED_ON = ("content-type", "webhook-id", "webhook-timestamp", "webhook-signature")


@dataclass(frozen=True, slots=True)
class Callback:
    """One callback as its receiver gets it; header names are in lower case."""

    headers: Mapping[str, str]
    body: bytes


def forward(url: str, callback: Callback) -> int:
    """POST it to `url`, the same bytes under the same webhook headers. Gives the answer's status; 502 for none."""
    import httpx

    headers = {name: callback.headers[name] for name in _PASSED_ON if name in callback.headers}
    try:
        answer = httpx.post(url, content=callback.body, headers=headers, timeout=_TIMEOUT_S, trust_env=False)
    except (httpx.RequestError, httpx.InvalidURL) as error:
        note(f"not forwarded to {url}: {one_line(error) or type(error).__name__}")
        return 502
    note(f"forwarded to {url}: {answer.status_code}")
    return answer.status_code


@dataclass(slots=True)
class Deliveries:
    """The callbacks that a service tries to deliver from `began` on, each webhook-id once.

    Its log of deliveries holds no bodies: each is made anew from its run's document, and signed with `secret` where
    there is one. A run is asked about until its first try is in the log.
    """

    once: Once
    secret: str
    began: datetime
    _done: set[str] = field(default_factory=set)
    _given: set[str] = field(default_factory=set)

    def new(self) -> Iterator[Callback]:
        """What came since the last look."""
        for run in self.once.list(created_after=self.began - _LOOK_BACK, limit=_LOOKED_AT):
            if run.id not in self._done and run.finished and run.document.data.get("callback"):
                yield from self._of(run)

    def _of(self, run: RunHandle) -> Iterator[Callback]:
        tries = run.deliveries()
        for one in tries:
            name = str(one.get("webhook_id") or "")
            if name and name not in self._given and _moment(one.get("at")) >= self.began - _LATE:
                self._given.add(name)
                yield self._callback(name, one, run)
        if tries:
            self._done.add(run.id)

    def _callback(self, name: str, one: Mapping[str, Any], run: RunHandle) -> Callback:
        from invoke_once.signing import sign

        event = {"type": f"run.{run.status}", "timestamp": one.get("at"), "data": run.document.data}
        body, now_s = json.dumps(event, separators=(",", ":")).encode(), int(time.time())
        headers = {"content-type": "application/json", "webhook-id": name, "webhook-timestamp": str(now_s)}
        if self.secret:
            headers["webhook-signature"] = sign(self.secret, name, now_s, body)
        return Callback(headers, body)


def _moment(text: object) -> datetime:
    from invoke_once.cli.words import moment

    return moment(text) or datetime.fromtimestamp(0, UTC)
