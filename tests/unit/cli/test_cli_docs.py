"""docs/reference/cli.md, python.md and errors.md say what there is, and all of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
import pytest

from invoke_once import client, client_errors
from invoke_once.cli import exits
from invoke_once.cli.root import COMMANDS
from invoke_once.client.core.options import StartOptions

CLI = Path("docs/reference/cli.md").read_text(encoding="utf-8")
PYTHON = "".join(Path(f"docs/reference/{page}.md").read_text(encoding="utf-8") for page in ("python", "errors"))


def long_options() -> Iterator[tuple[str, str]]:
    for name, (module, _) in COMMANDS.items():
        command = import_module(f"invoke_once.cli.commands.{module}").command
        parts = command.commands.values() if isinstance(command, click.Group) else [command]
        for part in parts:
            for option in (p for p in part.params if isinstance(p, click.Option)):
                yield name, max(option.opts, key=len)
                for other in option.secondary_opts:
                    yield name, other


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_described(name: str) -> None:
    assert f"once {name}" in CLI


@pytest.mark.parametrize(("command", "option"), sorted(set(long_options())))
def test_each_option_is_described(command: str, option: str) -> None:
    assert re.search(rf"(?<![\w-]){option}(?![\w-])", CLI), f"{command} {option}"


def test_no_option_is_described_that_is_not_there() -> None:
    known = {option for _, option in long_options()} | {"--url", "--profile"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", CLI)) <= known


def test_each_exit_code_is_described() -> None:
    codes = {value for value in vars(exits).values() if isinstance(value, int)}
    assert codes == {int(code) for code in re.findall(r"^\| (\d+) \|", CLI, re.MULTILINE)}


def test_each_error_start_option_and_method_is_described() -> None:
    own = [
        name for name in client_errors.__all__ if name not in ("InvokeOnceError", "RequestRefused", "RunNotSucceeded")
    ]
    methods = [name for kind in (client.RunHandle, client.Once) for name in vars(kind) if not name.startswith("_")]
    for name in [*own, *StartOptions.__annotations__, *methods]:
        assert re.search(rf"\b{name}\b", PYTHON), name


def test_the_examples_are_python() -> None:
    examples = re.findall(r"```python\n(.*?)```", PYTHON, re.DOTALL)
    assert examples
    for example in examples:
        compile(example, "docs/reference/python.md", "exec")
