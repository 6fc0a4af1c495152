"""`POST /runs`, `GET /runs/{run_id}`, `POST /runs/{run_id}/cancel` and `/retry`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from chalice.app import Response
from msgspec import UNSET

from chalicelib.api import headers, problems, schemas, strictjson, waiting
from chalicelib.api.call import Call
from chalicelib.api.routes import Answer, Routes
from chalicelib.functions import Function
from chalicelib.runs import dispatch, documents, inputs
from chalicelib.runs.dispatch import StartRequest
from invoke_once.life.head import Head
from invoke_once.store.store import Applied, Result

routes = Routes(__name__, tag="runs")

STATE_NOW = ("ETag", "Retry-After")
_POLLED = (*STATE_NOW, "Preference-Applied")
_STARTED = ("Location", "Idempotent-Replayed", *_POLLED)
MOVED = {202: Answer("the run as it is now", "Run", STATE_NOW)}
_RUN_ID = re.compile(r"run_[a-z2-7]{26}")


@routes.route("/runs", methods=["POST"])
@routes.operation(
    {
        202: Answer("accepted; look again after Retry-After", "Run", _STARTED),
        200: Answer("it has ended already", "Run", _STARTED),
    },
    scope="runs:write",
    body=schemas.StartRequest,
    examples=schemas.START_EXAMPLES,
    headers=("Idempotency-Key", "Prefer", "traceparent", "tracestate"),
    problems=(404,),
)
def start_run(call: Call) -> Response:
    """Start a run, or find the one that the idempotency key has started before.

    The run is recorded before this answers, and is fired once. A repeat with the same key, at any time while the run
    is kept, answers with the same run; with another body it is refused (422).
    """
    key = headers.idempotency_key(call.headers)
    asked: schemas.StartRequest = schemas.read(call.json_body(), schemas.StartRequest, opaque="input")
    request = _request(call, asked, key)
    svc = call.service
    waiting.within_limits(call, lambda: dispatch.is_known(svc, request))
    try:
        accepted = dispatch.accept(call.service, request)
    except dispatch.KeyReused:
        detail = "The key was used before with another function, input or options."
        raise problems.KeyReused(detail) from None
    call.noted["run_id"] = accepted.head.run_id
    head = _held(call, accepted.head, lambda seen: seen.terminal)
    response = run_reply(call, head, "runs/", status=200 if head.terminal else 202)
    return waiting.started(call, response, f"runs/{head.run_id}", replayed=accepted.replayed)


@routes.route("/runs/{run_id}", methods=["GET"])
@routes.operation(
    {200: Answer("the run", "Run", _POLLED), 304: Answer("nothing has changed", headers=("ETag",))},
    scope="runs:read",
    headers=("Prefer",),
    linked="run",
)
def show_run(call: Call, run_id: str) -> Response:
    """One run as it is now; held until it changes, where the caller prefers to wait.

    With `Prefer: wait=N` the call is held until the run has ended, or, with If-None-Match, until it differs from that
    state.
    """
    head = _held(
        call, find(call, run_id), lambda seen: waiting.worth_telling(call, seen.terminal, lambda: _etag(call, seen))
    )
    return run_reply(call, head, "", if_none_match=True)


@routes.route("/runs/{run_id}/cancel", methods=["POST"])
@routes.operation(MOVED, scope="runs:write", problems=(409,))
def cancel_run(call: Call, run_id: str) -> Response:
    """Cancel a run: at once if nobody has claimed it, else its attempt is asked to stop.

    A running attempt sees the request at its next progress or check, and may end otherwise.
    """
    asked = dispatch.cancel(call.service, find(call, run_id), call.who.id if call.who else None)
    return _moved(call, asked, "It has ended: there is nothing to cancel.")


@routes.route("/runs/{run_id}/retry", methods=["POST"])
@routes.operation(
    MOVED,
    scope="runs:write",
    body=schemas.RetryRequest,
    body_optional=True,
    examples={"start": {"from": "start"}},
    problems=(409,),
)
def retry_run(call: Call, run_id: str) -> Response:
    """Send a run that ended without success again.

    For a run that ended failed, timed_out, cancelled or expired. Its attempts go on counting, and it begins with its
    newest checkpoint, where it has one, unless told otherwise.
    """
    head = find(call, run_id)
    asked = schemas.read(call.json_body(), schemas.RetryRequest) if call.body else schemas.RetryRequest()
    redriven = dispatch.redrive(call.service, head, from_start=asked.from_ == "start")
    return _moved(call, redriven, "Only a run that ended without success can be sent again.")


def find(call: Call, run_id: str) -> Head:
    """The run, if it is the caller's. Raises NotFound with the same bytes for every reason."""
    head = call.service.store.get(run_id, call.service.now_ms()) if _RUN_ID.fullmatch(run_id) else None
    if head is None or not (call.link.opens(head) if call.link else head.tenant == call.tenant):
        raise problems.NotFound("There is no such run.")
    call.owner = head.tenant
    call.noted["run_id"] = head.run_id
    return head


def run_reply(call: Call, head: Head, links_base: str, status: int = 200, *, if_none_match: bool = False) -> Response:
    """The run's document with what a poller needs to know. `if_none_match`: 304 where the caller has this state."""
    text = documents.run_json(call.service, head, call.relative(links_base), for_link=call.link is not None)
    later_s = None if head.terminal else documents.retry_after_s(head, call.service.now_ms())
    return waiting.polled(call, text, _etag(call, head), later_s, status, if_none_match=if_none_match)


def _held(call: Call, head: Head, enough: Callable[[Head], bool]) -> Head:
    return waiting.hold(call, head, enough, lambda: call.service.store.get(head.run_id, call.service.now_ms()))


def _etag(call: Call, head: Head) -> str:
    """Names the state, whichever call shows it: links are relative to the call."""
    return documents.etag(documents.run_json(call.service, head, "", for_link=call.link is not None))


def _moved(call: Call, result: Result, refusal: str) -> Response:
    if isinstance(result, Applied):
        return run_reply(call, result.head, "../", status=202)
    if result.head is None:
        raise problems.NotFound("There is no such run.")
    raise problems.WrongState(refusal, run_status=str(result.head.status))


def _request(call: Call, asked: schemas.StartRequest, key: str | None) -> StartRequest:
    function = function_named(call, asked.function)
    found = inputs.wrong(function, asked.input)
    if found is not None:
        pointer, detail = found
        raise problems.InvalidRequest(
            "The input is not what the function takes.", errors=[(f"/input{pointer}", detail)]
        )
    retry = asked.retry if asked.retry is not UNSET else schemas.Retry()
    text = strictjson.member_text(call.body, "input")
    traceparent, tracestate = headers.trace_context(call.headers)
    return StartRequest(
        function=function,
        tenant=call.tenant,
        key=key,
        input=b"null" if text is None else text,
        callback_url=callback_url(call, asked.callback.url) if isinstance(asked.callback, schemas.Callback) else None,
        no_callback=asked.callback is None,
        traceparent=traceparent,
        tracestate=tracestate,
        delay_ms=asked.delay_seconds * 1000,
        queue_ms=asked.queue_timeout_seconds * 1000,
        max_attempts=or_none(retry.max_attempts),
        backoff_ms=ms_or_none(retry.backoff_seconds),
        max_backoff_ms=ms_or_none(retry.max_backoff_seconds),
        if_failed=asked.if_failed,
        labels=asked.labels or None,
        concurrency=None if asked.concurrency is UNSET else (asked.concurrency.key, asked.concurrency.max),
    )


def function_named(call: Call, name: str) -> Function:
    function = call.service.functions.get(name)
    if function is None or not function.may_be_run_by(call.tenant):
        raise problems.NotFound("There is no such function.")
    return function


def callback_url(call: Call, url: str) -> str:
    from chalicelib.callbacks.receivers import check_receiver
    from chalicelib.callbacks.urls import UrlRefused

    own = {host.lower() for host in call.headers.get("host", ())}
    try:
        return str(check_receiver(call.service.settings, call.tenant, url, own))
    except UrlRefused as refused:
        detail = f"The URL {refused}"
        raise problems.InvalidRequest(f"{detail}.", errors=[("/callback/url", detail)]) from None


def or_none(value: Any) -> int | None:
    return None if value is UNSET else int(value)


def ms_or_none(seconds: Any) -> int | None:
    return None if seconds is UNSET else int(seconds) * 1000
