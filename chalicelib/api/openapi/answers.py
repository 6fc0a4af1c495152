"""What answers hold, as msgspec structs: the OpenAPI document's schemas. Tests hold every answer against them.

Answers are built as plain JSON elsewhere; nothing here is imported to give one.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from chalicelib.api.schemas import Scope
from invoke_once.life.status import Status

Time = Annotated[str, Meta(description="RFC 3339, UTC, milliseconds", examples=["2026-11-23T10:00:00.000Z"],
                           extra_json_schema={"format": "date-time"})]  # fmt: skip
RunId = Annotated[str, Meta(pattern="^run_[a-z2-7]{26}$", examples=["run_wq4c5nqlp3wbc6c5ibd2iyhkeu"])]
BatchId = Annotated[str, Meta(pattern="^batch_[a-z2-7]{26}$", examples=["batch_wq4c5nqlp3wbc6c5ibd2iyhkeu"])]
Cursor = Annotated[str, Meta(description="opaque; pass it as it is, with the same query, within a day")]
Link = Annotated[str, Meta(extra_json_schema={"format": "uri-reference"})]


class Progress(Struct):
    """What the handler last reported."""

    fraction: Annotated[float, Meta(ge=0, le=1)] | None
    message: str | None


class RunBatch(Struct):
    """The batch that a run belongs to, and its place in it."""

    id: BatchId
    index: Annotated[int, Meta(ge=0)]


class Checkpoint(Struct):
    """What the handler last kept; another leg, a retry and a redrive begin with it."""

    at: Time
    leg: Annotated[int, Meta(ge=1)]
    size: Annotated[int, Meta(ge=0, description="bytes of the state's JSON text")]
    state: Annotated[Any, Meta(description="a larger one is behind links.checkpoint")] | UnsetType = UNSET


class RunError(Struct):
    """Why the run, or its last attempt, did not succeed."""

    type: Annotated[str, Meta(examples=["ValueError"])]
    message: str
    trace: str | None


class RunCallback(Struct):
    """Where the outcome is sent to, and how far that is."""

    url: str
    status: Literal["pending", "delivered", "failed"]
    attempts: Annotated[int, Meta(ge=0)]


class Links(Struct, rename={"self_": "self"}):
    """References that resolve against the URL of the request."""

    self_: Link
    input: Link
    logs: Link
    cancel: Link
    retry: Link
    output: Link | UnsetType = UNSET
    checkpoint: Link | UnsetType = UNSET
    deliveries: Link | UnsetType = UNSET


class Run(Struct):
    """One run."""

    id: RunId
    function: str
    status: Status
    idempotency_key: str | None
    attempt: Annotated[int, Meta(ge=0, description="attempts so far; 0 before the first")]
    max_attempts: Annotated[int, Meta(ge=1)]
    leg: Annotated[int, Meta(ge=1, description="a run that goes on after its timeout, or a sleep, has several")]
    progress: Progress | None
    checkpoint: Checkpoint | None
    error: RunError | None
    labels: dict[str, str]
    created_at: Time
    started_at: Annotated[Time | None, Meta(description="when its first attempt began")]
    attempt_started_at: Annotated[
        Time | None, Meta(description="when the attempt began that runs, or ran last; null where none did")
    ]
    next_attempt_at: Annotated[
        Time | None, Meta(description="of a run that waits: not before this, by its delay, its backoff or its sleep")
    ]
    waiting_for: Annotated[
        Literal["delay", "backoff", "continue", "dispatch", "paused", "max_running", "concurrency"] | None,
        Meta(description="of a run that waits. dispatch: it may begin at any moment; `error` says what hindered it"),
    ]
    finished_at: Time | None
    expires_at: Annotated[Time, Meta(description="when the run and its key are forgotten")]
    cancel_requested: bool
    cancelled_by: Annotated[str | None, Meta(description="the id of the token that asked to cancel it")]
    batch: RunBatch | None
    callback: RunCallback | None
    links: Links
    output: Annotated[
        Any, Meta(description="what the handler returned, up to 16 KB; a larger one is behind links.output")
    ]


class RunLink(Struct):
    """A link to one run or batch."""

    token: Annotated[str, Meta(description="oncelink_…: a Bearer token for it and its output or results alone")]
    url: Annotated[str, Meta(description="its page; the token is in the fragment, which no server sees")]
    expires_at: Time


class RunList(Struct):
    """A page of runs, newest first."""

    runs: list[Run]
    next_cursor: Cursor | None


class LogEvent(Struct):
    time: Time
    message: str
    attempt: Annotated[int, Meta(ge=1)]
    leg: Annotated[int, Meta(ge=1)]


class LogPage(Struct):
    """Log lines, oldest first. The cursor of a live run leads to what it writes next."""

    events: list[LogEvent]
    next_cursor: Cursor | None


class Delivery(Struct):
    """One attempt to deliver the callback."""

    webhook_id: Annotated[str, Meta(description="the same for every attempt")]
    attempt: Annotated[int, Meta(ge=1)]
    at: Time
    status_code: int | None
    error: str | None
    latency_ms: Annotated[int, Meta(ge=0)] | None
    next_at: Time | None


class DeliveryList(Struct):
    """Attempts to deliver the callback, oldest first."""

    deliveries: list[Delivery]


class FunctionRetry(Struct):
    max_attempts: Annotated[int, Meta(ge=1)]
    backoff_seconds: int
    max_backoff_seconds: int
    jitter: bool


class FunctionPause(Struct):
    """Nothing of it is fired."""

    since: Time
    by: Annotated[str, Meta(description="the id of the token")]
    reason: str


class Function(Struct):
    """A function that can be run."""

    name: str
    description: str
    target: Annotated[str, Meta(description="the Lambda's name or ARN")]
    mode: Literal["tracked", "destination"]
    timeout_seconds: int
    memory_mb: int
    retry: FunctionRetry
    on_lost: Literal["retry", "fail"]
    on_timeout: Literal["fail", "continue"]
    max_legs: Annotated[int, Meta(ge=1)]
    max_running: Annotated[int, Meta(ge=1, description="of its runs at once; null: any")] | None
    heartbeat_seconds: int
    retention_days: int
    input_schema: Annotated[dict[str, Any] | None, Meta(description="JSON Schema of the input")]
    paused: FunctionPause | None
    running: Annotated[int, Meta(ge=0, description="of a function with max_running: let through now")] | None
    waiting: Annotated[int, Meta(ge=0, description="held back by a pause or by max_running")]


class FunctionList(Struct):
    functions: list[Function]


class Token(Struct):
    """A token without its secret."""

    id: str
    tenant: str
    scopes: list[Scope]
    created_at: Time
    expires_at: Time | None


class NewToken(Token):
    """A token with its text, which is shown this once."""

    token: Annotated[str, Meta(description="once_ID_SECRET")]


class TokenList(Struct):
    tokens: list[Token]
    next_cursor: Cursor | None


class WebhookSecret(Struct):
    secret: Annotated[str, Meta(description="whsec_…, as Standard Webhooks libraries take it")]


class WebhookSecrets(Struct):
    """The current secret first; the one before it is valid for a day after a rotation."""

    tenant: str
    secrets: list[WebhookSecret]


class Health(Struct):
    status: Literal["ok", "failing"]
    parts: dict[str, Literal["ok", "failing"]]


class FieldError(Struct):
    pointer: Annotated[str, Meta(description="JSON pointer into the body", examples=["/retry/max_attempts"])]
    detail: str


class Problem(Struct):
    """What went wrong (RFC 9457)."""

    type: Annotated[str, Meta(pattern="^urn:invoke-once:[a-z-]+$")]
    title: str
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: str | UnsetType = UNSET
    errors: list[FieldError] | UnsetType = UNSET
    batch_status: (
        Annotated[
            Literal["running", "succeeded", "failed", "cancelled"],
            Meta(description="of a batch whose state forbids what was asked"),
        ]
        | UnsetType
    ) = UNSET
    bulk_status: (
        Annotated[Literal["running", "done", "stopped"], Meta(description="of a bulk job that has ended")] | UnsetType
    ) = UNSET
    run_status: Annotated[Status, Meta(description="of a run whose state forbids what was asked")] | UnsetType = UNSET


class Event(Struct):
    """The body of a callback."""

    type: Literal["run.succeeded", "run.failed", "run.timed_out", "run.cancelled", "run.expired", "batch.succeeded",
                  "batch.failed", "batch.cancelled"]  # fmt: skip
    timestamp: Time
    data: Annotated[Any, Meta(description="the run, or the batch; without `output` where the body would be over 20 KB")]


ALL = (Run, RunLink, RunList, LogPage, DeliveryList, Function, FunctionList, Token, NewToken, TokenList,
       WebhookSecrets, Health, Problem, Event)  # fmt: skip
