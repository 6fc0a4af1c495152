"""Schemathesis over the service's own document, on the real stack: nothing undocumented, no 5xx, no false schema."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.service import Service

#: A cursor that nobody made and an input that a function does not take fit the document and are refused: the one
#: check cannot know. And the gateway itself answers TRACE, which no API of it can declare.
NOT_CHECKED = "positive_data_acceptance,unsupported_method"


def schemathesis(service: Service, document: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """As many cases as the options say and the same ones each time: a budget of seconds would prove less on a busy
    machine. Nothing is waited for unless a case asks for it."""
    document.write_text(service.req("GET", "/openapi.json").text)
    token = service.token("fuzz")  # of its own: what it starts and makes is not in another test's way
    command = [str(Path(sys.executable).parent / "st"), "run", str(document), "-u", service.url, "--no-color",
               "-H", f"Authorization: Bearer {token}", "-H", "Prefer: wait=0", "--exclude-checks", NOT_CHECKED,
               "--request-timeout", "40", "--generation-deterministic", "--warnings", "off", *options]  # fmt: skip
    try:
        return subprocess.run(command, cwd=document.parent, capture_output=True, text=True, timeout=360, check=False)
    finally:  # it pauses functions too, for everybody
        operator = service.token("fuzz")
        for function in service.req("GET", "/functions").json()["functions"]:
            assert service.req("POST", f"/functions/{function['name']}/resume", operator).is_success


@pytest.mark.slow
def test_every_operation_keeps_to_the_document_in_all_phases(service: Service, tmp_path: Path) -> None:
    # it would revoke the very token it works with
    done = schemathesis(service, tmp_path / "openapi.json", "-n", "1", "--exclude-operation-id", "revoke_token")
    assert done.returncode == 0, done.stdout[-6_000:]
    assert "No tests were run" not in done.stdout, done.stdout[-6_000:]


@pytest.mark.slow
def test_revoking_keeps_to_the_document_too(service: Service, tmp_path: Path) -> None:
    done = schemathesis(service, tmp_path / "openapi.json", "-n", "5", "--phases", "examples,coverage,fuzzing",
                        "--include-operation-id", "revoke_token")  # fmt: skip
    assert done.returncode == 0, done.stdout[-6_000:]
