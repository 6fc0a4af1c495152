"""What is answered about bulk jobs, as msgspec structs; see `answers`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from chalicelib.api.openapi.answers import Link, Time

BulkId = Annotated[str, Meta(pattern="^bulk_[a-z2-7]{26}$", examples=["bulk_wq4c5nqlp3wbc6c5ibd2iyhkeu"])]


class BulkLinks(Struct, rename={"self_": "self"}):
    """References that resolve against the URL of the request."""

    self_: Link
    stop: Link


class Bulk(Struct):
    """One action on all runs that a filter shows. Of `matched`, what is neither done nor refused is still to come."""

    id: BulkId
    action: Literal["cancel", "retry", "resend"]
    filter: Annotated[dict[str, Any], Meta(description="as it was asked for")]
    dry_run: Annotated[bool, Meta(description="nothing is changed, and `done` stays 0")]
    status: Literal["running", "done", "stopped"]
    idempotency_key: str | None
    matched: Annotated[int, Meta(ge=0, description="runs found so far")]
    done: Annotated[int, Meta(ge=0, description="runs acted on")]
    refused: Annotated[int, Meta(ge=0, description="runs whose state forbids it")]
    stop_requested: bool
    created_at: Annotated[Time, Meta(description="only runs that were created before are meant")]
    finished_at: Time | None
    expires_at: Time
    links: BulkLinks


ALL = (Bulk,)
