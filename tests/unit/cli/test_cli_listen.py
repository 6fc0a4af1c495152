"""`once listen`: a receiver that believes only what verifies."""

from __future__ import annotations

import base64
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from invoke_once.cli.commands import listen
from invoke_once.cli.forward import Callback
from invoke_once.cli.root import run
from invoke_once.client_errors import ServiceUnreachable
from invoke_once.signing import sign, verify
from tests.once_fake import TOKEN, FakeOnce, serve
from tests.once_process import OnceProcess, environment, in_pipes

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
RUN, OTHER = "run_" + "a" * 26, "run_" + "b" * 26
EVENT: dict[str, Any] = {
    "type": "run.succeeded",
    "timestamp": "t",
    "data": {"id": "run_a", "function": "echo", "status": "succeeded"},
}


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    made = environment("", "", str(tmp_path), ONCE_WEBHOOK_SECRET=SECRET, PYTHONPATH=str(Path.cwd()))
    return {name: value for name, value in made.items() if value}


@pytest.fixture
def listening(env: dict[str, str]) -> Iterator[tuple[OnceProcess, str]]:
    with in_pipes(["listen", "--count", "1"], env) as once:
        once.until("listening on").until("(")
        found = re.search(r"http://127\.0\.0\.1:\d+/", once.seen)
        assert found
        yield once, found[0]


@contextmanager
def receiving(status: int) -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """A program that takes callbacks; gives its URL and what it got."""
    got: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", got
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    now_s = int(time.time())
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(now_s),
        "webhook-signature": sign(secret, "msg_1", now_s, body),
    }


def post(url: str, body: bytes, headers: dict[str, str]) -> int:
    return httpx.post(url, content=body, headers=headers, trust_env=False).status_code


def test_a_verified_callback_is_printed_and_thanked_for(listening: tuple[OnceProcess, str]) -> None:
    once, url = listening
    body = json.dumps(EVENT).encode()
    assert post(url, body, signed(body)) == 204
    assert once.finish() == 0
    assert once.stdout() == "run.succeeded  run_a  echo  verified  (msg_1)\n"


def test_what_does_not_verify_is_refused_and_not_counted(listening: tuple[OnceProcess, str]) -> None:
    once, url = listening
    body = json.dumps(EVENT).encode()
    other = "whsec_" + base64.b64encode(b"x" * 32).decode()
    assert post(url, body, signed(body, other)) == 401
    assert post(url, body + b" ", signed(body)) == 401
    assert post(url, body, {}) == 401
    assert httpx.get(url, trust_env=False).status_code == 501
    once.until("refused: missing header")
    assert post(url, body, signed(body)) == 204
    assert once.finish() == 0
    assert once.stdout().count("\n") == 1


def test_a_sender_that_counts_oddly_or_hangs_up_leaves_the_others_heard(listening: tuple[OnceProcess, str]) -> None:
    once, url = listening
    with socket.create_connection(("127.0.0.1", urlsplit(url).port or 0)) as odd:
        odd.sendall("POST / HTTP/1.1\r\nContent-Length: ²\r\n\r\n".encode("latin-1"))
        assert odd.recv(100).startswith(b"HTTP/1.0 411")
    with socket.create_connection(("127.0.0.1", urlsplit(url).port or 0)) as gone:
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        gone.sendall(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n")
    once.until("a callback was not taken: ConnectionResetError")
    body = json.dumps(EVENT).encode()
    assert post(url, body, signed(body)) == 204
    assert once.finish() == 0
    assert "Traceback" not in once.seen


def test_json_is_one_event_a_line(env: dict[str, str]) -> None:
    body = json.dumps(EVENT).encode()
    with in_pipes(["listen", "--count", "2", "--json"], env) as once:
        once.until("(Ctrl-C")
        url = re.findall(r"http://\S+", once.seen)[0]
        for _ in range(2):
            assert post(url, body, signed(body)) == 204
        assert once.finish() == 0
        assert [json.loads(line) for line in once.stdout().splitlines()] == [EVENT, EVENT]


@pytest.mark.parametrize("status", [200, 500])
def test_what_is_passed_on_keeps_its_bytes_and_the_answer_goes_back(env: dict[str, str], status: int) -> None:
    body = json.dumps(EVENT, indent=3).encode()
    with receiving(status) as (target, got), in_pipes(["listen", "--forward-to", target, "-v"], env) as once:
        once.until("(Ctrl-C")
        url = re.findall(r"http://\S+", once.seen)[0]
        assert post(url, body, signed(body)) == status
        once.until(f"forwarded to {target}: {status}").interrupt().finish()
        assert '"function": "echo"' in once.stdout()
    [(headers, received)] = got
    assert received == body
    assert verify(SECRET, headers, received) == EVENT


def test_a_receiver_that_is_not_there_is_a_sentence_and_a_502(env: dict[str, str]) -> None:
    body = json.dumps(EVENT).encode()
    with in_pipes(["listen", "--forward-to", "http://127.0.0.1:9/"], env) as once:
        url = re.findall(r"http://\S+", once.until("(Ctrl-C").seen)[0]
        assert post(url, body, signed(body)) == 502
        once.until("not forwarded to http://127.0.0.1:9/").interrupt().finish()
    assert "Traceback" not in once.seen


def test_the_deliveries_of_a_stage_elsewhere_are_polled_signed_and_passed_on(env: dict[str, str]) -> None:
    fake = FakeOnce()
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    old = {"webhook_id": "msg_old", "attempt": 1, "at": "2020-01-01T00:00:00Z", "status_code": 200}
    with serve(fake) as service, receiving(204) as (target, got):
        fake.runs[RUN] = {
            **EVENT["data"],
            "id": RUN,
            "idempotency_key": "k",
            "labels": {},
            "callback": {"status": "failed"},
        }
        fake.runs[OTHER] = {**fake.runs[RUN], "id": OTHER, "callback": None}
        fake.deliveries[RUN] = [old, {"webhook_id": "msg_1", "attempt": 1, "at": now, "status_code": 500}]
        more = {"ONCE_URL": service, "ONCE_TOKEN": TOKEN}
        with in_pipes(["listen", "--poll", "--forward-to", target, "--count", "1"], env | more) as once:
            assert once.finish() == 0
            assert once.stdout() == f"run.succeeded  {RUN}  echo  polled  (msg_1)\n"
    [(headers, received)] = got
    assert verify(SECRET, headers, received)["data"]["id"] == RUN
    assert headers["webhook-id"] == "msg_1"


def test_a_service_that_is_away_for_a_moment_is_looked_at_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    came = [ServiceUnreachable("no route"), [], ServiceUnreachable("no route"), [Callback({"webhook-id": "m"}, b"{}")]]

    class Scripted:
        def __init__(self, *_: object) -> None: ...

        def new(self) -> list[Callback]:
            match came.pop(0):
                case ServiceUnreachable() as error:
                    raise error
                case list(found):
                    return found

    monkeypatch.setattr("invoke_once.cli.forward.Deliveries", Scripted)
    monkeypatch.setattr(listen, "_POLL_S", 0.0)
    monkeypatch.setenv("ONCE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("ONCE_TOKEN", TOKEN)
    assert run(["listen", "--poll", "--count", "1"]) == 6
    assert run(["listen", "--poll", "--count", "1"]) == 0
    assert "no route; looking again" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["3000/hooks", "ftp://127.0.0.1/", "http://", "http://[::", "http://h:99999/"])
def test_where_callbacks_cannot_be_passed_on_is_said_at_once(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["listen", "--forward-to", url]) == 2
    assert "is no URL" in capsys.readouterr().err


def test_ctrl_c_ends_it(env: dict[str, str]) -> None:
    with in_pipes(["listen"], env) as once:
        assert once.until("(Ctrl-C").interrupt().finish() == 130
    assert "Traceback" not in once.seen


def test_ctrl_c_within_the_steps_of_a_wait_is_ctrl_c(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(*_: object) -> int:
        lock = threading.Lock()
        with lock:  # `Condition.wait` lets go of its lock just before the `try` that takes it again
            lock.release()
            raise KeyboardInterrupt

    monkeypatch.setattr("invoke_once.cli.commands.listen._receive", wait)
    monkeypatch.setenv("ONCE_WEBHOOK_SECRET", SECRET)
    assert run(["listen"]) == 130


def test_without_a_secret_it_says_where_to_put_one(env: dict[str, str]) -> None:
    del env["ONCE_WEBHOOK_SECRET"]
    with in_pipes(["listen"], env) as once:
        assert once.finish() == 2
    assert "ONCE_WEBHOOK_SECRET" in once.seen


def test_a_port_in_use_is_a_sentence(env: dict[str, str], listening: tuple[OnceProcess, str]) -> None:
    port = listening[1].rstrip("/").rpartition(":")[2]
    with in_pipes(["listen", "--port", port], env) as once:
        assert once.finish() == 2
    assert f"cannot listen on port {port}" in once.seen
