"""One call about a batch: the batch it means, what it asks for, and how it is answered. For the views of `batches.py`.

They load it when they are called: an API function that never meets a batch never loads what knows of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import msgspec
from chalice.app import Response
from msgspec import UNSET, Struct

from chalicelib.api import cursor, headers, problems, schemas, waiting
from chalicelib.api.call import Call, json_text, reply, reply_json
from chalicelib.api.runs import callback_url, function_named, ms_or_none, or_none
from chalicelib.batches import documents, pages, records, start
from chalicelib.batches.manifest import Item
from chalicelib.runs import inputs
from chalicelib.runs.dispatch import KeyReused, input_limit
from chalicelib.runs.documents import etag, run_json
from chalicelib.runs.filters import MAX_MS
from invoke_once.errors import PayloadCorrupt
from invoke_once.life import keys
from invoke_once.life.batch import Batch
from invoke_once.life.head import BATCH
from invoke_once.life.status import Status
from invoke_once.store.store import Applied, Key

_BATCH_ID = re.compile(r"batch_[a-z2-7]{26}")


class _RawItem(Struct):
    input: msgspec.Raw = msgspec.Raw(b"null")


class _RawItems(Struct):
    items: list[_RawItem]


_RAW = msgspec.json.Decoder(_RawItems)


def begin(call: Call) -> Response:
    """Of `POST /batches`: the batch that it starts, or the one that its key has already."""
    request = _request(call, headers.idempotency_key(call.headers))
    svc = call.service
    waiting.within_limits(call, lambda: start.is_known(svc, request))
    try:
        accepted = start.accept(svc, request)
    except KeyReused:
        raise problems.KeyReused("The key was used before with another function, items or options.") from None
    call.noted["batch"] = accepted.batch.run_id
    batch = _held(call, accepted.batch, lambda seen: not seen.running)
    response = _answer(call, batch, "batches/", status=202 if batch.running else 200)
    return waiting.started(call, response, f"batches/{batch.run_id}", replayed=accepted.replayed)


def listed(call: Call, limit: int, given: str | None) -> Response:
    asked, svc, shard = ["batches", call.tenant], call.service, keys.batch_shard(call.tenant)
    position = _position(call, asked, given)
    after = None if position is None else Key(str(position[0]), shard, int(position[1]), BATCH)
    found = svc.store.index("by_tenant", shard, low=0, high=MAX_MS, limit=limit, newest_first=True, after=after)
    batches = records.find_many(svc, [key.run_id for key in found]) if found else {}
    shown = [documents.document(batches[key.run_id], "batches/") for key in found if key.run_id in batches]
    following = [found[-1].run_id, found[-1].at] if len(found) == limit else None
    return reply_json({"batches": shown, "next_cursor": _sealed(call, asked, following)})


def show(call: Call, batch_id: str) -> Response:
    found = _held(
        call,
        find(call, batch_id),
        lambda seen: waiting.worth_telling(call, not seen.running, lambda: _etag(call, seen)),
    )
    return _answer(call, found, "", if_none_match=True)


def runs(call: Call, batch_id: str, wanted: Sequence[Status], limit: int, given: str | None) -> Response:
    batch, svc = find(call, batch_id), call.service
    statuses = tuple(sorted({str(status) for status in wanted}))
    asked = ["batch-runs", call.tenant, batch_id, batch.seed, *statuses]
    first = int(_position(call, asked, given) or 0)
    base = call.relative("../../runs/")
    page = pages.runs(svc, batch, first, limit, lambda head: not statuses or head.status in statuses, statuses,
                      lambda head: run_json(svc, head, base))  # fmt: skip
    return _page(call, "runs", page.texts, asked, page.next_index)


def results(call: Call, batch_id: str, limit: int, given: str | None) -> Response:
    batch = find(call, batch_id)
    asked = ["batch-results", call.tenant, batch_id, batch.seed]
    first = int(_position(call, asked, given) or 0)
    base = call.relative("../../runs/")
    page = pages.results(call.service, batch, first, limit, base, for_link=call.link is not None)
    return _page(call, "results", page.texts, asked, page.next_index)


def cancel(call: Call, batch_id: str) -> Response:
    found = find(call, batch_id)
    asked = start.cancel(call.service, found, call.who.id if call.who else None)
    return moved(call, asked, found, "It has ended: there is nothing to cancel.")


def retry(call: Call, batch_id: str) -> Response:
    found = find(call, batch_id)
    try:
        again = start.retry(call.service, found)
    except PayloadCorrupt:
        raise problems.NotFound("Its items are not kept any more.") from None
    return moved(call, again, found, "Only a batch that ended without success can run again.")


def send_again(call: Call, batch_id: str) -> Response:
    """Of its callback."""
    from chalicelib.callbacks import deliveries

    batch = find(call, batch_id)
    if batch.callback_url is None:
        raise problems.WrongState("The batch has no callback.", batch_status=str(batch.status))
    sent = isinstance(deliveries.send_again(call.service, batch), Applied)
    now = records.find(call.service, batch_id)
    detail = "The batch has not ended." if now is None or now.running else "The callback is being sent."
    return moved(call, now if sent else None, now or batch, detail)


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


def _answer(call: Call, batch: Batch, base: str, status: int = 200, *, if_none_match: bool = False) -> Response:
    text = json_text(_document(call, batch, call.relative(base)))
    later_s = documents.retry_after_s(batch, call.service.now_ms()) if batch.running else None
    return waiting.polled(call, text, _etag(call, batch), later_s, status, if_none_match=if_none_match)


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
    return _answer(call, batch, "../", status=202)


def _page(call: Call, name: str, texts: list[str], asked: list[Any], following: Any) -> Response:
    return reply(f'{{"{name}":[{",".join(texts)}],"next_cursor":{json.dumps(_sealed(call, asked, following))}}}')


def _position(call: Call, asked: list[Any], given: str | None) -> Any:
    return None if given is None else cursor.unseal(call.backend.cursor_keys, asked, given, call.began_ms)


def _sealed(call: Call, asked: list[Any], position: Any) -> str | None:
    return None if position is None else cursor.seal(call.backend.cursor_keys, asked, position, call.began_ms)


def _request(call: Call, key: str | None) -> start.BatchRequest:
    asked, given = _read(call.json_body())
    function = function_named(call, asked.function)
    texts = [bytes(item.input) for item in _RAW.decode(call.body).items]
    _check_items(function, asked.items, texts)
    retry = asked.retry if asked.retry is not UNSET else schemas.Retry()
    options = {
        "delay_ms": asked.delay_seconds * 1000 or None,
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
        labels=asked.labels or None, options={name: value for name, value in options.items() if value is not None},
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
