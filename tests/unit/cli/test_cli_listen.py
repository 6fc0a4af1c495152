"""`once listen`: a receiver that believes only what verifies."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from invoke_once.signing import sign
from tests.once_process import OnceProcess, environment, in_pipes

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
EVENT = {"type": "run.succeeded", "timestamp": "t", "data": {"id": "run_a", "function": "echo", "status": "succeeded"}}


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


def test_json_is_one_event_a_line(env: dict[str, str]) -> None:
    body = json.dumps(EVENT).encode()
    with in_pipes(["listen", "--count", "2", "--json"], env) as once:
        once.until("(Ctrl-C")
        url = re.findall(r"http://\S+", once.seen)[0]
        for _ in range(2):
            assert post(url, body, signed(body)) == 204
        assert once.finish() == 0
        assert [json.loads(line) for line in once.stdout().splitlines()] == [EVENT, EVENT]


def test_ctrl_c_ends_it(env: dict[str, str]) -> None:
    with in_pipes(["listen"], env) as once:
        assert once.until("(Ctrl-C").interrupt().finish() == 130
    assert "Traceback" not in once.seen


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
