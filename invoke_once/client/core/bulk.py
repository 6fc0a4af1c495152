"""Bulk jobs: the request, and what a handle knows of one. Pure, as the rest here."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypedDict

from invoke_once import client_errors
from invoke_once.client.core import flows, replies
from invoke_once.client.core.document import RunInfo
from invoke_once.client.core.effects import Flow
from invoke_once.client.core.flows import Core
from invoke_once.client.core.options import known_only
from invoke_once.client.core.requests import moment, quoted, run_path
from invoke_once.client.core.view import View

Action = Literal["cancel", "retry", "resend"]


class BulkOptions(TypedDict, total=False):
    """Which runs `bulk` means, as for `list`: those that are all of this. At least one.

    created_before: runs that are created after the call are never meant, whatever it says.
    key: the idempotency key; a random one where none is given. The same key is the same job.
    """

    function: str | None
    status: str | Sequence[str] | None
    labels: Mapping[str, str] | None
    batch: str | None
    created_after: datetime | str | None
    created_before: datetime | str | None
    key: str | None


def start_bulk(core: Core, action: Action, given: BulkOptions, *, dry_run: bool) -> Flow[RunInfo]:
    """`POST /bulk`. The key is settled before the first try. Raises TypeError for an option that there is not.

    What is given is sent, empty or not: without it the filter would mean more runs, and the service refuses it.
    """
    known_only("bulk", given, BulkOptions.__annotations__)
    key, status = given.get("key"), given.get("status")
    key = str(uuid.uuid4()) if key is None else key
    wanted: dict[str, Any] = {
        "function": given.get("function"),
        "status": status if status is None else [status] if isinstance(status, str) else list(status),
        "label": [f"{name}:{value}" for name, value in (given.get("labels") or {}).items()] or None,
        "batch": given.get("batch"),
        "created_after": moment(given.get("created_after")),
        "created_before": moment(given.get("created_before")),
    }
    body: dict[str, Any] = {
        "action": action,
        "filter": {name: each for name, each in wanted.items() if each is not None},
    }
    if dry_run:
        body["dry_run"] = True
    try:
        call = core.target.call("POST", "/bulk", body=body, headers={"Idempotency-Key": quoted(key)})
        return replies.run_of((yield from flows.fetch(core, call)))
    except client_errors.ServiceUnreachable as error:
        error.idempotency_key = key
        raise


def stop(core: Core, bulk_id: str) -> Flow[RunInfo]:
    """Have it stopped. One that has ended is an answer, not an error."""
    try:
        reply = yield from flows.fetch(core, core.target.call("POST", run_path(bulk_id, "/stop")))
    except client_errors.Conflict:
        return (yield from flows.get(core, bulk_id))
    return replies.run_of(reply)


class BulkView(View):
    """What only a bulk job has."""

    @property
    def matched(self) -> int:
        """Runs found so far; of these, what is neither done nor refused is still to come."""
        return self._number("matched")

    @property
    def done(self) -> int:
        """Runs acted on."""
        return self._number("done")

    @property
    def refused(self) -> int:
        """Runs whose state forbids it."""
        return self._number("refused")

    def _number(self, name: str) -> int:
        return int(self.document.data.get(name) or 0)
