"""What callers are told of the interface is what is written down of it: no operation or field changes by the way."""

from __future__ import annotations

import json
from types import ModuleType

import pytest

from app import app
from chalicelib.api import (
    batches,
    bulk,
    bulk_schemas,
    deliveries,
    filters,
    functions,
    links,
    listing,
    logs,
    meta,
    pauses,
    payloads,
    problems,
    routes,
    runs,
    schemas,
    tokens,
    webhook_secrets,
)
from tests.unit.api import published

RESOURCES = (batches, bulk, deliveries, functions, links, listing, logs, meta, pauses, payloads, runs, tokens,
             webhook_secrets)  # fmt: skip


def test_the_document_says_what_is_written_down() -> None:
    there = [json.loads(line) for line in published.FILE.read_text().splitlines()]
    now = [json.loads(line) for line in published.text().splitlines()]
    for kept, said in zip(there, now, strict=True):
        assert kept == said, "python -m tests.unit.api.published, if that is meant"


@pytest.mark.parametrize("module", RESOURCES)
def test_each_module_of_a_resource_has_operations_of_the_app(module: ModuleType) -> None:
    operations = [entry.view_function for entry in routes.entries(app)]
    assert [one for one in vars(module).values() if isinstance(one, routes.Operation) and one in operations]


def test_what_requests_hold_is_written_down() -> None:
    there = {json.loads(line)["where"] for line in published.FILE.read_text().splitlines()}
    for struct in (schemas.BatchRequest, bulk_schemas.BulkRequest, schemas.Concurrency):
        assert f"schemas {struct.__name__}" in there
    query = filters.ListQuery.__struct_fields__
    (line,) = [json.loads(line) for line in published.FILE.read_text().splitlines() if '"GET /runs"' in line]
    assert [one["name"] for one in line["says"]["parameters"] if one["in"] == "query"] == list(query)
    for kind in problems.Problem.__subclasses__():
        assert kind is problems.Internal or f"responses {kind.status}" in there
