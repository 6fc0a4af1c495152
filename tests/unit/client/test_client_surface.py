"""What is public: the two clients offer the same, and importing them loads nothing of AWS."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from invoke_once.client import aio, once

TWINS = [
    (once.Once, aio.AsyncOnce),
    (once.RunHandle, aio.AsyncRunHandle),
    (once.Tokens, aio.AsyncTokens),
    (once.BatchHandle, aio.AsyncBatchHandle),
    (once.BulkHandle, aio.AsyncBulkHandle),
]
AWS = {"boto3", "botocore", "pynamodb", "chalice"}


def members(kind: type) -> dict[str, list[str]]:
    found = {name: value for name, value in inspect.getmembers(kind) if not name.startswith("_")}
    return {
        name: [] if isinstance(value, property) else list(inspect.signature(value).parameters)
        for name, value in found.items()
    }


@pytest.mark.parametrize(("blocking", "awaiting"), TWINS)
def test_the_twins_have_the_same_methods_with_the_same_parameters(blocking: type, awaiting: type) -> None:
    assert members(blocking) == members(awaiting)


def test_the_surface_is_this() -> None:
    assert sorted(members(once.Once)) == [
        "batch",
        "batches",
        "bulk",
        "bulk_job",
        "close",
        "deliveries",
        "function",
        "functions",
        "get",
        "health",
        "list",
        "map",
        "pause",
        "resume",
        "run",
        "start",
        "url",
        "version",
    ]
    assert sorted(members(once.RunHandle)) == [
        "cancel",
        "deliveries",
        "document",
        "error",
        "finished",
        "id",
        "input",
        "key",
        "link",
        "log_complete",
        "logs",
        "new_logs",
        "output",
        "progress",
        "refresh",
        "result",
        "retry",
        "send_callback_again",
        "status",
        "text",
        "wait",
        "watch",
    ]


def loaded_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys; print(' '.join({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_clients_load_no_aws() -> None:
    assert not loaded_after("import invoke_once.client.once, invoke_once.client.aio") & AWS
    assert not loaded_after("from invoke_once import Once, AsyncOnce") & AWS


def test_the_command_lines_first_imports_are_light() -> None:
    heavy = AWS | {"httpx", "rich", "anyio", "tomllib"}
    assert not loaded_after("import invoke_once.cli") & (heavy | {"click"})
    assert not loaded_after("import invoke_once.cli.root") & heavy
