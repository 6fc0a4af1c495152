"""What a function's process stands on, as its environment says."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from invoke_once.handler.runtime import runtime


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "ONCE_RUNS_TABLE"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    runtime.forget()
    yield
    runtime.forget()
    gc.unfreeze()


@pytest.mark.parametrize("in_lambda", [True, False])
def test_in_lambda_alone_collections_leave_out_what_was_made_at_the_start(
    monkeypatch: pytest.MonkeyPatch, in_lambda: bool
) -> None:
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)
    if in_lambda:
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "report")
    assert runtime() is runtime()
    assert (gc.get_freeze_count() > 0) is in_lambda
    assert gc.isenabled()
