"""The start of a process: clients are there before the first request, and the collector is back at work after it."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.service import use_service
from chalicelib.startup import starting
from infra.paths import ROOT
from tests.unit.runs.test_dispatch import Stage

START = """
import gc
import app
from chalicelib.service import service
print(gc.isenabled(), gc.get_freeze_count() > 10_000, service().store.engine._client is not None)
"""
SERVICE = {
    "AWS_ACCESS_KEY_ID": "t", "AWS_SECRET_ACCESS_KEY": "t", "AWS_DEFAULT_REGION": "us-east-1",
    "ONCE_STACK": "s", "ONCE_RUNS_TABLE": "s-runs", "ONCE_TOKENS_TABLE": "s-tokens", "ONCE_BUCKET": "b",
}  # fmt: skip


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


def started(**env: str) -> str:
    path = {"PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, "-c", START], cwd=ROOT, env={**path, **SERVICE, **env}, capture_output=True)
    return (done.stdout or done.stderr[-300:]).decode().strip()


def test_in_lambda_the_table_s_client_is_made_at_the_start() -> None:
    assert started(AWS_LAMBDA_FUNCTION_NAME="s-api") == "True True True"


def test_elsewhere_an_import_is_only_an_import() -> None:
    assert started() == "True False False"


def test_a_start_that_fails_leaves_the_collector_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "s-api")

    def start() -> Any:
        with starting():
            assert not gc.isenabled()
            raise ImportError

    with pytest.raises(ImportError):
        start()
    assert gc.isenabled() and gc.get_freeze_count() == 0


def test_a_service_without_a_table_needs_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "s-api")
    with use_service(Stage().svc), starting():
        pass
    assert gc.isenabled()
