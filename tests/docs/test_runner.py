"""The runner of the documentation's blocks notices what is wrong."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.docs.blocks import Session, blocks, try_block

PAGE = """
```sh
export A=1
cd "$(mktemp -d)"
```

<!-- file: data.json -->
```json
{"a": 1}
```

```python
import json
value = json.load(open("data.json"))["a"]
```

```python
assert value == 1
```
"""


def attempt(text: str, place: Path) -> None:
    page = place / "page.md"
    page.write_text(text)
    session = Session(place, dict(os.environ), sys.executable)
    for block in blocks(page):
        try_block(block, session)


def test_blocks_share_a_shell_and_a_python(tmp_path: Path) -> None:
    attempt(PAGE + '```sh\ntest "$A" = 1 && test "$PWD" != ' + f'"{tmp_path}"\n```\n', tmp_path)


@pytest.mark.parametrize(
    "block",
    [
        "```sh\nfalse\n```",
        "```sh\nfalse | true\n```",
        "```python\nassert False\n```",
        '```json\n{"a": …}\n```',
        "```toml\na =\n```",
        "<!-- read -->\n```python\nx = = 1\n```",
        "```sh\nif\n```",
        "<!-- fails: 3 -->\n```sh\nexit 2\n```",
        "```unknown\nx\n```",
    ],
)
def test_what_does_not_hold_is_noticed(block: str, tmp_path: Path) -> None:
    with pytest.raises((AssertionError, ValueError, SyntaxError)):
        attempt(f"{block}\n", tmp_path)
