"""One call about a bulk job: what it asks for, and how it is answered. For the views of `bulk.py`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import msgspec
from chalice.app import Response
from msgspec import UNSET

from chalicelib.api import headers, problems, waiting
from chalicelib.api.bulk_schemas import BulkFilter, BulkRequest
from chalicelib.api.call import Call, json_text
from chalicelib.bulk import documents, records, start
from chalicelib.runs.dispatch import KeyReused
from chalicelib.runs.documents import etag
from chalicelib.runs.filters import MAX_MS, Filters, labels_of, ms
from invoke_once.life.bulk import Bulk

_BULK_ID = re.compile(r"bulk_[a-z2-7]{26}")


def begin(call: Call, asked: BulkRequest) -> Response:
    """Of `POST /bulk`: the job that it starts, or the one that its key has already."""
    request = _request(call, asked, headers.idempotency_key(call.headers))
    svc = call.service
    # What makes less to do is never refused for there being too much.
    makes_more = request.action == "retry" and not request.dry_run
    waiting.within_limits(call, lambda: not makes_more or start.is_known(svc, request))
    try:
        accepted = start.accept(svc, request)
    except KeyReused:
        raise problems.KeyReused("The key was used before with another action or filter.") from None
    call.noted["bulk"] = accepted.job.run_id
    job = _held(call, accepted.job, lambda seen: not seen.running)
    response = _answer(call, job, "bulk/", status=202 if job.running else 200)
    return waiting.started(call, response, f"bulk/{job.run_id}", replayed=accepted.replayed)


def show(call: Call, bulk_id: str) -> Response:
    found = _find(call, bulk_id)
    job = _held(call, found, lambda seen: waiting.worth_telling(call, not seen.running, lambda: _etag(seen)))
    return _answer(call, job, "", if_none_match=True)


def stop(call: Call, bulk_id: str) -> Response:
    found = _find(call, bulk_id)
    job = start.stop(call.service, found)
    if job is None:
        now = records.find(call.service, bulk_id) or found
        raise problems.WrongState("It has ended: there is nothing to stop.", bulk_status=str(now.status))
    return _answer(call, job, "../", status=202)


def _request(call: Call, asked: BulkRequest, key: str | None) -> start.BulkRequest:
    shown = msgspec.to_builtins(asked.filter)
    if not shown:
        detail = "Name at least one field: without a filter, every run would be meant"
        raise problems.InvalidRequest(f"{detail}.", errors=[("/filter", detail)])
    return start.BulkRequest(
        tenant=call.tenant,
        action=asked.action,
        shown=shown,
        wanted=_wanted(asked.filter),
        dry_run=asked.dry_run,
        key=key,
        by=call.who.id if call.who else None,
    )


def _wanted(asked: BulkFilter) -> Filters:
    return Filters(
        function=None if asked.function is UNSET else asked.function,
        key=None,
        batch=None if asked.batch is UNSET else asked.batch,
        statuses=tuple(sorted({str(status) for status in _several(asked.status)})),
        labels=labels_of(_several(asked.label)),
        low_ms=0 if asked.created_after is UNSET else ms(asked.created_after) + 1,
        high_ms=MAX_MS if asked.created_before is UNSET else ms(asked.created_before) - 1,
    )


def _several(value: Any) -> list[Any]:
    if value is UNSET:
        return []
    return value if isinstance(value, list) else [value]


def _find(call: Call, bulk_id: str) -> Bulk:
    """The job, if it is the caller's. Raises NotFound with the same bytes for every reason."""
    job = records.find(call.service, bulk_id) if _BULK_ID.fullmatch(bulk_id) else None
    if job is None or job.tenant != call.tenant:
        raise problems.NotFound("There is no such bulk job.")
    call.noted["bulk"] = job.run_id
    return job


def _held(call: Call, job: Bulk, enough: Callable[[Bulk], bool]) -> Bulk:
    return waiting.hold(call, job, enough, lambda: records.find(call.service, job.run_id))


def _answer(call: Call, job: Bulk, base: str, status: int = 200, *, if_none_match: bool = False) -> Response:
    text = json_text(documents.document(job, call.relative(base)))
    later_s = documents.retry_after_s(job, call.service.now_ms()) if job.running else None
    return waiting.polled(call, text, _etag(job), later_s, status, if_none_match=if_none_match)


def _etag(job: Bulk) -> str:
    """Names the state, whichever call shows it: links are relative to the call."""
    return etag(json.dumps(documents.document(job, "")))
