"""Whole operations as flows: one call, or the few that belong together. Drivers carry them out.

Each takes a `Core`: which service, how patiently, and the seams. None sleeps, sends or reads a clock itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urljoin, urlsplit

from invoke_once import client_errors
from invoke_once.client.core import replies
from invoke_once.client.core.document import RunInfo
from invoke_once.client.core.effects import Answer, Call, Flow, Lost, Reply, Seams, pause, send
from invoke_once.client.core.requests import Start, Target, name_in_path, run_path
from invoke_once.client.core.retry import RetryPolicy, maybe_done


@dataclass(frozen=True, slots=True)
class Core:
    """What every flow needs."""

    target: Target
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    seams: Seams = field(default_factory=Seams)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The last answer, and whether an earlier try may have been carried out although it got no answer."""

    answer: Answer
    uncertain: bool


@dataclass(frozen=True, slots=True)
class Health:
    """What the service says of itself; `date` is its clock, as the header `Date` has it."""

    ok: bool
    data: Mapping[str, Any]
    date: str | None


def attempt(core: Core, call: Call, *, repeatable: bool = True) -> Flow[Outcome]:
    """Send a call, again where that may help and cannot harm. Never raises for what comes back."""
    began_s, failures, uncertain = core.seams.clock(), 0, False
    while True:
        answer = yield from send(call)
        failures += 1
        spent_s = core.seams.clock() - began_s
        pause_s = core.policy.next_pause(answer, failures, spent_s, core.seams.chance(), repeatable=repeatable)
        if pause_s is None:
            return Outcome(answer, uncertain)
        uncertain = uncertain or maybe_done(answer)
        yield from pause(pause_s)


def fetch(core: Core, call: Call, *, repeatable: bool = True, also: int = 200) -> Flow[Reply]:
    """The 2xx reply to a call (or the status `also`); anything else is raised."""
    outcome = yield from attempt(core, call, repeatable=repeatable)
    reply = outcome.answer
    if isinstance(reply, Lost):
        raise replies.lost_error(reply, call.url)
    if 200 <= reply.status < 300 or reply.status == also:
        return reply
    error = replies.error_of(reply)
    if isinstance(error, client_errors.RequestRefused):
        error.uncertain = outcome.uncertain
    raise error


def start(core: Core, request: Start) -> Flow[RunInfo]:
    """Start a run, or find the one that this key has started before."""
    try:
        reply = yield from fetch(core, request.call(core.target))
    except client_errors.ServiceUnreachable as error:
        error.idempotency_key = request.key
        raise
    return replies.run_of(reply)


def get(core: Core, run_id: str) -> Flow[RunInfo]:
    """The run as it is now."""
    return replies.run_of((yield from fetch(core, core.target.call("GET", run_path(run_id)))))


def cancel(core: Core, run_id: str) -> Flow[RunInfo]:
    """Ask for a cancellation. A run that is cancelled already is an answer, not an error."""
    try:
        reply = yield from fetch(core, core.target.call("POST", run_path(run_id, "/cancel")))
    except client_errors.Conflict:
        run = yield from get(core, run_id)
        if run.status != "cancelled":
            raise
        return run
    return replies.run_of(reply)


def retry(core: Core, run_id: str, from_start: bool = False) -> Flow[RunInfo]:
    """Run an unsuccessful run again. Where an earlier try got no answer, a run under way is its answer."""
    try:
        body = {"from": "start"} if from_start else None
        reply = yield from fetch(core, core.target.call("POST", run_path(run_id, "/retry"), body=body))
    except client_errors.Conflict as refusal:
        run = yield from get(core, run_id)
        if not refusal.uncertain or run.finished:
            raise
        return run
    return replies.run_of(reply)


def payload(core: Core, run_id: str, part: str) -> Flow[Any]:
    """`input` or `output` as a value."""
    return replies.json_of((yield from stored(core, run_id, part)))


def text(core: Core, run_id: str, part: str) -> Flow[str]:
    """`input` or `output` as the JSON text that is stored."""
    reply = yield from stored(core, run_id, part)
    try:
        return reply.body.decode()
    except UnicodeDecodeError:
        raise client_errors.UnexpectedReply(f"the {part} is not UTF-8", reply.status) from None


def link(core: Core, run_id: str, expires_in_seconds: int | None) -> Flow[Mapping[str, Any]]:
    """A link to this run or batch alone. Nothing is stored for it, so a repeat does no harm."""
    body = {} if expires_in_seconds is None else {"expires_in_seconds": expires_in_seconds}
    return _mapping((yield from fetch(core, core.target.call("POST", run_path(run_id, "/links"), body=body))))


def stored(core: Core, run_id: str, part: str) -> Flow[Reply]:
    """The reply that holds `input` or `output`. A large one lies behind a presigned URL, which gets no token."""
    call = core.target.call("GET", run_path(run_id, f"/{part}"))
    refused: Reply | None = None
    for _ in range(2):  # a presigned URL can expire between the two calls: ask for a new one, once
        reply = yield from fetch(core, call, also=303)
        if reply.status != 303:
            return reply
        where = _elsewhere(reply)
        found = (yield from attempt(core, Call("GET", where, read_timeout_s=core.target.timeout_s))).answer
        if isinstance(found, Lost):
            raise replies.lost_error(found, where)
        if found.status == 200:
            return found
        refused = found
    assert refused is not None
    raise replies.error_of(refused)


def outcome(core: Core, run: RunInfo) -> Flow[Any]:
    """The output of a finished run, fetched where the document does not hold it. Raises RunNotSucceeded."""
    if run.status != "succeeded":
        raise replies.ending_of(run)
    if run.has_output:
        return run.output
    return (yield from payload(core, run.id, "output"))


def deliveries(core: Core, run_id: str) -> Flow[Sequence[Mapping[str, Any]]]:
    """The attempts to deliver the run's callback, oldest first."""
    return (yield from _items(core, run_path(run_id, "/deliveries"), "deliveries"))


def send_again(core: Core, run_id: str) -> Flow[None]:
    """Have the callback sent once more, under the same webhook-id."""
    yield from fetch(core, core.target.call("POST", run_path(run_id, "/deliveries")))


def functions(core: Core) -> Flow[Sequence[Mapping[str, Any]]]:
    """What may be run, with limits and input schemas."""
    return (yield from _items(core, "/functions", "functions"))


def function(core: Core, name: str) -> Flow[Mapping[str, Any]]:
    """One function's entry."""
    path = f"/functions/{name_in_path(name, 'function name')}"
    return _mapping((yield from fetch(core, core.target.call("GET", path))))


def hold_back(core: Core, name: str, action: str, reason: str | None = None) -> Flow[Mapping[str, Any]]:
    """`pause` or `resume` a function; its entry as it is then."""
    path = f"/functions/{name_in_path(name, 'function name')}/{action}"
    body = None if reason is None else {"reason": reason}
    return _mapping((yield from fetch(core, core.target.call("POST", path, body=body))))


def health(core: Core) -> Flow[Health]:
    """What `/healthz` says, healthy or not. One try, so that a doctor sees what is; no token, it needs none."""
    url, headers = f"{core.target.url}/healthz", {"Accept": "application/json"}
    call = Call("GET", url, headers, None, core.target.timeout_s)
    answer = yield from send(call)
    if isinstance(answer, Lost):
        raise replies.lost_error(answer, call.url)
    if answer.status not in (200, 503):
        raise replies.error_of(answer)
    return Health(answer.status == 200, _mapping(answer), answer.headers.get("date"))


def version(core: Core) -> Flow[str]:
    """The service's version, as its OpenAPI document has it; empty where it has none."""
    call = Call("GET", f"{core.target.url}/openapi.json", {"Accept": "application/json"})
    info = _mapping((yield from fetch(core, call))).get("info")
    return str(info.get("version") or "") if isinstance(info, Mapping) else ""


def create_token(core: Core, body: Mapping[str, Any]) -> Flow[Mapping[str, Any]]:
    """A new token; its secret is in this one answer only, so a try that may have worked is not repeated."""
    call = core.target.call("POST", "/tokens", body=body)
    return _mapping((yield from fetch(core, call, repeatable=False)))


def iam_token(core: Core, expires_in_seconds: int | None, session: object) -> Flow[Mapping[str, Any]]:
    """A token for the AWS role or user whose credentials sign the call."""
    from invoke_once.client.core.signature import signed

    body = None if expires_in_seconds is None else {"expires_in_seconds": expires_in_seconds}
    call = replace(core.target, token="").call("POST", "/iam-tokens", body=body)
    return _mapping((yield from fetch(core, signed(call, session), repeatable=False)))


def revoke_token(core: Core, token_id: str) -> Flow[None]:
    """Revoke. Where an earlier try got no answer, a token that is gone is its answer."""
    try:
        yield from fetch(core, core.target.call("DELETE", f"/tokens/{name_in_path(token_id, 'token id')}"))
    except client_errors.NotFound as refusal:
        if not refusal.uncertain:
            raise


def _items(core: Core, path: str, name: str) -> Flow[Sequence[Mapping[str, Any]]]:
    reply = yield from fetch(core, core.target.call("GET", path))
    return items_of(reply, name)


def items_of(reply: Reply, name: str) -> Sequence[Mapping[str, Any]]:
    """The list under `name` in an answer. Raises UnexpectedReply where there is none."""
    items = _mapping(reply).get(name)
    if isinstance(items, list) and all(isinstance(item, Mapping) for item in items):
        return items
    raise client_errors.UnexpectedReply(f"the answer holds no list of {name}", reply.status)


def _mapping(reply: Reply) -> Mapping[str, Any]:
    data = replies.json_of(reply)
    if isinstance(data, Mapping):
        return data
    raise client_errors.UnexpectedReply("the answer is not a JSON object", reply.status)


def _elsewhere(reply: Reply) -> str:
    """Where a 303 points. Raises UnexpectedReply for a step down from https, or none at all."""
    where = urljoin(reply.url, reply.headers.get("location", ""))
    if urlsplit(where).scheme == "https" or (urlsplit(where).scheme == "http" and reply.url.startswith("http:")):
        return where
    raise client_errors.UnexpectedReply("the service points to a place that is not https", reply.status)
