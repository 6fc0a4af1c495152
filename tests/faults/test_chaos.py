"""The small sister of `make chaos`: every run ends, and no body starts too often, while processes are killed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest

from bench.chaos import TARGETS, Ground, broken, table, unleash
from infra.local.emulator import Emulator
from tests.service import Service

RUNS = 16


@pytest.fixture
def ground(service: Service, emulator: Emulator) -> Iterator[Ground]:
    found = Ground(service.url, service.default_token, service.stack, emulator, cache(service.aws))
    client = service.aws("lambda")
    before = {name: client.get_function_configuration(FunctionName=service.target(name))["Timeout"] for name in TARGETS}
    try:
        for name in TARGETS:
            found.shorten(name, 10)
        yield found
    finally:
        for name, seconds in before.items():
            found.shorten(name, seconds)


@pytest.mark.slow
def test_every_run_ends_and_none_is_run_too_often_while_processes_are_killed(ground: Ground) -> None:
    runs, killed = unleash(ground, RUNS, seed=7, every_s=(0.2, 0.6), hurry=True)
    print(table(runs, killed))
    assert killed.total() >= RUNS // 4, "nobody was killed: nothing was tried"
    assert broken(runs) == []
