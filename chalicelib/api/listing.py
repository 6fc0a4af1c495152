"""`GET /runs`: newest first, a page at a time.

One tenant's runs lie in a few shards of an index that has keys alone. The shards are read in step and merged; the
heads behind the keys come by one BatchGet per chunk, are filtered, and fill the page. A page does a bounded amount
of work, so one with a rare filter may come back short, with a cursor that goes on. Nothing is ever scanned.
"""

from __future__ import annotations

import json
from typing import Any

from chalice.app import Response
from msgspec import Struct, field

from chalicelib.api import cursor, schemas
from chalicelib.api.call import Call, reply
from chalicelib.api.filters import ListQuery
from chalicelib.api.routes import Answer, Routes
from chalicelib.runs import documents, walk
from chalicelib.runs.filters import Filters
from chalicelib.runs.walk import CHUNK
from invoke_once.life import keys
from invoke_once.life.head import Head
from invoke_once.store.store import Store

routes = Routes(__name__, tag="runs")

MAX_EXAMINED = 1_000  #: keys a page
MAX_MS = 8_000
MAX_PAGE_BYTES = 3 * 1024 * 1024


@routes.route("/runs", methods=["GET"])
@routes.operation(
    {200: Answer("a page of runs", "RunList", ("ETag",)), 304: Answer("nothing has changed", headers=("ETag",))},
    scope="runs:read",
    query=ListQuery,
)
def list_runs(call: Call) -> Response:
    """The caller's runs, newest first.

    `limit` counts matching runs. A page that is shorter has a next_cursor, unless it is the last one.
    """
    query = schemas.read_query(call.query, ListQuery)
    wanted, limit, sealed = query.filters(), query.limit, query.cursor
    asked = ["runs", call.tenant, *wanted.asked]
    position = None if sealed is None else cursor.unseal(call.backend.cursor_keys, asked, sealed, call.began_ms)
    if wanted.batch:
        page = _by_batch(call, wanted, limit, position)
    else:
        page = _by_key(call, wanted, limit, position) if wanted.key else _by_time(call, wanted, limit, position)
    return _reply(call, asked, page)


class Page(Struct):
    """JSON texts of runs, and where the next page begins (None: this is the last one)."""

    runs: list[str] = field(default_factory=list)
    position: Any = None


def _reply(call: Call, asked: list[Any], page: Page) -> Response:
    more = page.position is not None
    sealed = cursor.seal(call.backend.cursor_keys, asked, page.position, call.began_ms) if more else None
    etag = documents.etag(f"{','.join(page.runs)};{page.position}")
    if call.matches(etag):
        return reply(None, 304, {"ETag": etag})
    return reply(f'{{"runs":[{",".join(page.runs)}],"next_cursor":{json.dumps(sealed)}}}', headers={"ETag": etag})


def _by_key(call: Call, wanted: Filters, limit: int, position: Any) -> Page:
    """A key's runs: their ids are derived, so this looks up one run, or one a function."""
    names = [wanted.function] if wanted.function else list(call.service.functions)
    ids = [keys.run_id(call.tenant, name, wanted.key or "") for name in names]
    found = [h for h in _heads(call.service.store, ids, call.began_ms) if wanted.match(call.tenant, h)]
    found.sort(key=lambda head: (head.created_at, head.run_id), reverse=True)
    skip = int(position or 0)
    runs = [documents.run_json(call.service, head, "runs/") for head in found[skip : skip + limit]]
    return Page(runs, skip + limit if len(found) > skip + limit else None)


def _by_batch(call: Call, wanted: Filters, limit: int, position: Any) -> Page:
    """A batch's runs by their place in it: their ids are derived too. Another tenant's batch has none."""
    from chalicelib.batches import pages, records

    batch = records.find(call.service, wanted.batch or "")
    if batch is None or batch.tenant != call.tenant:
        return Page()
    found = pages.runs(
        call.service, batch, int(position or 0), limit, lambda head: wanted.match(call.tenant, head),
        wanted.statuses, lambda head: documents.run_json(call.service, head, "runs/"),
    )  # fmt: skip
    return Page(found.texts, found.next_index)


def _heads(store: Store, ids: list[str], now_ms: int) -> list[Head]:
    if len(ids) == 1:
        head = store.get(ids[0], now_ms, consistent=False)
        return [] if head is None else [head]
    return list(store.get_many(ids, now_ms).values())


def _by_time(call: Call, wanted: Filters, limit: int, position: Any) -> Page:
    merged = walk.newest(call.service.store, call.tenant, wanted, position, limit)
    page, size, examined = Page(), 0, 0
    while len(page.runs) < limit and size < MAX_PAGE_BYTES:
        chunk = merged.take(CHUNK if wanted.statuses or wanted.labels or wanted.function else limit - len(page.runs))
        heads = call.service.store.get_many([key.run_id for key in chunk], call.began_ms)
        for key in chunk:
            merged.passed(key)
            examined += 1
            head = heads.get(key.run_id)
            if head is None or not wanted.match(call.tenant, head):
                continue
            page.runs.append(documents.run_json(call.service, head, "runs/"))
            size += len(page.runs[-1])
            if len(page.runs) == limit or size >= MAX_PAGE_BYTES:
                break
        else:
            if merged.exhausted:
                return page
        if examined >= MAX_EXAMINED or call.service.now_ms() - call.began_ms > MAX_MS:
            break
    page.position = merged.position if merged.has_more() else None
    return page
