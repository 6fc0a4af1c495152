"""Make docs/images/cli.svg: what `once` really prints on a terminal, against the running local service.

make up && .venv/bin/python docs/images/cli_picture.py
"""

from __future__ import annotations

import io
import os
import pty
import re
import select
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = (
    ["invoke", "-f", "sleep", "-d", '{"seconds": 3}', "--key", "readme-picture", "--wait"],
    ["list", "--limit", "6"],
)
COLUMNS = 110


def settings() -> dict[str, str]:
    lines = (ROOT / ".local/once.env").read_text().splitlines()
    found = dict(line.split("=", 1) for line in lines if "=" in line)
    return {name: value.strip("'\"") for name, value in found.items()}


def shown(command: list[str]) -> str:
    """Everything a terminal was sent, with what was overwritten in place taken out."""
    pid, terminal = pty.fork()
    if pid == 0:
        env = os.environ | settings() | {"TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "COLORTERM": "truecolor"}
        os.execve(ROOT / ".venv/bin/once", ["once", *command], env)
    parts = []
    while select.select([terminal], [], [], 60)[0]:
        try:
            parts.append(os.read(terminal, 65536))
        except OSError:  # the terminal is closed: the command has ended
            break
    os.waitpid(pid, 0)
    return settled(b"".join(parts).decode())


def settled(text: str) -> str:
    text = re.sub(r"\x1b\[\?25[hl]", "", text)
    rows: list[str] = [""]
    for token in re.split(r"(\r\n|\n|\r|\x1b\[2K|\x1b\[1A)", text):
        if token in ("\n", "\r\n"):
            rows.append("")
        elif token == "\x1b[2K":
            rows[-1] = ""
        elif token == "\x1b[1A":
            rows.pop()
        elif token == "\r":
            continue
        else:
            rows[-1] += token
    return "\n".join(rows).rstrip()


def main() -> None:
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    for command in COMMANDS:
        words = " ".join(f"'{word}'" if "{" in word else word for word in command)
        console.print(Text(f"$ once {words}", style="bold"))
        console.print(Text.from_ansi(shown(command)))
        console.print()
    picture = re.sub(r"@font-face \{.*?\}\s*", "", console.export_svg(title="once"), flags=re.DOTALL)
    (ROOT / "docs/images/cli.svg").write_text(picture)  # without fonts that a reader's browser would fetch
    sys.stdout.write("docs/images/cli.svg\n")


if __name__ == "__main__":
    main()
