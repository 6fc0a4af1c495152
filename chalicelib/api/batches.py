"""`POST /batches`, `GET /batches`, and what can be asked of one: its runs, results, cancel, retry."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

import msgspec
from chalice.app import Response
from msgspec import UNSET, Meta, Struct

from chalicelib.api import cursor, headers, problems, schemas, waiting
from chalicelib.api.call import Call, reply, reply_json
from chalicelib.api.routes import Answer, Routes
from chalicelib.api.runs import callback_url, function_named, ms_or_none, or_none
from chalicelib.api.schemas import Cursor
from chalicelib.batches import documents, records, start
from chalicelib.batches.manifest import Item
from chalicelib.runs import inputs
from chalicelib.runs.dispatch import KeyReused
from chalicelib.runs.documents import etag, run_json
from chalicelib.runs.limits import OverLimit
from invoke_once.life import keys
from invoke_once.life.batch import BATCH, Batch
from invoke_once.life.status import Status
from invoke_once.store.store import Key

routes = Routes(__name__, tag="batches")

_POLLED = ("ETag", "Retry-After", "Preference-Applied")
_STARTED = ("Location", "Idempotent-Replayed", *_POLLED)
MOVED = {202: Answer("the batch as it is now", "Batch", ("ETag", "Retry-After"))}
_BATCH_ID = re.compile(r"batch_[a-z2-7]{26}")
_LAST_MS = 253_402_300_799_999


class _RawItem(Struct):
    input: msgspec.Raw = msgspec.Raw(b"null")


class _RawItems(Struct):
    items: list[_RawItem]


_RAW = msgspec.json.Decoder(_RawItems)


class PageQuery(Struct, frozen=True):
    limit: Annotated[int, Meta(ge=1, le=100, description="at most this many")] = 20
    cursor: Cursor | None = None


class ResultsQuery(Struct, frozen=True):
    limit: Annotated[int, Meta(ge=1, le=100, description="at most this many results")] = 100
    cursor: Cursor | None = None


class RunsQuery(Struct, frozen=True):
    status: Annotated[list[Status], Meta(description="runs in one of these states")] = []
    limit: Annotated[int, Meta(ge=1, le=100, description="at most this many runs")] = 20
    cursor: Cursor | None = None


@routes.route("/batches", methods=["POST"])
@routes.operation(
    {
        202: Answer("accepted; look again after Retry-After", "Batch", _STARTED),
        200: Answer("it has ended already", "Batch", _STARTED),
    },
    scope="runs:write",
    body=schemas.BatchRequest,
    examples=schemas.BATCH_EXAMPLES,
    headers=("Idempotency-Key", "Prefer"),
    problems=(404,),
)
def start_batch(call: Call) -> Response:
    """Start many runs of one function, or find the batch that the idempotency key has started before.

    The batch is recorded whole before this answers, and becomes runs from then on. One item that is not valid: nothing
    is begun. A repeat with the same key answers with the same batch; with another body it is refused (422).
    """
    request = _request(call, headers.idempotency_key(call.headers))
    svc = call.service
    try:
        call.backend.limits.start(svc.store, call.tenant, call.began_ms, svc.spread)
    except OverLimit:
        if not start.is_known(svc, request):  # a repeat starts nothing
            raise
    try:
        accepted = start.accept(svc, request)
    except KeyReused:
        raise problems.KeyReused("The key was used before with another function, items or options.") from None
    call.noted["batch"] = accepted.batch.run_id
    batch = _held(call, accepted.batch, lambda seen: not seen.running)
    response = _reply(call, batch, "batches/", status=202 if batch.running else 200)
    response.headers["Location"] = call.relative(f"batches/{batch.run_id}")
    if accepted.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    return response


@routes.route("/batches", methods=["GET"])
@routes.operation({200: Answer("a page of batches", "BatchList")}, scope="runs:read", query=PageQuery)
def list_batches(call: Call) -> Response:
    """The caller's batches, newest first."""
    query = schemas.read_query(call.query, PageQuery)
    asked, svc, shard = ["batches", call.tenant], call.service, keys.batch_shard(call.tenant)
    position = _position(call, asked, query.cursor)
    after = None if position is None else Key(str(position[0]), shard, int(position[1]), BATCH)
    found = svc.store.index(
        "by_tenant", shard, low=0, high=_LAST_MS, limit=query.limit, newest_first=True, after=after
    )  # fmt: skip
    batches = records.find_many(svc, [key.run_id for key in found]) if found else {}
    shown = [documents.document(batches[key.run_id], "batches/") for key in found if key.run_id in batches]
    following = [found[-1].run_id, found[-1].at] if len(found) == query.limit else None
    return reply_json({"batches": shown, "next_cursor": _sealed(call, asked, following)})


@routes.route("/batches/{batch_id}", methods=["GET"])
@routes.operation(
    {200: Answer("the batch", "Batch", _POLLED), 304: Answer("nothing has changed", headers=("ETag",))},
    scope="runs:read",
    headers=("Prefer",),
    linked="batch",
)
def show_batch(call: Call, batch_id: str) -> Response:
    """One batch as it is now; held until it changes, where the caller prefers to wait."""

    def enough(seen: Batch) -> bool:
        if not seen.running or "if-none-match" not in call.headers:
            return not seen.running
        return not call.matches(_etag(call, seen))

    return _reply(call, _held(call, find(call, batch_id), enough), "", if_none_match=True)


@routes.route("/batches/{batch_id}/runs", methods=["GET"])
@routes.operation({200: Answer("a page of its runs", "BatchRuns")}, scope="runs:read", query=RunsQuery)
def list_batch_runs(call: Call, batch_id: str) -> Response:
    """The batch's runs by index, those that have begun."""
    from chalicelib.batches import pages

    query = schemas.read_query(call.query, RunsQuery)
    batch, svc = find(call, batch_id), call.service
    statuses = tuple(sorted({str(status) for status in query.status}))
    asked = ["batch-runs", call.tenant, batch_id, batch.seed, *statuses]
    begin = int(_position(call, asked, query.cursor) or 0)
    base = call.relative("../../runs/")
    page = pages.runs(svc, batch, begin, query.limit, lambda head: not statuses or head.status in statuses, statuses,
                      lambda head: run_json(svc, head, base))  # fmt: skip
    return _page(call, "runs", page.texts, asked, page.next_index)


@routes.route("/batches/{batch_id}/results", methods=["GET"])
@routes.operation(
    {200: Answer("a page of results", "BatchResults")}, scope="runs:read", query=ResultsQuery, linked="batch"
)
def list_batch_results(call: Call, batch_id: str) -> Response:
    """What became of each item, by index: its output, or its error. An item that has not begun is `scheduled`."""
    from chalicelib.batches import pages

    query = schemas.read_query(call.query, ResultsQuery)
    batch = find(call, batch_id)
    asked = ["batch-results", call.tenant, batch_id, batch.seed]
    begin = int(_position(call, asked, query.cursor) or 0)
    base = call.relative("../../runs/")
    page = pages.results(call.service, batch, begin, query.limit, base, for_link=call.link is not None)
    return _page(call, "results", page.texts, asked, page.next_index)


@routes.route("/batches/{batch_id}/cancel", methods=["POST"])
@routes.operation(MOVED, scope="runs:write", problems=(409,))
def cancel_batch(call: Call, batch_id: str) -> Response:
    """Cancel a batch: items that have not begun never will, runs are cancelled, running ones are asked to stop."""
    found = find(call, batch_id)
    asked = start.cancel(call.service, found, call.who.id if call.who else None)
    return moved(call, asked, found, "It has ended: there is nothing to cancel.")


@routes.route("/batches/{batch_id}/retry", methods=["POST"])
@routes.operation(MOVED, scope="runs:write", problems=(409,))
def retry_batch(call: Call, batch_id: str) -> Response:
    """Run the items that did not succeed again: the batch runs, ends and tells its outcome once more."""
    return moved(call, start.retry(call.service, found := find(call, batch_id)), found,
                  "Only a batch that ended without success can run again.")  # fmt: skip


def find(call: Call, batch_id: str) -> Batch:
    """The batch, if it is the caller's. Raises NotFound with the same bytes for every reason."""
    batch = records.find(call.service, batch_id) if _BATCH_ID.fullmatch(batch_id) else None
    if batch is None or not (call.link.opens(batch) if call.link else batch.tenant == call.tenant):
        raise problems.NotFound("There is no such batch.")
    call.owner = batch.tenant
    call.noted["batch"] = batch.run_id
    return batch


def _held(call: Call, batch: Batch, enough: Any) -> Batch:
    return waiting.hold(call, batch, enough, lambda: records.find(call.service, batch.run_id))


def _reply(call: Call, batch: Batch, base: str, status: int = 200, *, if_none_match: bool = False) -> Response:
    named = {"ETag": _etag(call, batch)}
    if batch.running:
        named["Retry-After"] = str(documents.retry_after_s(batch, call.service.now_ms()))
    if call.waited_s is not None:
        named["Preference-Applied"] = f"wait={call.waited_s}"
    if if_none_match and call.matches(named["ETag"]):
        return reply(None, 304, named)
    return reply_json(_document(call, batch, call.relative(base)), status, named)


def _etag(call: Call, batch: Batch) -> str:
    """Names the state, whichever call shows it: links are relative to the call."""
    return etag(json.dumps(_document(call, batch, "")))


def _document(call: Call, batch: Batch, base: str) -> documents.Document:
    whole = documents.document(batch, base)
    return documents.for_link(whole) if call.link else whole


def moved(call: Call, batch: Batch | None, before: Batch, refusal: str) -> Response:
    if batch is None:
        now = records.find(call.service, before.run_id) or before
        raise problems.WrongState(refusal, batch_status=str(now.status))
    return _reply(call, batch, "../", status=202)


def _page(call: Call, name: str, texts: list[str], asked: list[Any], following: Any) -> Response:
    return reply(f'{{"{name}":[{",".join(texts)}],"next_cursor":{json.dumps(_sealed(call, asked, following))}}}')


def _position(call: Call, asked: list[Any], sealed: str | None) -> Any:
    return None if sealed is None else cursor.unseal(call.backend.cursor_keys, asked, sealed, call.began_ms)


def _sealed(call: Call, asked: list[Any], position: Any) -> str | None:
    return None if position is None else cursor.seal(call.backend.cursor_keys, asked, position, call.began_ms)


def _request(call: Call, key: str | None) -> start.BatchRequest:
    asked, given = _read(call.json_body())
    function = function_named(call, asked.function)
    texts = [bytes(item.input) for item in _RAW.decode(call.body).items]
    _check_items(function, asked.items, texts)
    retry = asked.retry if asked.retry is not UNSET else schemas.Retry()
    options = {
        "delay_ms": asked.delay_seconds * 1000,
        "queue_ms": asked.queue_timeout_seconds * 1000,
        "max_attempts": or_none(retry.max_attempts),
        "backoff_ms": ms_or_none(retry.backoff_seconds),
        "max_backoff_ms": ms_or_none(retry.max_backoff_seconds),
    }
    items = [Item(text, None if item.key is UNSET else item.key, item.labels or None)
             for item, text in zip(asked.items, texts, strict=True)]  # fmt: skip
    return start.BatchRequest(
        function=function, tenant=call.tenant, items=items, inputs=given, key=key,
        callback_url=None if asked.callback is UNSET else callback_url(call, asked.callback.url),
        labels=asked.labels or None, options={name: value for name, value in options.items() if value},
        max_running=None if asked.max_running is UNSET else asked.max_running, if_failed=asked.if_failed,
    )  # fmt: skip


def _read(body: Any) -> tuple[schemas.BatchRequest, list[Any]]:
    """The request, and the items' inputs as values. Raises InvalidRequest with the place of a wrong item."""
    try:
        asked: schemas.BatchRequest = schemas.read(body, schemas.BatchRequest, opaque="items")
    except problems.InvalidRequest:
        given = body.get("items") if isinstance(body, dict) else None
        for index, item in enumerate(given if isinstance(given, list) else []):
            try:
                schemas.read(item, schemas.BatchItem, opaque="input")
            except problems.InvalidRequest as wrong:
                errors = [(f"/items/{index}{pointer}", detail) for pointer, detail in wrong.errors]
                raise problems.InvalidRequest(wrong.detail, errors=errors) from None
        raise
    return asked, [item.input for item in asked.items]


def _check_items(function: Any, items: list[schemas.BatchItem], texts: list[bytes]) -> None:
    from chalicelib.runs.dispatch import input_limit

    errors: list[tuple[str, str]] = []
    seen: dict[str, int] = {}
    for index, item in enumerate(items):
        found = inputs.wrong(function, item.input)
        if found is not None:
            errors.append((f"/items/{index}/input{found[0]}", found[1]))
        elif len(texts[index]) > input_limit(function):
            errors.append((f"/items/{index}/input", f"the limit of this function is {input_limit(function)} bytes"))
        if item.key is not UNSET and seen.setdefault(item.key, index) != index:
            errors.append((f"/items/{index}/key", f"item {seen[item.key]} has it already"))
        if len(errors) >= 20:
            break
    if errors:
        raise problems.InvalidRequest("An item is not valid; nothing was begun.", errors=errors)
