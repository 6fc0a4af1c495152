"""The pinned connection without a network: its deadline, its addresses, what is written and in which pieces."""

from __future__ import annotations

import socket
import ssl
import threading
from typing import Any

import pytest
from botocore.httpsession import get_cert_path

from chalicelib.callbacks import pinned
from chalicelib.callbacks.pinned import Deadline, Pinned, within
from chalicelib.callbacks.urls import CallbackUrl

HTTP, HTTPS = (CallbackUrl(scheme, "hook.example", 8443, "/x?y=1") for scheme in ("http", "https"))


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Sock:
    """Keeps what is written and how long it may take."""

    def __init__(self, *come: bytes) -> None:
        self.come, self.waits, self.written = [*come], list[float](), list[bytes]()

    def settimeout(self, seconds: float) -> None:
        self.waits.append(seconds)

    def sendall(self, data: bytes) -> None:
        self.written.append(bytes(data))

    def recv(self, most: int) -> bytes:
        return self.come.pop(0)


def test_a_deadline_is_over_at_its_very_end() -> None:
    clock = Clock()
    deadline = Deadline(5, clock)
    clock.now = 104.5
    assert (deadline.left_s(), deadline.elapsed_ms()) == (0.5, 4_500)
    for clock.now in (105.0, 106.0):
        with pytest.raises(TimeoutError):
            deadline.left_s()


def test_what_may_hang_is_done_in_a_thread_that_does_not_keep_the_process() -> None:
    assert within(Deadline(10), threading.current_thread).daemon


def tried(monkeypatch: pytest.MonkeyPatch, *answers: Any) -> list[tuple[Any, float]]:
    """The addresses that were tried, each with its time; `answers` are what comes of each."""
    asked, come = list[tuple[Any, float]](), [*answers]

    def create_connection(address: Any, timeout: float = -1) -> Any:
        asked.append((address, timeout))
        answer = come.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(socket, "create_connection", create_connection)
    return asked


def test_four_addresses_share_the_time_and_the_last_one_s_error_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = tried(monkeypatch, *(OSError(name) for name in "abcd"))
    connection = Pinned(HTTP, ["1", "2", "3", "4", "5"], Deadline(12, Clock()), None)
    with pytest.raises(OSError, match="^d$"):
        connection.connect()
    assert asked == [(("1", 8443), 3.0), (("2", 8443), 4.0), (("3", 8443), 6.0), (("4", 8443), 12.0)]


def test_without_an_address_there_is_no_connection() -> None:
    with pytest.raises(OSError, match="^the name has no address$"):
        Pinned(HTTP, [], Deadline(12, Clock()), None).connect()


def test_tls_begins_with_the_time_that_is_left_and_the_receiver_s_name(monkeypatch: pytest.MonkeyPatch) -> None:
    sock, wrapped = Sock(), Sock()

    class Context:
        def wrap_socket(self, given: Any, **asked: Any) -> Any:
            assert (given, asked) == (sock, {"server_hostname": "hook.example"})
            return wrapped

    tried(monkeypatch, sock)
    connection = Pinned(HTTPS, ["1"], Deadline(12, Clock()), Context())  # type: ignore[arg-type]
    connection.connect()
    assert (connection.sock, sock.waits) == (wrapped, [12.0])


def test_a_request_goes_out_in_pieces_each_with_the_time_that_is_left() -> None:
    clock, sock, body = Clock(), Sock(), bytes(range(250)) * 80
    connection = Pinned(HTTP, [], Deadline(12, clock), None)
    connection.sock = sock
    clock.now = 102.0
    connection.post({"webhook-id": "m"}, body)
    assert sock.written == [
        b"POST /x?y=1 HTTP/1.1\r\nHost: hook.example:8443\r\nUser-Agent: invoke-once\r\nAccept: */*\r\n"
        b"Accept-Encoding: identity\r\nConnection: close\r\nContent-Type: application/json\r\n"
        b"Content-Length: 20000\r\nwebhook-id: m\r\n\r\n",
        body[:8192],
        body[8192:16384],
        body[16384:],
    ]
    assert sock.waits == [10.0] * 4
    assert connection.elapsed_ms() == 2_000


def test_each_piece_of_an_answer_is_waited_for_with_the_time_that_is_left() -> None:
    sock = Sock(b"HTTP/1.1 200 OK\r\n", b"\r\nbody")
    connection = Pinned(HTTP, [], Deadline(12, Clock()), None)
    connection.sock = sock
    assert connection.read_head() == b"HTTP/1.1 200 OK\r\n\r\nbody"
    assert sock.waits == [12.0, 12.0]


def test_the_authorities_are_botocore_s_and_the_system_s(monkeypatch: pytest.MonkeyPatch) -> None:
    class Context:
        loaded = 0

        def load_default_certs(self) -> None:
            self.loaded += 1

    made, asked = Context(), list[Any]()
    monkeypatch.setattr(ssl, "create_default_context", lambda **given: asked.append(given) or made)
    pinned.trusted.cache_clear()
    assert pinned.trusted() is made  # type: ignore[comparison-overlap]
    pinned.trusted.cache_clear()
    assert (asked, made.loaded) == ([{"cafile": get_cert_path(True)}], 1)
