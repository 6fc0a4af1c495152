"""What a request for a bulk job holds."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from chalicelib.api import schemas
from invoke_once.life.status import Status

_Label = Annotated[str, schemas.LABEL_ASKED]


class BulkFilter(Struct, frozen=True, forbid_unknown_fields=True):
    """Which runs, as in `GET /runs`: those that are all of this. At least one field."""

    function: Annotated[str, Meta(min_length=1, max_length=255)] | UnsetType = UNSET
    status: (
        Annotated[Status | Annotated[list[Status], Meta(min_length=1)], Meta(description="this one, or one of these")]
        | UnsetType
    ) = UNSET
    label: (
        Annotated[
            _Label | Annotated[list[_Label], Meta(min_length=1, max_length=schemas.MAX_LABELS)],
            Meta(description="name:value; of several, all of them", examples=["night:2026-11-26"]),
        ]
        | UnsetType
    ) = UNSET
    batch: Annotated[str, Meta(min_length=1, max_length=64)] | UnsetType = UNSET
    created_after: Annotated[datetime, Meta(tz=True)] | UnsetType = UNSET
    created_before: (
        Annotated[datetime, Meta(tz=True, description="runs created after the request are never meant")] | UnsetType
    ) = UNSET


class BulkRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What to do, and with which runs."""

    action: Annotated[
        Literal["cancel", "retry", "resend"], Meta(description="resend: the callback of runs that have ended")
    ]
    filter: Annotated[BulkFilter, Meta(extra_json_schema={"minProperties": 1})]
    dry_run: Annotated[bool, Meta(description="only count")] = False


EXAMPLES = {
    "count": {"action": "retry", "filter": {"status": ["failed", "timed_out"]}, "dry_run": True},
    "all": {
        "action": "cancel",
        "filter": {
            "function": "report",
            "status": "queued",
            "label": "night:2026-11-26",
            "batch": "batch_wq4c5nqlp3wbc6c5ibd2iyhkeu",
            "created_after": "2026-11-26T00:00:00Z",
            "created_before": "2026-11-26T06:00:00Z",
        },
    },
}
