"""`once batch …` against a pretended service: what is printed, and the exit codes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest

from invoke_once.cli.root import run

BATCH = "batch_" + "a" * 26
COUNTS = {"total": 2, "waiting": 0, "running": 0, "succeeded": 2, "failed": 0}


class Pretended(BaseHTTPRequestHandler):
    ends = "succeeded"
    known = False
    seen: ClassVar[list[tuple[str, Any]]] = []

    def _answer(self, status: int, body: Any, **headers: str) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Type", "application/problem+json" if status >= 400 else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.seen.append((self.path, json.loads(sent) if sent else None))
        if self.seen[-1][1] and self.seen[-1][1].get("function") == "ecko":
            self._answer(404, {"type": "urn:invoke-once:not-found", "detail": "There is no such function."})
        elif self.known:
            document = {"id": BATCH, "status": self.ends, "counts": COUNTS, "created_at": "2026-01-31T12:00:00Z"}
            self._answer(200, document, Idempotent_Replayed="true")
        else:
            self._answer(202, {"id": BATCH, "status": "running", "counts": {"total": 2, "waiting": 2}})

    def do_GET(self) -> None:
        document = {"id": BATCH, "function": "echo", "status": self.ends, "counts": COUNTS, "created_at": "t"}
        if self.path.startswith(f"/batches/{BATCH}/results"):
            known = {"run_id": "run_" + "b" * 26, "error": None}
            results = [
                {"index": 0, "status": "succeeded", "output": {"n": 1}, **known},
                {"index": 1, "status": "failed", **known},
            ]
            self._answer(200, {"results": results, "next_cursor": None})
        elif self.path.startswith(f"/batches/{BATCH}"):
            self._answer(200, document)
        elif self.path.startswith("/functions"):
            self._answer(200, {"functions": [{"name": "echo"}]})
        else:
            self._answer(200, {"batches": [document], "next_cursor": None})

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Pretended]]:
    handler = type("Handler", (Pretended,), {"seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("ONCE_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("ONCE_TOKEN", "once_x_y")
    yield handler
    server.shutdown()
    server.server_close()


@pytest.fixture
def inputs(tmp_path: Path) -> str:
    file = tmp_path / "inputs.jsonl"
    file.write_text('{"n": 1.50}\n\n{"n": 2}\n')
    return str(file)


def test_start_sends_a_line_an_item_and_prints_the_id(
    service: type[Pretended], inputs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["batch", "start", "-f", "echo", "-p", inputs, "--max-running", "3", "--label", "a=b"]) == 0
    assert capsys.readouterr().out == f"{BATCH}\n"
    ((path, body),) = service.seen
    assert path == "/batches"
    assert body == {"function": "echo", "items": [{"input": {"n": 1.5}}, {"input": {"n": 2}}], "max_running": 3,
                    "labels": {"a": "b"}}  # fmt: skip


def test_ctrl_c_before_the_answer_tells_the_key_that_finds_the_batch(
    inputs: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Asked for again without it, all of its runs would begin once more."""
    keys = []

    def interrupted(_self: Any, *_args: Any, **options: Any) -> None:
        keys.append(options["key"])
        raise KeyboardInterrupt

    monkeypatch.setenv("ONCE_TOKEN", "once_x_y")
    monkeypatch.setattr("invoke_once.client.Once.map", interrupted)
    assert run(["--url", "http://127.0.0.1:1", "batch", "start", "-f", "echo", "-p", inputs]) == 130
    assert f"the same command with --key {keys[0]} finds it" in capsys.readouterr().err


def test_a_function_that_there_is_not_is_told_with_the_one_that_was_meant(
    service: type[Pretended], inputs: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["batch", "start", "-f", "ecko", "-p", inputs]) == 2
    assert "there is no function ecko. Did you mean echo?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("ends", "says"), [("succeeded", "another key"), ("failed", f"once batch retry {BATCH} (or --if-failed rerun)")]
)
def test_a_key_that_had_a_batch_is_told_with_what_became_of_it(
    service: type[Pretended], inputs: str, ends: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    service.known, service.ends = True, ends
    assert run(["batch", "start", "-f", "echo", "-p", inputs, "--key", "k"]) == 0
    told = capsys.readouterr().err
    assert f"this key had a batch already: {BATCH}, " in told and "2 of 2 succeeded" in told
    assert says in told and f"its results: once batch results {BATCH}" in told
    assert run(["batch", "start", "-f", "echo", "-p", inputs, "--key", "k", "--quiet"]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("ends", "code"), [("succeeded", 0), ("failed", 1), ("cancelled", 1)])
def test_wait_says_how_it_went(
    service: type[Pretended], inputs: str, ends: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    service.ends = ends
    assert run(["batch", "start", "-f", "echo", "-p", inputs, "--wait"]) == code
    assert "2 of 2 succeeded" in capsys.readouterr().err


def test_results_are_a_line_each(service: type[Pretended], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["batch", "results", BATCH]) == 0
    assert capsys.readouterr().out == '{"n":1}\nnull\n'
    assert run(["batch", "results", BATCH, "--all"]) == 0
    assert [json.loads(line)["status"] for line in capsys.readouterr().out.splitlines()] == ["succeeded", "failed"]


def test_status_list_cancel_and_retry(service: type[Pretended], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["batch", "status", BATCH]) == 0
    assert "succeeded\t2" in capsys.readouterr().out
    assert run(["batch", "list"]) == 0
    assert "2 of 2 succeeded" in capsys.readouterr().out
    for name in ("cancel", "retry"):
        assert run(["batch", name, BATCH, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["id"] == BATCH
    assert [path for path, _ in service.seen] == [f"/batches/{BATCH}/cancel", f"/batches/{BATCH}/retry"]


def test_a_bad_line_is_told_by_its_number(
    service: type[Pretended], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x").write_text('{"a": 1}\n{"a":\n')
    assert run(["batch", "start", "-f", "echo", "-p", str(tmp_path / "x")]) == 2
    assert "line 2" in capsys.readouterr().err
    (tmp_path / "empty").write_text("\n")
    assert run(["batch", "start", "-f", "echo", "-p", str(tmp_path / "empty")]) == 2
    assert not service.seen
