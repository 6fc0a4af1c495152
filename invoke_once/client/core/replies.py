"""Answers to values and errors: a document where the service answered, our own error where it refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from invoke_once import client_errors
from invoke_once.client.core.document import RunInfo
from invoke_once.client.core.effects import Lost, Reply
from invoke_once.client.core.retry import AGAIN, is_gateways_own, retry_after_s

_REFUSALS: Mapping[int, type[client_errors.RequestRefused]] = {
    400: client_errors.BadRequest,
    401: client_errors.Unauthorized,
    403: client_errors.Forbidden,
    404: client_errors.NotFound,
    409: client_errors.Conflict,
    413: client_errors.TooLarge,
    422: client_errors.Invalid,
}
_ENDINGS: Mapping[str, type[client_errors.RunNotSucceeded]] = {
    "failed": client_errors.RunFailed,
    "timed_out": client_errors.RunTimedOut,
    "cancelled": client_errors.RunCancelled,
    "expired": client_errors.RunExpired,
}


def json_of(reply: Reply) -> Any:
    """The body as JSON. Raises UnexpectedReply where it is none."""
    try:
        return json.loads(reply.body)
    except (ValueError, RecursionError):
        kind = reply.headers.get("content-type", "no content type").partition(";")[0]
        raise client_errors.UnexpectedReply(
            f"{_origin(reply)} answered {reply.status} with {kind}, not JSON: is this the service's URL?",
            reply.status,
        ) from None


def run_of(reply: Reply) -> RunInfo:
    """The run's document. Raises UnexpectedReply where the body is not one."""
    run = run_from(json_of(reply))
    replayed = reply.headers.get("idempotent-replayed", "").strip().lower() == "true"
    return RunInfo(run.data, reply.headers.get("etag"), replayed, retry_after_s(reply))


def run_from(data: object) -> RunInfo:
    """A run's document out of a larger answer. Raises UnexpectedReply where it is none."""
    if isinstance(data, Mapping) and isinstance(data.get("id"), str) and isinstance(data.get("status"), str):
        return RunInfo(data)
    raise client_errors.UnexpectedReply("what answers there does not answer with runs: is it the service's URL?")


def is_ours(reply: Reply) -> bool:
    """True for a refusal that the service itself wrote; false for one of a gateway or a proxy between."""
    if reply.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/problem+json":
        return False
    try:
        return isinstance(json.loads(reply.body), Mapping)
    except (ValueError, RecursionError):
        return False


def error_of(reply: Reply) -> client_errors.InvokeOnceError:
    """What to raise for an answer that is not a success."""
    if reply.status in AGAIN or is_gateways_own(reply):
        return client_errors.ServiceUnreachable(f"the service is not available now (HTTP {reply.status}){_said(reply)}")
    if reply.status >= 500:
        return client_errors.UnexpectedReply(f"the service failed (HTTP {reply.status}){_said(reply)}", reply.status)
    if reply.status >= 400 and is_ours(reply):
        return _REFUSALS.get(reply.status, client_errors.RequestRefused)(json.loads(reply.body), reply.status)
    if 300 <= reply.status < 400:
        target = reply.headers.get("location", "elsewhere")
        return client_errors.UnexpectedReply(f"{_origin(reply)} redirects to {target}: use that URL", reply.status)
    return client_errors.UnexpectedReply(
        f"{_origin(reply)} answered {reply.status}, and not in the service's way: is this its URL?",
        reply.status,
    )


def lost_error(lost: Lost, url: str) -> client_errors.ServiceUnreachable:
    """What to raise when no answer came."""
    return client_errors.ServiceUnreachable(f"no answer from {_site(url)}: {lost.reason}")


def ending_of(run: RunInfo) -> client_errors.RunNotSucceeded:
    """What to raise for a run that ended without succeeding."""
    return _ENDINGS.get(run.status, client_errors.RunNotSucceeded)(run)


def _said(reply: Reply) -> str:
    detail = json.loads(reply.body).get("detail") if is_ours(reply) else None
    return f": {detail}" if detail else ""


def _origin(reply: Reply) -> str:
    return _site(reply.url)


def _site(url: str) -> str:
    """Scheme, host and path: what helps to see a wrong URL, without a presigned query's signature."""
    return url.partition("?")[0]
