"""What a user's own mypy --strict says, from outside this checkout: the installed package and its py.typed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

WRITTEN = Path(__file__).with_name("typed_for_users.py")


def test_a_users_file_is_clean_under_mypy_strict(tmp_path: Path) -> None:
    file = tmp_path / "handler.py"
    file.write_text(WRITTEN.read_text())
    cache = Path(".mypy_cache/user").absolute()
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(cache), str(file)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_struct_is_made_and_checked_and_a_typed_dict_is_given_as_it_came(fake: object) -> None:
    from typing import TypedDict

    import msgspec
    import pytest

    from invoke_once import client_errors
    from invoke_once.client import Once
    from tests.once_fake import TOKEN, FakeOnce
    from tests.unit.client.conftest import settings

    class Loose(TypedDict):
        rows: int

    class Report(msgspec.Struct):
        rows: int

    assert isinstance(fake, FakeOnce)
    with Once("http://once.test", TOKEN, **settings(fake)) as once:
        run = once.start("echo", {"rows": 3}, returns=Report)
        assert (run.result(), run.output) == (Report(3), Report(3))
        assert once.get(run.id, returns=Loose).result() == {"rows": 3}
        with pytest.raises(client_errors.UnexpectedOutput, match=r"no Report.*\$\.rows"):
            once.start("echo", {"rows": "three"}, returns=Report).result()
