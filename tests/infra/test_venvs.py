"""How virtualenvs are filled: what uv is told of pip's configuration, pip where uv fails, and interruptions."""

from __future__ import annotations

import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from infra import installers, venvs
from infra.installers import told
from infra.venvs import Environment, SetupFailed


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """A virtualenv that is to hold the library `tiny`, whose wheel is at hand; its uv is not there."""
    for module in (venvs, installers):
        monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(venvs, "LOCAL", tmp_path)
    monkeypatch.setattr(installers, "UV", tmp_path / "uv")
    monkeypatch.setattr(installers, "configured", dict)
    with zipfile.ZipFile(tmp_path / "tiny-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny.py", "SIZE = 1\n")
        wheel.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        wheel.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("tiny-1.0.dist-info/RECORD", "tiny.py,,\ntiny-1.0.dist-info/METADATA,,\n")
    return Environment("emulator", tmp_path / "venv", ("--no-index", "--find-links", str(tmp_path), "tiny"), ())


def size(environment: Environment) -> str:
    asked = [str(environment.python), "-c", "import tiny; print(tiny.SIZE)"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def fake_uv(script: str) -> None:
    program = installers.UV / "bin" / "uv"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_an_installation_that_failed_or_was_interrupted_is_not_taken_for_a_complete_one(tiny: Environment) -> None:
    site = 'site=$(echo "$PWD"/venv/lib/python3*/site-packages)'
    # what this one leaves looks installed: pip would add nothing to it
    fake_uv(f"{site}; mkdir $site/tiny-1.0.dist-info; echo 'Name: tiny' > $site/tiny-1.0.dist-info/METADATA; exit 2")
    venvs.install(tiny)
    assert size(tiny) == "1"
    assert tiny.is_current()

    # both fail before they change anything: told with pip's own words, and what was there is there
    fake_uv("echo 'error: no index'; exit 2")
    absent = replace(tiny, arguments=(*tiny.arguments[:-1], "nowhere"))
    with pytest.raises(SetupFailed, match=r"Could not install venv: ERROR: .*nowhere .*install-emulator\.log"):
        venvs.install(absent)
    assert size(tiny) == "1"
    assert tiny.is_current()

    # killed while it replaced the library: it begins with nothing
    tiny.unfinished.touch()
    assert not tiny.is_current()
    fake_uv(f"{site}; test ! -e $site/tiny.py && echo SIZE = 2 > $site/tiny.py")
    venvs.install(tiny)
    assert size(tiny) == "2"
    assert tiny.is_current()


def test_uv_that_was_not_installed_to_its_end_is_not_used(tiny: Environment) -> None:
    fake_uv("exit 0")
    assert len(list(installers.commands(tiny.python, tiny.arguments))) == 2
    (installers.UV / ".unfinished").touch()
    assert len(list(installers.commands(tiny.python, tiny.arguments))) == 1


def test_uv_asks_the_index_that_pip_is_told_and_the_environment_wins() -> None:
    listed = """\
:env:.index-url='https://mirror.test/simple'
:env:.timeout='5'
download.index-url='https://other.test/simple'
global.extra-index-url='\\nhttps://one.test/\\nhttps://two.test/'
global.find-links='/a /b'
global.index-url='https://old.test/simple'
global.no-cache-dir='true'
"""
    assert told(listed) == {
        "UV_DEFAULT_INDEX": "https://mirror.test/simple",
        "UV_INDEX": "https://one.test/ https://two.test/",
        "UV_FIND_LINKS": "/a,/b",
        "UV_NO_CACHE": "true",
    }
    assert told("") == {}


@pytest.mark.parametrize(
    "option", ["no-index='true'", "no-binary=':all:'", "require-hashes='1'", "keyring-provider='import'"]
)
def test_what_uv_cannot_be_told_is_left_to_pip(option: str) -> None:
    assert told(f"global.{option}\n") is None


def test_pip_s_configuration_is_read_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.test/simple")
    found = installers.configured.__wrapped__()
    assert found is not None
    assert found["UV_DEFAULT_INDEX"] == "https://mirror.test/simple"
