"""What requests hold, as msgspec structs: read here, described in the OpenAPI document. Queries stand beside views."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, ValidationError

from chalicelib.api.problems import InvalidParameter, InvalidRequest

T = TypeVar("T")

DAY_S = 86_400
MAX_LABELS = 10
LABEL_NAME = r"^[A-Za-z0-9_.\-/]{1,64}$"
LABEL_VALUE = r"^[^\u0000-\u001f\u007f]{0,128}$"
#: `name:value` of a filter. No run has a longer one.
LABEL_ASKED = Meta(pattern="^[^:]+:", max_length=64 + 1 + 128)
TENANT = r"^[a-z0-9][a-z0-9._-]{0,62}$"


def whole(pattern: str, **more: Any) -> Meta:
    """A text that is all of `pattern`: Python's `$` also matches before a final newline, JSON Schema's does not."""
    return Meta(pattern=pattern.removesuffix("$") + r"\Z", extra_json_schema={"pattern": pattern}, **more)


Scope = Literal["runs:read", "runs:write", "admin", "operator"]
#: A query's cursor; what it may be is for cursor.py to say.
Cursor = Annotated[
    str, Meta(description="next_cursor of the page before", extra_json_schema={"minLength": 24, "maxLength": 4096})
]
Tenant = Annotated[str, whole(TENANT, description="whose; the caller's own, unless told")]


class Retry(Struct, frozen=True, forbid_unknown_fields=True):
    """How often the body may start, and how long to wait in between. What is absent is the function's own."""

    max_attempts: Annotated[int, Meta(ge=1, le=100)] | UnsetType = UNSET
    backoff_seconds: (
        Annotated[int, Meta(ge=0, le=DAY_S, description="before the second attempt; then doubled")] | UnsetType
    ) = UNSET
    max_backoff_seconds: Annotated[int, Meta(ge=0, le=DAY_S)] | UnsetType = UNSET


class Callback(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the outcome is sent to: a URL gets a Standard Webhooks message; or a bus, queue or topic by its ARN."""

    url: Annotated[
        str,
        Meta(
            max_length=2048,
            description="https, public; or the ARN of a bus, queue or topic that the service allows",
            examples=["https://example.com/hook"],
            extra_json_schema={"format": "uri", "pattern": r"^(https?://|arn:)\S+$"},
        ),
    ]


class Concurrency(Struct, frozen=True, forbid_unknown_fields=True):
    """At most `max` of the tenant's runs with this key at once, of all its functions; the others wait, oldest first."""

    key: Annotated[str, Meta(min_length=1, max_length=255, examples=["customer-17"])]
    max: Annotated[int, Meta(ge=1, le=1_000, description="as the latest request with the key names it")]


class StartRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A run to start. Only `function` is required."""

    function: Annotated[str, Meta(description="a name from GET /functions", examples=["echo"])]
    input: Annotated[Any, Meta(description="what the function gets; any JSON, null when absent")] = None
    callback: Annotated[
        Callback | UnsetType | None, Meta(description="absent: the function's own, if it has one; null: none")
    ] = UNSET
    delay_seconds: Annotated[int, Meta(ge=0, le=7 * DAY_S, description="start this much later")] = 0
    queue_timeout_seconds: Annotated[int, Meta(ge=1, le=DAY_S, description="not started by then: it ends expired")] = (
        21_600
    )
    retry: Retry | UnsetType = UNSET
    if_failed: Annotated[
        Literal["replay", "rerun"],
        Meta(
            description="what a repeat of a run that failed, timed out or expired does: give it back, or run it again"
        ),
    ] = "replay"
    labels: Annotated[
        dict[Annotated[str, whole(LABEL_NAME)], Annotated[str, whole(LABEL_VALUE)]],
        Meta(max_length=MAX_LABELS, description="to find the run by"),
    ] = {}
    concurrency: Concurrency | UnsetType = UNSET


_Labels = Annotated[
    dict[Annotated[str, whole(LABEL_NAME)], Annotated[str, whole(LABEL_VALUE)]],
    Meta(max_length=MAX_LABELS, description="to find it by"),
]


class BatchItem(Struct, frozen=True, forbid_unknown_fields=True):
    """One run of a batch."""

    input: Annotated[Any, Meta(description="what the function gets; any JSON, null when absent")] = None
    key: (
        Annotated[
            str,
            whole(r"^[!-~]{1,255}$", description="tells the item; unique in the batch, and of no meaning outside"),
        ]
        | UnsetType
    ) = UNSET
    labels: _Labels = {}


class BatchRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Many runs of one function, with one outcome."""

    function: Annotated[str, Meta(description="a name from GET /functions", examples=["echo"])]
    items: Annotated[list[BatchItem], Meta(min_length=1, max_length=10_000)]
    callback: Callback | UnsetType = UNSET
    labels: _Labels = {}
    retry: Retry | UnsetType = UNSET
    delay_seconds: Annotated[int, Meta(ge=0, le=7 * DAY_S, description="start every item this much later")] = 0
    queue_timeout_seconds: Annotated[
        int, Meta(ge=1, le=DAY_S, description="an item that was begun and is not started by then ends expired")
    ] = 21_600
    max_running: (
        Annotated[int, Meta(ge=1, le=10_000, description="at most so many of its runs at once; the others begin later")]
        | UnsetType
    ) = UNSET
    if_failed: Annotated[
        Literal["replay", "rerun"],
        Meta(description="what a repeat of a batch that failed does: give it back, or run again what did not succeed"),
    ] = "replay"


BATCH_EXAMPLES = {
    "least": {"function": "echo", "items": [{"input": 1}, {"input": 2}]},
    "all": {
        "function": "echo",
        "items": [{"input": {"page": 1}, "key": "page-1", "labels": {"page": "1"}}, {"input": {"page": 2}}],
        "callback": {"url": "https://example.com/hook"},
        "labels": {"night": "2026-11-26"},
        "retry": {"max_attempts": 3, "backoff_seconds": 10, "max_backoff_seconds": 600},
        "delay_seconds": 0,
        "queue_timeout_seconds": 21600,
        "max_running": 20,
        "if_failed": "replay",
    },
}


class RetryRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """How to send a run again. The body may be left out."""

    from_: Annotated[
        Literal["checkpoint", "start"], Meta(description="begin with its newest checkpoint, or without")
    ] = msgspec.field(default="checkpoint", name="from")


START_EXAMPLES = {
    "least": {"function": "echo"},
    "all": {
        "function": "report",
        "input": {"csv": "a,b\n1,2\n"},
        "callback": {"url": "https://example.com/hook"},
        "delay_seconds": 0,
        "queue_timeout_seconds": 21600,
        "retry": {"max_attempts": 3, "backoff_seconds": 10, "max_backoff_seconds": 600},
        "if_failed": "replay",
        "labels": {"batch": "7"},
        "concurrency": {"key": "customer-17", "max": 2},
    },
}


class TokenRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A token to make. Without a tenant: the caller's; without scopes: reading and writing runs."""

    tenant: Annotated[str, whole(TENANT)] | UnsetType = UNSET
    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1, max_length=4)] = (
        "runs:read",
        "runs:write",
    )
    expires_in_seconds: Annotated[int, Meta(ge=1, le=3650 * DAY_S)] | UnsetType = UNSET


class IamTokenRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """How long the token is to work: an hour unless told, twelve at most."""

    expires_in_seconds: Annotated[int, Meta(ge=60, le=DAY_S // 2)] = 3600


def read(value: Any, kind: type[T], opaque: str | None = None) -> T:
    """`value` as a struct. Raises InvalidRequest with a pointer. `opaque` names a member that is anything."""
    try:
        return msgspec.convert(_integral(value, opaque), kind, strict=True)
    except ValidationError as error:
        pointer, detail = _placed(str(error))
        raise InvalidRequest(f"{detail}.", errors=[(pointer, detail)]) from None


def read_query(query: Mapping[str, Sequence[str]], kind: type[T]) -> T:
    """A query as a struct. Raises InvalidParameter, also for a name that may be given once and is given twice."""
    given: dict[str, Any] = {}
    for name, texts in query.items():
        if name in _MANY:
            given[name] = [part for text in texts for part in (text.split(",") if name == "status" else [text])]
        elif len(texts) != 1:
            raise InvalidParameter(f"Give {name} once.")
        else:
            given[name] = int(texts[0]) if name in _NUMBERS and _DIGITS.fullmatch(texts[0]) else texts[0]
    try:
        return msgspec.convert(given, kind, strict=True)
    except ValidationError as error:
        pointer, detail = _placed(str(error))
        raise InvalidParameter(f"{pointer[1:]}: {detail}.") from None


_MANY, _NUMBERS, _DIGITS = ("status", "label"), ("limit", "attempt"), re.compile(r"[0-9]{1,9}")


def _integral(value: Any, opaque: str | None = None) -> Any:
    """3.0 is an integer, as JSON Schema has it; true is not."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {k: v if k == opaque else _integral(v) for k, v in value.items()}
    return [_integral(v) for v in value] if isinstance(value, list) else value


_STEP = re.compile(r"\.([^.\[]+)|\[([^\[\]]*)\]")
_FIELD = re.compile(r"Object (?:contains unknown|missing required) field `")
_LONGEST_PATH = 300


def _placed(message: str) -> tuple[str, str]:
    """(JSON pointer, what is wrong) of one of msgspec's messages, which may quote a name of the caller's."""
    what, at, path = message.rpartition(" - at ")
    path = path.removeprefix("`key` in ").strip("`")[:_LONGEST_PATH]
    if not at or not path.startswith("$"):
        what, path = message, "$"
    pointer = _STEP.sub(lambda m: "/" + (m[1] or m[2]), path.removeprefix("$"))
    field = _FIELD.match(what)
    if field:
        name = what[field.end() : field.end() + _LONGEST_PATH].removesuffix("`").replace("~", "~0").replace("/", "~1")
        return f"{pointer}/{name}"[:200], field[0].removesuffix(" `")
    if what.startswith("Invalid enum value"):
        what = "Not one of the values it may have"
    return pointer.replace("/...", ""), what.replace("`", "")
