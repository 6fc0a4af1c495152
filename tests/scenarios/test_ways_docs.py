"""docs/how-to/from-*.md, duplicates.md and ways.md: what they show is run, what they say is so."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra.demo.duplicates import clients
from infra.paths import EMULATOR_VENV, ROOT, VENV
from invoke_once.handler.direct import slots
from invoke_once.handler.options import Options
from invoke_once.testing import Bench
from tests.service import Service

FROM = tuple(sorted((ROOT / "docs" / "how-to").glob("from-*.md")))
PAGES = (ROOT / "docs/explanation/duplicates.md", ROOT / "docs/reference/ways.md", *FROM)
MIGRATE, DUPLICATES, WAYS = "".join(page.read_text() for page in FROM), PAGES[0].read_text(), PAGES[1].read_text()
BLOCK = re.compile(r"^```(\w+) ?([\w: ]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(text: str, language: str, role: str) -> list[str]:
    return [code for found, what, code in BLOCK.findall(text) if (found, what) == (language, role)]


def test_every_block_of_the_guide_is_one_that_is_checked() -> None:
    roles = {(language, role) for language, role, _ in BLOCK.findall(MIGRATE)}
    assert roles == {
        ("bash", ""), ("bash", "before"), ("bash", "after"), ("python", "before"), ("python", "after"),
        ("python", "before: handler"), ("python", "after: handler"),
    }  # fmt: skip


@pytest.mark.parametrize("role", ["before", "before: handler"])
def test_what_was_there_before_is_python(role: str) -> None:
    found = blocks(MIGRATE, "python", role)
    assert found
    for code in found:
        compile(code, "docs/how-to/from.md", "exec")


@pytest.mark.parametrize("code", blocks(MIGRATE, "python", "after: handler"))
def test_a_migrated_handler_runs_once(code: str) -> None:
    worked: list[Any] = []

    def work(given: Any) -> dict[str, Any]:
        worked.append(given)
        return {"of": given}

    scope: dict[str, Any] = {"bill": work, "profile": work}
    exec(compile(code, "docs/how-to/from.md", "exec"), scope)
    bench = Bench()
    event = {"order_id": "o-1", "csv": "a\n1\n"}
    first = bench.call(scope["handler"], event, request_id="r-1")
    assert bench.call(scope["handler"], event, request_id="r-1") == first
    assert len(worked) == 1 and [run.status for run in bench.runs()] == ["succeeded"]


@pytest.mark.parametrize("code", blocks(MIGRATE, "python", "after"))
def test_a_migrated_caller_gets_its_answer(code: str, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in service.env.items():
        monkeypatch.setenv(name, value)
    scope: dict[str, Any] = {}
    exec(compile(code, "docs/how-to/from.md", "exec"), scope)
    assert scope["answer"]["rows"] == 1


@pytest.mark.parametrize("code", blocks(MIGRATE, "bash", "after"))
def test_a_migrated_command_works(code: str, service: Service, tmp_path: Path) -> None:
    (tmp_path / "input.json").write_text('{"csv": "a\\n1\\n"}')
    path = os.pathsep.join([str(VENV / "bin"), str(EMULATOR_VENV / "bin"), os.environ["PATH"]])
    env = {"PATH": path, "HOME": str(tmp_path), **service.env}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert '"rows"' in done.stdout or (tmp_path / "again.json").exists()


def test_the_story_s_code_is_python() -> None:
    for _, _, code in BLOCK.findall(DUPLICATES):
        compile(code, "docs/explanation/duplicates.md", "exec")


def test_the_table_was_measured_with_the_clients_that_the_demo_uses() -> None:
    told = DUPLICATES.split("Measured with")[1].split("boto3 before")[0]
    for version in clients.versions().values():
        assert version.split()[-1] in told


def test_the_table_tells_every_client_in_every_way_and_no_broken_promise() -> None:
    table = DUPLICATES.split("<!-- the table")[1].split("<!-- end -->")[0]
    rows = [[cell.strip(" *") for cell in line.split("|")[1:-1]] for line in table.splitlines() if line.startswith("|")]
    rows = rows[2:]
    of_lambda = [(row[0], row[1]) for row in rows if not row[0].startswith("through")]
    python = [
        (way, client) for way in ("the function as it is", "@tracked(attach=True)") for client in clients.OF_LAMBDA
    ]
    assert of_lambda == [*python, ("tracked(…, { attach: true })", "sls invoke")]
    assert [row[1] for row in rows if row[0].startswith("through")] == list(clients.OF_API)
    for way, _, sends, runs, told, _ in rows:
        if way == "the function as it is":
            assert runs == sends and int(runs) >= 3
        else:
            assert (runs, told) == ("1", "the result")


def test_the_numbers_in_the_text_are_those_of_the_code() -> None:
    assert f"`attach_seconds`, {Options().attach_seconds} unless told" in DUPLICATES
    assert slots.Payload("t", "f", "x" * 43).key(1).startswith("payload:")
    assert "less than two seconds left" in WAYS


def test_every_setting_of_a_wrapped_function_is_told() -> None:
    source = (ROOT / "invoke_once" / "handler" / "runtime.py").read_text()
    settings = set(re.findall(r"ONCE_[A-Z_]+", source))
    assert settings >= {"ONCE_RUNS_TABLE", "ONCE_JITTER"}
    assert [name for name in sorted(settings) if f"`{name}`" not in WAYS] == []


def test_every_link_leads_somewhere() -> None:
    for page in PAGES:
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
