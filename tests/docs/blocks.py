"""The code blocks of a page, and how each kind is tried.

A comment above a block, which no reader sees, says what the block is where that is not plain:

    <!-- file: PATH -->      it is the text of that file, which the blocks after it use
    <!-- read -->            it is read and not run: it needs an AWS account, or shows a part of a file
    <!-- fails: N -->        it ends with exit code N

Shell blocks of a page run in one shell, so that what one exports the next one has. Python blocks of a page share their
names, as in a session. Text, console and mermaid blocks show output or pictures: they are not run.
"""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

import yaml

SHOWN = {"", "text", "console", "mermaid", "http", "java", "hcl", "ini", "ts", "typescript"}
_FENCE = re.compile(
    r"(?:^[ ]*<!-- (?P<role>[^\n]*?) -->\n)?"
    r"^(?P<indent>[ ]*)```(?P<kind>[\w-]*)(?P<info>[^\n]*)\n(?P<text>.*?)^(?P=indent)```",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, its text, its first line's number, and what the comment above it says."""

    kind: str
    text: str
    line: int
    role: str = ""


@dataclass
class Session:
    """Where the blocks of one page run: a clean directory, one shell, one Python."""

    place: Path
    env: dict[str, str]
    python: str
    shell: list[str] = field(default_factory=list)
    script: list[str] = field(default_factory=list)


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        indent = match["indent"]
        body = "".join(line.removeprefix(indent) for line in match["text"].splitlines(keepends=True))
        found.append(
            Block(
                match["kind"], body, text[: match.start("text")].count("\n") + 1, match["role"] or _role(match["info"])
            )
        )
    return found


def _role(info: str) -> str:
    """`before` and `after: handler` on the fence, in the pages about coming from elsewhere: shown beside each other."""
    return "read" if info.strip() in ("before", "after: handler") else ""


def try_block(block: Block, session: Session) -> None:
    """Run it, or read it. AssertionError with its output where it does not hold."""
    if block.role.startswith("file: "):
        target = session.place / block.role.removeprefix("file: ")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(block.text, encoding="utf-8")
    if block.kind in SHOWN:
        return
    _read(block)
    if block.role == "read" or block.role.startswith("file: "):
        return
    if block.kind in ("sh", "bash", "shell"):
        _run_shell(block, session)
    elif block.kind == "python":
        _run_python(block, session)
    elif block.kind == "js":
        file = session.place / f"block-{block.line}.mjs"
        file.write_text(block.text, encoding="utf-8")
        _run(["node", str(file)], block, session)


def _read(block: Block) -> None:
    """It is what its language says it is."""
    match block.kind:
        case "json":
            json.loads(block.text)
        case "toml":
            tomllib.loads(block.text)
        case "yaml" | "yml":
            list(yaml.safe_load_all(block.text))
        case "python":
            compile(block.text, "block", "exec")
        case "sh" | "bash" | "shell":
            checked = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True)
            assert checked.returncode == 0, checked.stderr
        case "js":
            pass
        case _:
            raise AssertionError(f"a block of an unknown kind: {block.kind}")


def _run_shell(block: Block, session: Session) -> None:
    """With what earlier blocks exported: their variables and their directory are kept in a file between blocks."""
    kept = session.place / ".shell"
    before = f". {kept}\n" if kept.exists() else ""
    after = f"\n{{ export -p; echo cd \"'$PWD'\"; }} > {kept}\n"
    _run(["bash", "-euo", "pipefail", "-c", f"{before}{block.text}{after}"], block, session)


def _run_python(block: Block, session: Session) -> None:
    """After the earlier Python blocks of the page, whose output was looked at already."""
    quiet = "import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()):\n    exec({earlier!r}, globals())\n"
    earlier = quiet.format(earlier="\n".join(session.script)) if session.script else ""
    _run([session.python, "-W", "ignore::ResourceWarning", "-c", earlier + block.text], block, session)
    session.script.append(block.text)


def _run(command: list[str], block: Block, session: Session) -> None:
    wanted = int(block.role.removeprefix("fails: ")) if block.role.startswith("fails: ") else 0
    done = subprocess.run(
        command,
        cwd=session.place,
        env=session.env,
        capture_output=True,
        text=True,
        timeout=180,
        stdin=subprocess.DEVNULL,
    )
    told = (
        f"line {block.line} ended with {done.returncode}:\n{block.text}\n{done.stdout[-1500:]}\n{done.stderr[-1500:]}"
    )
    assert done.returncode == wanted, told
