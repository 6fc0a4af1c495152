"""The arguments of `start` and `list` as the service names them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, TypedDict

from invoke_once.client.core.requests import START_HOLD_S, JsonText, Start, moment


class Retry(TypedDict, total=False):
    """How often a run's body may start, and the pauses between its attempts."""

    max_attempts: int
    backoff_seconds: int
    max_backoff_seconds: int


class Concurrency(TypedDict):
    """At most `max` (1 to 1000) runs of a tenant with this `key` at once, whatever their functions are."""

    key: str
    max: int


class StartOptions(TypedDict, total=False):
    """What `start` takes beside function and input.

    key: the idempotency key; a random one where none is given. The same key is the same run.
    callback: a URL or ARN that gets the outcome, signed. False: nobody is told, though the function has a default.
    delay_seconds, queue_timeout_seconds: when to start, and how long the run may wait for it.
    retry: see `Retry`.
    if_failed: "replay" (default) gives a failed run back, "rerun" runs it again.
    labels: names and values to find the run by.
    concurrency: see `Concurrency`; a run over the limit waits in line, `queued`.
    wait: seconds, to 20, for which the service may hold the call until the run has ended.
    """

    key: str | None
    callback: str | Literal[False] | None
    delay_seconds: int | None
    queue_timeout_seconds: int | None
    retry: Retry | None
    if_failed: str | None
    labels: Mapping[str, str] | None
    concurrency: Concurrency | None
    wait: float


class ListOptions(TypedDict, total=False):
    """What `list` filters by; `limit` bounds the number of runs over all pages (None: all there are)."""

    function: str | None
    status: str | Sequence[str] | None
    key: str | None
    labels: Mapping[str, str] | None
    created_after: datetime | str | None
    created_before: datetime | str | None
    limit: int | None


def start_request(function: str, value: Any, given: StartOptions) -> Start:
    """The start request; the key is settled in it. Raises TypeError for an option that there is not."""
    known_only("start", given, StartOptions.__annotations__)
    known_only("retry", given.get("retry") or {}, Retry.__annotations__)
    known_only("concurrency", given.get("concurrency") or {}, Concurrency.__annotations__)
    callback = given.get("callback")
    options = {
        "callback": JsonText("null") if callback is False else None if callback is None else {"url": callback},
        "labels": dict(given.get("labels") or {}) or None,
        **{
            name: given.get(name)
            for name in ("delay_seconds", "queue_timeout_seconds", "retry", "if_failed", "concurrency")
        },
    }
    hold_s = max(0, min(START_HOLD_S, int(given.get("wait", 0))))
    key = given.get("key")
    if key is None:
        return Start(function, value, options=options, hold_s=hold_s)
    return Start(function, value, key, options, hold_s)


def list_query(given: ListOptions) -> dict[str, Any]:
    """The query of `GET /runs`, without the paging. Raises TypeError for an option that there is not."""
    known_only("list", given, ListOptions.__annotations__)
    status = given.get("status")
    return {
        "function": given.get("function"),
        "status": status if status is None or isinstance(status, str) else ",".join(status),
        "key": given.get("key"),
        "label": [f"{name}:{value}" for name, value in (given.get("labels") or {}).items()] or None,
        "created_after": moment(given.get("created_after")),
        "created_before": moment(given.get("created_before")),
    }


def known_only(what: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raise TypeError for the first name that is not known, with the nearest that is.

    A mistyped `key` would otherwise be left out, and each call would be a run of its own.
    """
    names = list(known)
    for name in given:
        if name not in names:
            from difflib import get_close_matches

            near = get_close_matches(name, names, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
            raise TypeError(f"{what} has no option {name!r}: {hint}")


def token_body(tenant: str | None, scopes: Sequence[str] | None, expires_in_seconds: int | None) -> dict[str, Any]:
    """The body of `POST /tokens`."""
    body = {
        "tenant": tenant,
        "scopes": None if scopes is None else list(scopes),
        "expires_in_seconds": expires_in_seconds,
    }
    return {name: value for name, value in body.items() if value is not None}
