"""The OpenAPI document of two functions, a line for each operation and each part: tests/fixtures/openapi.jsonl has it.

`python -m tests.unit.api.published` writes the file anew; whoever changes what callers see, sees it in its diff.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app import app
from chalicelib.api.openapi.document import document
from chalicelib.functions import Function

FILE = Path(__file__).parents[2] / "fixtures" / "openapi.jsonl"
FUNCTIONS = {
    "echo": Function("echo", "t-echo"),
    "report": Function("report", "t-report", description="A report.", input_schema={"type": "object"}),
}


def parts() -> Iterator[tuple[str, Any]]:
    """(where in the document, what it says there); the version is another with each release."""
    whole = document(app, FUNCTIONS, signed=True)
    whole["info"].pop("version")
    for path, methods in whole.pop("paths").items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation
    for kind, named in (("webhook", whole.pop("webhooks")), *whole.pop("components").items()):
        for name, part in named.items():
            yield f"{kind} {name}", part
    yield "all", whole


def text() -> str:
    return "".join(
        json.dumps({"where": where, "says": says}, ensure_ascii=False, sort_keys=True) + "\n"
        for where, says in sorted(parts(), key=lambda part: part[0])
    )


if __name__ == "__main__":
    FILE.write_text(text())
