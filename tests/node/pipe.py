"""A Node.js process that is told what to do, and that asks back before it has done it: `attempts.mjs`, at this end."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Serve = Callable[[dict[str, Any]], dict[str, Any]]


class NodeError(Exception):
    """What was thrown there: its name, message and code."""

    def __init__(self, told: Mapping[str, str]) -> None:
        super().__init__(f"{told['name']}: {told['message']}\n{told['stack']}")
        self.name, self.message, self.code = told["name"], told["message"], told["code"]


class NodeSide:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["node", str(Path(__file__).with_name("attempts.mjs"))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip
        self._calls = 0

    def call(self, message: Mapping[str, Any], serve: Serve) -> Any:
        """Have it do something; `serve` answers what it asks meanwhile, and may itself call.

        What `serve` raises ends the call: the other side waits for that answer for ever.
        """
        self._calls += 1
        mine = self._calls
        self._send({"id": mine, **message})
        while True:
            told = self._read()
            if "ask" in told:
                self._send({"answer": told["ask"], **serve(told)})
                continue
            assert told["done"] == mine, "an act ended in the middle of another one's call"
            if "error" in told:
                raise NodeError(told["error"])
            return told["value"]

    def close(self) -> None:
        with self._process as process:
            process.kill()

    def _send(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(_plain(message)) + "\n")

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the Node.js process has ended"
        found: dict[str, Any] = json.loads(line, object_hook=_revived)
        return found


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _revived(value: dict[str, Any]) -> Any:
    return base64.b64decode(value["bytes"]) if value.keys() == {"bytes"} else value
