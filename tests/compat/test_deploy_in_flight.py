"""A new version is deployed, and the old one again, while runs are in flight: none is lost, none runs twice."""

from __future__ import annotations

import dataclasses
import json
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest

from infra import stages
from infra.ship import package, zips
from infra.ship.package import Package
from infra.ship.stack import Stack
from tests.service import Service, until

FEW = 10  # that are started before the first deploy, between the two, and after the last
CALLERS = 3  # at once; with a run's length it bounds how many processes the emulator starts
SECONDS = 0.3
PATIENCE_S = 120
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


class Callers:
    """Start runs one after the other; each call is repeated until it is answered, by its key."""

    def __init__(self, service: Service) -> None:
        self._service, self.over = service, threading.Event()
        self.started: dict[str, str] = {}  # key: run id
        self.repeated = 0

    def run(self) -> None:
        """Until it is over."""
        while not self.over.is_set():
            self._start(f"in-flight-{uuid.uuid4().hex}")

    def _start(self, key: str) -> None:
        def accepted() -> str | None:
            answer = self._service.start("sleep", {"seconds": SECONDS}, key=key)
            if answer.status_code in (200, 202):
                return str(answer.json()["id"])
            assert answer.status_code >= 500, answer.text
            self.repeated += 1
            return None

        self.started[key] = until(accepted, 60) or ""


def test_no_run_is_lost_when_a_new_version_is_deployed_and_taken_back_while_they_run(
    service: Service, tmp_path: Path
) -> None:
    stack, stage = stack_of(service)
    now = package.package(stage)
    kept = dataclasses.replace(now, directory=tmp_path, zips={k: copied(v, tmp_path) for k, v in now.zips.items()})
    kept.template.write_text(now.template.read_text())
    since_ms, callers = int(time.time() * 1000), Callers(service)
    with ThreadPoolExecutor(CALLERS) as pool:
        calling = [pool.submit(callers.run) for _ in range(CALLERS)]
        try:
            until(lambda: len(callers.started) >= FEW, PATIENCE_S)
            assert stack.deploy(changed(kept, tmp_path / "changed"), "a later release")
            new_at = len(callers.started)
            until(lambda: len(callers.started) >= new_at + FEW, PATIENCE_S)
            assert stack.deploy(kept, package.content(stage))
            back_at = len(callers.started)
            until(lambda: len(callers.started) >= back_at + FEW, PATIENCE_S)
        finally:
            callers.over.set()
    for each in calling:
        each.result()  # no call was refused
    print(f"{len(callers.started)} runs: {new_at} started when the new version was there, {back_at} when the old one "
          f"was back, {callers.repeated} calls repeated")  # fmt: skip
    ended = {run_id: service.wait(run_id, PATIENCE_S) for run_id in callers.started.values()}
    wrong = [(run["id"], run["status"], run["error"]) for run in ended.values() if run["status"] != "succeeded"]
    assert wrong == []
    assert len(ended) == len(callers.started) >= back_at + FEW
    spent = {run["attempt"] - (run["max_attempts"] - 1) for run in ended.values()}
    assert spent == {1}  # a claim whose answer the deploy swallowed is given back, and counted in both
    assert bodies(service, "sleep", since_ms) == dict.fromkeys(ended, 1)


def bodies(service: Service, function: str, since_ms: int) -> dict[str, int]:
    """How often the body of each run was started, by what the wrapper printed when it was."""
    pages = service.aws("logs").get_paginator("filter_log_events").paginate(
        logGroupName=f"/aws/lambda/{service.target(function)}", startTime=since_ms, filterPattern='"claimed"'
    )  # fmt: skip
    lines = (json.loads(event["message"]) for page in pages for event in page["events"])
    return Counter(line["run_id"] for line in lines if line["event"] == "claimed")


def changed(made: Package, directory: Path) -> Package:
    """The same with other code in every function, another layer's name, and another setting."""
    directory.mkdir()
    code = directory / "deployment.zip"
    zips.write(code, zips.read(made.zips["CodeKey"]) | {"RELEASE": b"the next one"})
    template = made.template.read_text().replace('"MemorySize": 256', '"MemorySize": 320')
    assert template != made.template.read_text()
    (directory / "template.json").write_text(template)
    return dataclasses.replace(made, directory=directory, zips={**made.zips, "CodeKey": code})


def copied(file: Path, directory: Path) -> Path:
    target = directory / file.name
    target.write_bytes(file.read_bytes())
    return target


def stack_of(service: Service) -> tuple[Stack, Any]:
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    return Stack(session, service.endpoint, service.stack), stages.load("local").named(service.stack)
