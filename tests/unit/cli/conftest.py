"""`once` in this process, against the pretended service on a socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from invoke_once.cli.root import run
from tests.once_fake import TOKEN, FakeOnce, serve


@dataclass(frozen=True)
class Done:
    """How a command line ended."""

    code: int
    out: str
    err: str


Cli = Callable[..., Done]


@pytest.fixture
def fake() -> FakeOnce:
    return FakeOnce()


@pytest.fixture
def url(fake: FakeOnce, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    with serve(fake) as address:
        monkeypatch.setenv("HOME", str(tmp_path))
        for name in ("XDG_CONFIG_HOME", "ONCE_PROFILE", "ONCE_WEBHOOK_SECRET"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("ONCE_URL", address)
        monkeypatch.setenv("ONCE_TOKEN", TOKEN)
        yield address


@pytest.fixture
def cli(url: str, capsys: pytest.CaptureFixture[str]) -> Cli:
    def call(*args: str) -> Done:
        code = run(args)
        got = capsys.readouterr()
        assert "Traceback" not in got.err
        return Done(code, got.out, got.err)

    return call
