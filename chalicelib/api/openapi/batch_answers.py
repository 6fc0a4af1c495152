"""What is answered about batches, as msgspec structs; see `answers`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from chalicelib.api.openapi.answers import BatchId, Cursor, Link, Run, RunCallback, RunError, RunId, Time
from invoke_once.life.status import Status


class BatchCounts(Struct):
    """How many of its runs are where. Late by seconds while it runs, exact once it has ended."""

    total: Annotated[int, Meta(ge=1)]
    waiting: Annotated[int, Meta(ge=0, description="not begun, scheduled or queued")]
    running: Annotated[int, Meta(ge=0)]
    succeeded: Annotated[int, Meta(ge=0)]
    failed: Annotated[int, Meta(ge=0)]
    timed_out: Annotated[int, Meta(ge=0)]
    cancelled: Annotated[int, Meta(ge=0)]
    expired: Annotated[int, Meta(ge=0)]


class BatchLinks(Struct, rename={"self_": "self"}):
    """References that resolve against the URL of the request."""

    self_: Link
    runs: Link
    results: Link
    cancel: Link
    retry: Link
    deliveries: Link | UnsetType = UNSET


class Batch(Struct):
    """Many runs with one outcome. `succeeded`: every run did."""

    id: BatchId
    function: str
    status: Literal["running", "succeeded", "failed", "cancelled"]
    idempotency_key: str | None
    counts: BatchCounts
    labels: dict[str, str]
    max_running: int | None
    cancel_requested: bool
    cancelled_by: Annotated[str | None, Meta(description="the id of the token that asked to cancel it")]
    created_at: Time
    finished_at: Time | None
    expires_at: Time
    callback: RunCallback | None
    links: BatchLinks


class BatchList(Struct):
    """A page of batches, newest first."""

    batches: list[Batch]
    next_cursor: Cursor | None


class BatchRuns(Struct):
    """A page of a batch's runs, by index."""

    runs: list[Run]
    next_cursor: Cursor | None


class OutputLink(Struct):
    output: Link


class BatchResult(Struct):
    """What became of one item. `output`, or its link where it is over 16 KB, once it has succeeded."""

    index: Annotated[int, Meta(ge=0)]
    run_id: RunId
    status: Status
    error: RunError | None
    output: Any | UnsetType = UNSET
    links: OutputLink | UnsetType = UNSET


class BatchResults(Struct):
    """A page of results, by index."""

    results: list[BatchResult]
    next_cursor: Cursor | None


ALL = (Batch, BatchList, BatchRuns, BatchResults)
