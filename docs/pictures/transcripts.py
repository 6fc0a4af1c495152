"""Write the transcripts of README anew, from what the commands really print: `python docs/pictures/transcripts.py`.

A transcript stands below `<!-- transcript: COMMAND -->`, in a console block.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOKEN = re.compile(r"once_[a-z0-9]{8,}_[A-Za-z0-9_-]+")
PLACE = re.compile(r"(<!-- transcript: (.+?) -->\n```console\n).*?(```)", re.DOTALL)


def transcript(command: str) -> str:
    """What `command` prints, with the prompt before it; CalledProcessError if it fails."""
    env = os.environ | {"COLUMNS": "100", "NO_COLOR": "1"}
    done = subprocess.run(command.split(), cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line).rstrip() for line in done.stdout.splitlines()]
    return f"$ {command}\n" + TOKEN.sub("once_…", "\n".join(lines)) + "\n"


def main() -> int:
    page = ROOT / "README.md"
    text = page.read_text(encoding="utf-8")
    page.write_text(PLACE.sub(lambda m: m[1] + transcript(m[2]) + m[3], text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
