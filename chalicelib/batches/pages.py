"""The runs of a batch, by their place in it: pages that cost what they show, however many runs there are."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

from chalicelib.batches import records
from chalicelib.runs.documents import INLINE_OUTPUT_BYTES
from chalicelib.service import Service
from invoke_once.life.batch import CHUNK, LETTER, LIVE, Batch
from invoke_once.life.head import Head
from invoke_once.life.status import TERMINAL, Status
from invoke_once.store.payloads import error_of

MAX_PAGE_BYTES = 3 * 1024 * 1024
MAX_EXAMINED = 1_000  #: runs a page
_STATUS = {letter: str(status) for status, letter in LETTER.items()}


class Page(Struct, frozen=True):
    """JSON texts, and the index at which the next page begins (None: this is the last one)."""

    texts: list[str]
    next_index: int | None


def runs(
    svc: Service, batch: Batch, begin: int, limit: int, match: Callable[[Head], bool], statuses: tuple[str, ...],
    text: Callable[[Head], str],
) -> Page:  # fmt: skip
    """Runs from index `begin` on that match; what is no run yet is left out."""
    found: list[str] = []
    size = examined = 0
    for part in _parts(svc, batch, begin, limit, statuses):
        heads = records.heads(svc, batch, part)
        examined += len(part)
        for index in part:
            head = heads.get(index)
            if head is None or not match(head):
                continue
            found.append(text(head))
            size += len(found[-1])
            if len(found) == limit or size >= MAX_PAGE_BYTES:
                return Page(found, index + 1 if index + 1 < batch.total else None)
        last = part.stop if isinstance(part, range) else part[-1] + 1
        if examined >= MAX_EXAMINED and last < batch.total:
            return Page(found, last)
    return Page(found, None)


def _parts(
    svc: Service, batch: Batch, begin: int, limit: int, statuses: tuple[str, ...]
) -> Iterator[range | list[int]]:
    """Indexes to read, at most 100 at a time. Chunks whose letters say that nothing matches are passed over."""
    if not statuses:
        for low in range(begin, batch.total, min(limit, CHUNK)):
            yield range(low, min(low + min(limit, CHUNK), batch.total))
        return
    letters = {chunk: str(item.get("letters", "")) for chunk, item in records.chunks(svc, batch).items()}
    for chunk in range(begin // CHUNK, batch.chunks):
        known = letters.get(chunk, "")
        wanted = [i for i in batch.indexes(chunk) if i >= begin and _may_be(known, i % CHUNK, statuses)]
        if wanted:
            yield wanted


def _may_be(letters: str, place: int, statuses: tuple[str, ...]) -> bool:
    letter = letters[place : place + 1] or LIVE
    return letter == LIVE or _STATUS[letter] in statuses


def results(svc: Service, batch: Batch, begin: int, limit: int, links_base: str, *, for_link: bool = False) -> Page:
    """What became of each index from `begin` on, in order; `for_link`: without the traces of errors."""
    part = range(begin, min(begin + limit, batch.total))
    heads = records.heads(svc, batch, part)
    found: list[str] = []
    size = 0
    for index in part:
        found.append(_result(svc, batch, index, heads.get(index), links_base, for_link=for_link))
        size += len(found[-1])
        if size >= MAX_PAGE_BYTES:
            break
    following = begin + len(found)
    return Page(found, following if following < batch.total else None)


def _result(svc: Service, batch: Batch, index: int, head: Head | None, links_base: str, *, for_link: bool) -> str:
    """Of a run that is not there: `scheduled`, it has not begun; a run that was forgotten looks the same."""
    known: dict[str, Any] = {"index": index, "run_id": records.run_id(batch, index)}
    if head is None:
        return _json(known | {"status": str(Status.SCHEDULED), "error": None})
    error = error_of(head) if head.status in TERMINAL else None
    if error and for_link:
        error = error | {"trace": None}
    fields = known | {"status": str(head.status), "error": error}
    if head.status != Status.SUCCEEDED:
        return _json(fields)
    if head.output is None or (head.output_size or 0) > INLINE_OUTPUT_BYTES:
        return _json(fields | {"links": {"output": f"{links_base}{head.run_id}/output"}})
    return f'{_json(fields)[:-1]},"output":{svc.payloads.output(head).decode()}}}'


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
