"""The demo of duplicates: one client of it, on the session's stack; and its verdict."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from infra.demo.duplicates import clients
from infra.demo.duplicates.lab import TRACKED, Lab
from infra.demo.duplicates.proxy import proxy
from infra.demo.duplicates.report import Row, Way, markdown
from infra.demo.duplicates.run import Demo
from tests.service import Service


def test_an_impatient_boto3_runs_the_body_often_without_us_and_once_with_us(service: Service, tmp_path: Path) -> None:
    lab = Lab(service.endpoint, service.stack)
    lab.build(tmp_path)
    lab.warm(TRACKED, 2)
    boto3 = {"boto3": clients.OF_LAMBDA["boto3"]}
    with proxy(service.endpoint) as through:
        api = {"ONCE_URL": service.url.replace(service.endpoint, through.url), "ONCE_TOKEN": service.default_token}
        demo = Demo(Console(quiet=True), lab, through, api, timeout_s=2, body_s=2.5)
        phases = [("plain", boto3), ("tracked", boto3), ("API", {"Once (Python)": clients.OF_API["Once (Python)"]})]
        with ThreadPoolExecutor(3) as pool:  # here at once, to be quick
            (plain,), (tracked,), (by_api,) = pool.map(lambda asked: demo.phase(*asked), phases)
    assert plain.kept and (plain.sends, plain.body_runs, plain.error) == (3, 3, "ReadTimeoutError")
    assert tracked.kept and tracked.answer["shipped"] and tracked.sends >= 2
    assert by_api.kept and by_api.answer["count"] == 1 and by_api.sends == 2


@pytest.mark.parametrize(
    ("way", "runs", "answer", "error", "kept"),
    [
        ("plain", 5, None, "timeout", True),
        ("plain", 1, {"a": 1}, "", False),
        ("tracked", 1, {"a": 1}, "", True),
        ("tracked", 2, {"a": 1}, "", False),
        ("tracked", 1, None, "timeout", False),
        ("API", 0, None, "unreachable", False),
    ],
)
def test_a_broken_promise_is_seen(way: Way, runs: int, answer: Any, error: str, kept: bool) -> None:
    assert Row(way, "boto3", max(runs, 1), runs, answer, error, 1.0).kept is kept


def test_a_send_that_never_became_a_run_is_no_proof() -> None:
    assert not Row("plain", "boto3", 5, 4, None, "timeout", 1.0).kept


def test_the_table_can_go_into_the_documentation() -> None:
    text = markdown([Row("tracked", "sls invoke", 2, 1, {"a": 1}, "", 3.4)])
    assert "| @tracked(attach=True) | sls invoke | 2 | **1** | the result | 3 s |" in text


def test_the_clients_of_the_demo_are_pinned() -> None:
    assert set(clients.versions()) == set(clients.OF_LAMBDA)
