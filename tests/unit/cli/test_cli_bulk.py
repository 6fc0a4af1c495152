"""`once cancel --all`, `retry --all` and `bulk` against a pretended service: what is asked, sent and printed."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar

import pytest

from invoke_once.cli import exits
from invoke_once.cli.root import run

JOB = "bulk_" + "a" * 26
FILTERED = ["--all", "--status", "failed,timed_out", "-f", "echo", "--label", "n=1", "--batch", "batch_x"]


class Pretended(BaseHTTPRequestHandler):
    """A job is over when it is looked at; with `ends` running, never."""

    ends = "done"
    refused = 2
    seen: ClassVar[list[tuple[str, Any]]] = []

    def _answer(self, status: int, document: Any) -> None:
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _job(self, status: str) -> Any:
        asked = next((body for path, body in reversed(self.seen) if path == "/bulk"), {"action": "retry"})
        dry = bool(asked.get("dry_run"))
        return {"id": JOB, "action": asked["action"], "dry_run": dry, "status": status, "matched": 40,
                "done": 0 if dry else 40 - self.refused, "refused": self.refused,
                "created_at": "2026-11-26T06:00:00.000Z"}  # fmt: skip

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.seen.append((self.path, json.loads(sent) if sent else None))
        self._answer(202, self._job("running"))

    def do_GET(self) -> None:
        self._answer(200, self._job(self.ends))

    def log_message(self, *_: Any) -> None:
        pass


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Pretended]]:
    handler = type("Handler", (Pretended,), {"seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    monkeypatch.setenv("ONCE_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("ONCE_TOKEN", "once_x_y")
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    yield handler
    server.shutdown()
    server.server_close()


def test_a_dry_run_says_how_many_there_are_and_asks_nothing(service: Any, capsys: Any) -> None:
    assert run(["retry", *FILTERED, "--dry-run"]) == exits.OK
    got = capsys.readouterr()
    assert got.out == f"{JOB}\n"
    assert got.err == "38 of 40 runs would be sent again, 2 in a state that forbids it\n"
    assert service.seen == [("/bulk", {"action": "retry", "dry_run": True, "filter": {
        "function": "echo", "status": ["failed", "timed_out"], "label": ["n:1"], "batch": "batch_x"}})]  # fmt: skip


def test_without_a_terminal_nothing_is_done_unless_it_is_meant(service: Any, capsys: Any) -> None:
    assert run(["cancel", *FILTERED]) == exits.USAGE
    assert "--yes" in capsys.readouterr().err and not service.seen
    assert run(["cancel", *FILTERED, "--yes"]) == exits.OK
    got = capsys.readouterr()
    assert got.out == f"{JOB}\n" and "38 of 40 runs cancelled, 2 in a state that forbids it" in got.err
    assert [body["action"] for _, body in service.seen] == ["cancel"] and "dry_run" not in service.seen[0][1]


@pytest.mark.parametrize(("typed", "done"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_on_a_terminal_the_number_is_asked_back_and_what_was_counted_is_done(
    service: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch, typed: str, done: bool
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    assert run(["retry", *FILTERED]) == exits.OK
    got = capsys.readouterr()
    assert "retry 38 runs (2 more in a state that forbids it)?" in got.err + got.out
    bodies = [body for _, body in service.seen]
    assert len(bodies) == 1 + done and bodies[0]["dry_run"]
    if done:
        assert bodies[1]["filter"] == bodies[0]["filter"] | {"created_before": "2026-11-26T06:00:00.000Z"}
    else:
        assert "left as they are" in got.err


def test_where_there_is_nothing_to_do_nothing_is_asked(
    service: Any, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(""))
    service.refused = 40
    assert run(["retry", *FILTERED]) == exits.OK
    assert "nothing to retry (40 more in a state that forbids it)" in capsys.readouterr().err


def test_json_is_the_document_and_nothing_else(service: Any, capsys: Any) -> None:
    assert run(["retry", *FILTERED, "--yes", "--json"]) == exits.OK
    got = capsys.readouterr()
    assert json.loads(got.out)["done"] == 38 and got.err == ""


@pytest.mark.parametrize(("ends", "code"), [("stopped", exits.CANCELLED), ("running", exits.GAVE_UP)])
def test_a_job_that_was_stopped_or_takes_too_long_has_its_exit_code(
    service: Any, capsys: Any, ends: str, code: int
) -> None:
    service.ends = ends
    assert run(["retry", *FILTERED, "--yes", "--timeout", "0"]) == code or ends == "stopped"
    assert run(["retry", *FILTERED, "--yes", "--timeout", "0.2"]) == code
    capsys.readouterr()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["cancel"], "say which run"),
        (["cancel", "--all"], "--all needs a filter"),
        (["retry", "--all", "--yes"], "--all needs a filter"),
        (["retry", "run_" + "a" * 26, "--all", "--status", "failed"], "not both"),
        (["retry", "run_" + "a" * 26, "--status", "failed"], "--status goes with --all"),
        (["cancel", "run_" + "a" * 26, "--dry-run"], "--dry-run goes with --all"),
        (["retry", "--all", "--status", "failed", "--wait", "--yes"], "go with one run"),
        (["retry", "--all", "--status", "faild", "--yes"], "did you mean failed"),
        (["bulk", "resend", "--yes"], "needs a filter"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_is_sent(service: Any, capsys: Any, args: Any, said: str) -> None:
    assert run(args) == exits.USAGE
    assert said in capsys.readouterr().err and not service.seen


def test_a_job_is_shown_stopped_and_callbacks_are_sent_again(service: Any, capsys: Any) -> None:
    assert run(["bulk", "status", JOB]) == exits.OK
    assert capsys.readouterr().out.startswith(f"{JOB} done: 38 of 40 runs sent again")
    assert run(["bulk", "status", JOB, "--wait", "--json"]) == exits.OK
    assert json.loads(capsys.readouterr().out)["status"] == "done"
    service.ends = "stopped"
    assert run(["bulk", "stop", JOB]) == exits.OK
    assert ", stopped" in capsys.readouterr().err and service.seen[-1][0] == f"/bulk/{JOB}/stop"
    service.ends = "done"
    assert run(["bulk", "resend", "--since", "3d", "--yes"]) == exits.OK
    assert service.seen[-1][1]["action"] == "resend" and "created_after" in service.seen[-1][1]["filter"]
