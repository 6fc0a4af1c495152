"""One attempt at a receiver: what it is sent, and how it can behave badly. Real sockets, on loopback."""

import contextlib
import gzip
import itertools
import re
import socket
import ssl
import threading
import time
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
import trustme

from chalicelib.callbacks.pinned import READ_LIMIT, Deadline, Pinned
from chalicelib.callbacks.urls import CallbackUrl
from chalicelib.callbacks.webhook import Outcome, _exchange, _take_leave, send
from tests.raw_receiver import RawReceiver, Script, answer

BODY = b'{"type":"run.succeeded"}'
SIGNED = {"webhook-id": "msg_1", "webhook-timestamp": "1", "webhook-signature": "v1,x"}
OK = answer("HTTP/1.1 204 No Content\r\n\r\n")


def url_of(
    receiver: RawReceiver, host: str = "127.0.0.1", scheme: str = "http", target: str = "/hook?a=1"
) -> CallbackUrl:
    return CallbackUrl(scheme, host, receiver.port, target)


def test_no_more_of_an_answer_s_head_is_read_than_four_kilobytes_and_all_of_those() -> None:
    class Drip:
        left = bytearray(b"x" * 5_000)

        def settimeout(self, _seconds: float) -> None: ...

        def recv(self, most: int) -> bytes:
            piece = bytes(self.left[: min(most, READ_LIMIT - 1)])
            del self.left[: len(piece)]
            return piece

    connection = Pinned(CallbackUrl("http", "127.0.0.1", 80, "/"), [], Deadline(5), None)
    connection.sock = Drip()
    assert len(connection.read_head()) == READ_LIMIT == 4_096


def here(*addresses: str):
    return lambda _host, _port: list(addresses or ("127.0.0.1",))


def attempt(script: Script, *, deadline_s: float = 5, body: bytes = BODY, read: bool = True) -> Outcome:
    with RawReceiver(script, read=read) as receiver:
        return send(url_of(receiver), SIGNED, body, local=True, deadline_s=deadline_s)


def test_the_request_is_one_plain_post_with_the_signed_headers() -> None:
    with RawReceiver(OK) as receiver:
        outcome = send(url_of(receiver, "hook.example"), SIGNED, BODY, local=True, resolver=here())
    head, _, body = receiver.requests[0].partition(b"\r\n\r\n")
    line, *lines = head.decode().split("\r\n")
    assert outcome == Outcome(204, None, outcome.latency_ms) and outcome.delivered
    assert line == "POST /hook?a=1 HTTP/1.1" and body == BODY
    assert dict(text.split(": ", 1) for text in lines) == SIGNED | {
        "Host": f"hook.example:{receiver.port}",
        "User-Agent": "invoke-once",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "Connection": "close",
        "Content-Type": "application/json",
        "Content-Length": str(len(BODY)),
    }


class Bytes:
    """A socket from which these many bytes come, call by call; then its end."""

    def __init__(self, *come: int) -> None:
        self.come, self.asked, self.waits = [*come], list[int](), list[float]()

    def settimeout(self, seconds: float) -> None:
        self.waits.append(seconds)

    def recv(self, most: int) -> bytes:
        self.asked.append(most)
        return b"x" * (self.come.pop(0) if self.come else 0)


@pytest.mark.parametrize(
    ("missing", "allowed", "come", "asked"),
    [(0, 9, (), []), (-4, 9, (), []), (5, 9, (5,), [5]), (5, 9, (2, 3), [5, 3]), (9, 5, (5,), [5]),
     (5, 9, (1,), [5, 4]), (9, 0, (), [])],
)  # fmt: skip
def test_what_is_left_of_a_short_body_is_taken_and_no_more(
    missing: int, allowed: int, come: tuple[int, ...], asked: list[int]
) -> None:
    sock = Bytes(*come)
    _take_leave(sock, missing, allowed)  # type: ignore[arg-type]
    assert sock.asked == asked
    assert len(sock.waits) == len(asked) and all(0 < seconds <= 0.5 for seconds in sock.waits)


class Answered:
    """A connection whose answer's head has come, with `more` bytes of its body."""

    def __init__(self, received: bytes, *come: int) -> None:
        self.received, self.sock = received, Bytes(*come)

    def connect(self) -> None:
        pass

    def post(self, headers: object, body: bytes) -> None:
        pass

    def read_head(self) -> bytes:
        return self.received

    def elapsed_ms(self) -> int:
        return 7


@pytest.mark.parametrize(
    ("status", "head", "body", "asked"),
    [("200 OK", "Content-Length: 5\r\n", "", [5]), ("200 OK", "Content-Length: 5\r\n", "ab", [3]),
     ("200 OK", "Content-Length: 5\r\n", "abcde", []), ("204 No", "Content-Length: 5\r\n", "", []),
     ("404 No", "content-length:\t2\r\n", "a", [1]), ("200 OK", "Content-Length: 1 2\r\n", "", [4_056])],
)  # fmt: skip
def test_only_what_is_missing_of_the_body_is_waited_for(status: str, head: str, body: str, asked: list[int]) -> None:
    connection = Answered(f"HTTP/1.1 {status}\r\n{head}\r\n{body}".encode(), 9_999)
    outcome = _exchange(connection, {}, b"", lambda: 0.0)  # type: ignore[arg-type]
    assert (outcome.status_code, outcome.latency_ms) == (int(status[:3]), 7)
    assert connection.sock.asked == asked


def test_a_proxy_in_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert attempt(OK).status_code == 204


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_delivered(status: int) -> None:
    outcome = attempt(answer(f"HTTP/1.1 {status} Fine\r\nContent-Length: 2\r\n\r\nok"))
    assert outcome.delivered and outcome.error is None and outcome.status_code == status


@pytest.mark.parametrize("status", [400, 401, 404, 410, 429, 500, 502, 503, 504])
def test_any_other_status_is_a_failure_and_is_kept(status: int) -> None:
    outcome = attempt(answer(f"HTTP/1.0 {status} No\r\n\r\nwhatever"))
    assert (outcome.status_code, outcome.error) == (status, f"the receiver answered {status}")
    assert not outcome.delivered


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
def test_a_redirect_is_a_failure_and_nobody_calls_the_place_it_names(status: int) -> None:
    with RawReceiver(OK) as inner:
        outcome = attempt(answer(f"HTTP/1.1 {status} There\r\nLocation: http://127.0.0.1:{inner.port}/\r\n\r\n"))
        assert (outcome.status_code, outcome.error) == (status, "redirects are not followed")
        assert not outcome.delivered
    assert inner.requests == [] and inner.finished.empty()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        (" 7 ", 7),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("9" * 70, None),
        ("", None),
    ],
)
def test_retry_after_in_seconds_is_read(value: str, seconds: float | None) -> None:
    assert attempt(answer(f"HTTP/1.1 429 Slow\r\nretry-AFTER:{value}\r\n\r\n")).retry_after_s == seconds


@pytest.mark.parametrize(("ahead_s", "seconds"), [(90, 90), (-90, 0)])
def test_retry_after_as_a_date_is_read(ahead_s: int, seconds: int) -> None:
    now_s = 1_700_000_000
    date = format_datetime(datetime.fromtimestamp(now_s + ahead_s, UTC), usegmt=True)
    with RawReceiver(answer(f"HTTP/1.1 503 Later\r\nRetry-After: {date}\r\n\r\n")) as receiver:
        outcome = send(url_of(receiver), SIGNED, BODY, local=True, now=lambda: now_s)
    assert outcome.retry_after_s == seconds


def test_a_retry_after_in_the_body_says_nothing() -> None:
    assert attempt(answer("HTTP/1.1 500 No\r\n\r\nRetry-After: 5\r\n")).retry_after_s is None


def test_interim_answers_are_skipped() -> None:
    interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    assert attempt(answer(interim + "HTTP/1.1 200 OK\r\n\r\n")).status_code == 200


def test_a_head_that_comes_byte_by_byte_but_in_time_is_read() -> None:
    def drip(peer: socket.socket) -> None:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"HTTP/1.1 200 OK\r\nRetry-After: 9\r\n\r\n":
            peer.sendall(bytes([byte]))

    assert attempt(drip) == Outcome(200, None, attempt(drip).latency_ms, 9) or attempt(drip).retry_after_s == 9


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"", "the connection was closed unanswered"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "the answer is not HTTP"),
        (b"HTTP/1.1 2", "the answer is not HTTP"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "the answer is not HTTP"),
        (b"HTTP/1.1 000 OK\r\n\r\n", "the answer is not HTTP"),
        (b"HTTP/2 200\r\n\r\n", "the answer is not HTTP"),
        (b"\x00" * 100_000, "the answer is not HTTP"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 100, "the connection was closed unanswered"),
    ],
)
def test_nonsense_is_a_failure_in_words(sent: bytes, reason: str) -> None:
    outcome = attempt(answer(sent))
    assert (outcome.status_code, outcome.error) == (None, reason)


def forever(first: bytes, piece: bytes, pause_s: float) -> Script:
    """Send `first`, then `piece` after `piece` until the sender hangs up."""

    def script(peer: socket.socket) -> None:
        peer.sendall(first)
        for _ in itertools.count():
            peer.sendall(piece)
            time.sleep(pause_s)

    return script


@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\nx-a: "], ids=["from the start", "within the head"])
def test_a_receiver_that_drips_bytes_is_given_up_when_the_total_time_is_over(first: bytes) -> None:
    started = time.monotonic()
    outcome = attempt(forever(first, b"x", 0.05), deadline_s=0.6)
    assert (outcome.status_code, outcome.error) == (None, "no answer within 0.6 s")
    assert 0.55 < time.monotonic() - started < 2


def test_whoever_waits_for_a_slow_receiver_is_told_once_while_it_waits() -> None:
    answered = threading.Event()
    told: list[bool] = []

    def slow(peer: socket.socket) -> None:
        answered.wait(5)
        OK(peer)

    def on_slow() -> None:
        told.append(answered.is_set())
        answered.set()

    with RawReceiver(slow) as receiver:
        assert send(url_of(receiver), SIGNED, BODY, local=True, on_slow=on_slow, slow_s=0.1).delivered
    assert told == [False]


def test_a_receiver_that_answers_in_time_is_not_called_slow() -> None:
    told: list[bool] = []
    with RawReceiver(OK) as receiver:
        assert send(url_of(receiver), SIGNED, BODY, local=True, on_slow=lambda: told.append(True), slow_s=1).delivered
    assert told == []


def test_a_receiver_that_says_nothing_is_given_up() -> None:
    with RawReceiver(lambda peer: peer.recv(1) and None) as receiver:
        outcome = send(url_of(receiver), SIGNED, BODY, local=True, deadline_s=0.3)
    assert outcome.error == "no answer within 0.3 s" and outcome.latency_ms >= 290


def test_a_receiver_that_takes_no_more_of_the_body_is_given_up() -> None:
    outcome = attempt(lambda _: time.sleep(1), deadline_s=0.5, body=b"x" * 8_000_000, read=False)
    assert outcome.error == "no answer within 0.5 s"


def test_an_endless_body_is_cut_after_4_kb_and_the_status_counts() -> None:
    sent = 0

    def endless(peer: socket.socket) -> None:
        nonlocal sent
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in itertools.count():
            sent += peer.send(b"x" * 4096)

    with RawReceiver(endless) as receiver:
        outcome = send(url_of(receiver), SIGNED, BODY, local=True)
        assert outcome.status_code == 200
        assert isinstance(receiver.finished.get(timeout=5), OSError), "the sender hung up"
    assert sent < 20_000_000


def test_a_body_that_drips_does_not_delay_a_status_that_is_known() -> None:
    started = time.monotonic()
    assert attempt(forever(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"x", 0.05)).status_code == 200
    assert time.monotonic() - started < 2


def test_a_gzip_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    head = f"HTTP/1.1 500 No\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
    started = time.process_time()
    assert attempt(answer(head + bomb)).status_code == 500
    assert time.process_time() - started < 1


def test_a_head_without_an_end_is_cut_after_4_kb_and_its_status_counts() -> None:
    assert attempt(forever(b"HTTP/1.1 202 OK\r\n", b"x-header: " + b"y" * 500 + b"\r\n", 0)).status_code == 202


def test_an_answer_before_the_whole_body_was_taken_is_an_answer() -> None:
    def early(peer: socket.socket) -> None:
        peer.sendall(b"HTTP/1.1 413 Too Large\r\n\r\n")
        peer.shutdown(socket.SHUT_WR)
        with contextlib.suppress(OSError):
            while peer.recv(1_000_000):
                pass

    assert attempt(early, body=b"x" * 2_000_000, read=False).status_code == 413


def test_a_reset_is_a_failure_in_words() -> None:
    def reset(peer: socket.socket) -> None:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")

    assert attempt(reset).error == "the connection was reset"


def test_nobody_listening_is_a_failure_in_words() -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        url = CallbackUrl("http", "127.0.0.1", unheard.getsockname()[1], "/")
        outcome = send(url, SIGNED, BODY, local=True)
    assert (outcome.status_code, outcome.error) == (None, "the connection was refused")


# Names, addresses, and the connection that is pinned to them.


def test_an_unknown_name_is_a_failure_in_words() -> None:
    def unknown(_host: str, _port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with RawReceiver(OK) as receiver:
        outcome = send(url_of(receiver, "gone.example"), SIGNED, BODY, resolver=unknown)
    assert (outcome.status_code, outcome.error) == (None, "the name does not resolve")


def test_a_resolver_that_hangs_does_not_outlast_the_deadline() -> None:
    def hangs(_host: str, _port: int) -> list[str]:
        time.sleep(3)
        return ["127.0.0.1"]

    with RawReceiver(OK) as receiver:
        started = time.monotonic()
        outcome = send(url_of(receiver, "slow.example"), SIGNED, BODY, local=True, resolver=hangs, deadline_s=0.3)
    assert outcome.error == "no answer within 0.3 s" and time.monotonic() - started < 1.5
    assert receiver.requests == []


def test_a_name_that_points_inside_is_refused_before_any_connection() -> None:
    with RawReceiver(OK) as receiver:
        outcome = send(url_of(receiver, "evil.example"), SIGNED, BODY, resolver=here("8.8.8.8", "127.0.0.1"))
    assert outcome == Outcome(None, "refused: the name resolves to an address that is not public", outcome.latency_ms)
    assert receiver.requests == [] and receiver.finished.empty()


def test_a_name_that_answers_otherwise_the_second_time_is_resolved_only_once() -> None:
    """DNS rebinding: the first answer passes, every later one points inside."""
    with RawReceiver(OK) as outer, RawReceiver(OK) as inner:
        asked: list[str] = []

        def rebinding(host: str, _port: int) -> list[str]:
            asked.append(host)
            return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

        first = send(url_of(outer, "rebind.example"), SIGNED, BODY, local=True, resolver=rebinding)
        again = send(url_of(outer, "rebind.example"), SIGNED, BODY, local=True, resolver=rebinding)
    assert first.status_code == 204 and asked == ["rebind.example"] * 2, "one look-up an attempt"
    assert again.error == "refused: the name resolves to an address that is not public"
    assert len(outer.requests) == 1 and inner.requests == []


def test_the_systems_own_resolver_is_not_asked_for_a_pinned_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *a, **k: asked.append(host) or real(host, *a, **k))
    with RawReceiver(OK) as receiver:
        assert send(url_of(receiver, "h.example"), SIGNED, BODY, local=True, resolver=here()).delivered
    assert asked == ["127.0.0.1"], "only the address that was checked"


def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    with RawReceiver(OK) as receiver:
        outcome = send(url_of(receiver, "h.example"), SIGNED, BODY, local=True, resolver=here("127.0.0.2", "127.0.0.1"))
    assert outcome.delivered


# TLS.


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_context(authority: trustme.CA, *names: str) -> tuple[ssl.SSLContext, list[str | None]]:
    context, asked = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), []
    authority.issue_cert(*names).configure_cert(context)
    context.sni_callback = lambda _sock, name, _context: asked.append(name)
    return context, asked


def client_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def test_tls_checks_the_names_certificate_and_tells_the_name_on_the_pinned_address(
    authority: trustme.CA,
) -> None:
    tls, asked = server_context(authority, "hook.example")
    with RawReceiver(OK, tls=tls) as receiver:
        url = url_of(receiver, "hook.example", "https")
        outcome = send(url, SIGNED, BODY, local=True, resolver=here(), context=client_context(authority))
    assert outcome.delivered and asked == ["hook.example"]
    assert f"Host: hook.example:{receiver.port}".encode() in receiver.requests[0]


def test_a_certificate_of_another_name_is_refused(authority: trustme.CA) -> None:
    tls, _ = server_context(authority, "other.example", "127.0.0.1")
    with RawReceiver(OK, tls=tls) as receiver:
        url = url_of(receiver, "hook.example", "https")
        outcome = send(url, SIGNED, BODY, local=True, resolver=here(), context=client_context(authority))
    assert outcome.status_code is None and receiver.requests == []
    assert re.search("certificate does not verify.*hook.example", outcome.error or "")


def test_a_certificate_of_nobody_we_trust_is_refused(authority: trustme.CA) -> None:
    tls, _ = server_context(authority, "hook.example")
    with RawReceiver(OK, tls=tls) as receiver:
        outcome = send(url_of(receiver, "hook.example", "https"), SIGNED, BODY, local=True, resolver=here())
    assert "the certificate does not verify" in (outcome.error or "") and receiver.requests == []


def test_a_receiver_that_does_not_speak_tls_is_a_failure_in_words() -> None:
    with RawReceiver(answer("HTTP/1.1 400 Plain\r\n\r\n"), read=False) as receiver:
        outcome = send(url_of(receiver, "hook.example", "https"), SIGNED, BODY, local=True, resolver=here())
    assert (outcome.error or "").startswith(("TLS failed", "the connection was reset"))


def test_a_handshake_that_never_ends_is_given_up() -> None:
    with RawReceiver(lambda peer: peer.recv(1_000_000) and time.sleep(2), read=False) as receiver:
        url = url_of(receiver, "hook.example", "https")
        outcome = send(url, SIGNED, BODY, local=True, resolver=here(), deadline_s=0.4)
    assert outcome.error == "no answer within 0.4 s"


@pytest.mark.parametrize("headers", [{"webhook-id": "a\r\nx-evil: 1"}, {"webhook-id\n": "a"}])
def test_a_header_with_a_line_end_is_never_written(headers: dict[str, str]) -> None:
    with RawReceiver(OK) as receiver, pytest.raises(ValueError):
        send(url_of(receiver), headers, BODY, local=True)
    assert b"x-evil" not in b"".join(receiver.requests)
