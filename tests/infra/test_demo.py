"""The job that `make run` shows, on the session's own stack."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from infra.demo import orders as demo_csv
from infra.demo.run import run_job
from tests.service import Service


def test_the_demo_profiles_its_csv_and_receives_its_callback(service: Service) -> None:
    said = io.StringIO()
    run_job(Console(file=said, width=120), service.env)
    assert "60,000 rows" in said.getvalue()
    assert "callback received, signature verified: run.succeeded" in said.getvalue()
    assert service.url in said.getvalue()


def test_the_demos_csv_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    assert demo_csv.write(first, 500) == demo_csv.write(second, 500) == 500
    assert first.read_bytes() == second.read_bytes()
