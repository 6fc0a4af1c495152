"""Send one signed message to one receiver, once, within a total time.

The receiver is not trusted: it may drip bytes, never end its answer, send gigabytes, or answer nonsense.
So one deadline covers everything from the name's resolution to the answer, at most 4 KB are read and never
unpacked, redirects and proxies are not followed, and no connection is used twice. What goes wrong on the
receiver's side comes back as an Outcome; nothing is raised for it.
"""

import contextlib
import email.utils
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from msgspec import Struct

from chalicelib.callbacks.pinned import END_OF_HEAD, READ_LIMIT, Deadline, Pinned, within
from chalicelib.callbacks.urls import CallbackUrl, Resolver, UrlRefused, resolve, system_resolver

DEADLINE_S: Final = 15.0
SLOW_S: Final = 2.0
_FAREWELL_S: Final = 0.5
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?= |\r?\n)[^\n]*\n")
_LENGTH: Final = re.compile(rb"[0-9]{1,9}")


class Outcome(Struct, frozen=True):
    """What became of one attempt. `error` says in words why there is no success; None on a 2xx."""

    status_code: int | None
    error: str | None
    latency_ms: int
    retry_after_s: float | None = None
    for_good: bool = False  #: no later try will fare better

    @property
    def delivered(self) -> bool:
        return self.status_code is not None and 200 <= self.status_code < 300


class _BadAnswer(Exception):
    """The receiver answered something that is not HTTP, or nothing."""


def send(
    url: CallbackUrl,
    headers: Mapping[str, str],
    body: bytes,
    *,
    deadline_s: float = DEADLINE_S,
    local: bool = False,
    resolver: Resolver = system_resolver,
    context: ssl.SSLContext | None = None,
    now: Callable[[], float] = time.time,
    on_slow: Callable[[], None] = lambda: None,
    slow_s: float = SLOW_S,
) -> Outcome:
    """POST `body` and wait for the answer's status. Raises nothing for whatever the receiver does.

    `local`: loopback receivers are allowed. `on_slow` is called, in a thread of its own, when there is no answer
    after `slow_s`. `resolver`, `context` (whom TLS trusts) and `now` (the wall
    clock, for a Retry-After date) are seams.
    """
    deadline = Deadline(deadline_s)
    try:
        with _calling(on_slow, slow_s):
            addresses = within(deadline, lambda: resolve(url, local=local, resolver=resolver))
            with contextlib.closing(Pinned(url, addresses, deadline, context)) as connection:
                return _exchange(connection, headers, body, now)
    except (UrlRefused, _BadAnswer, OSError) as err:
        return Outcome(None, _in_words(err, deadline_s), deadline.elapsed_ms())


@contextlib.contextmanager
def _calling(what: Callable[[], None], after_s: float) -> Iterator[None]:
    """`what` is called if the block takes longer than `after_s`; it has returned when the block is left."""
    timer = threading.Timer(after_s, what)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def _exchange(connection: Pinned, headers: Mapping[str, str], body: bytes, now: Callable[[], float]) -> Outcome:
    """The receiver's answer. One that comes before the whole body was taken (a 413) is an answer too."""
    connection.connect()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.post(headers, body)
    received = connection.read_head()
    line = _STATUS_LINE.match(received)
    if line is None:
        raise _BadAnswer("the answer is not HTTP" if received else "the connection was closed unanswered")
    status, latency_ms = int(line[1]), connection.elapsed_ms()
    end = END_OF_HEAD.search(received)
    head, body = (received[: end.start()], received[end.end() :]) if end else (received, b"")
    _take_leave(connection.sock, _body_length(status, head) - len(body), READ_LIMIT - len(received))
    return Outcome(status, _failure(status), latency_ms, _retry_after_s(head, now()))


def _failure(status: int) -> str | None:
    if 200 <= status < 300:
        return None
    return "redirects are not followed" if 300 <= status < 400 else f"the receiver answered {status}"


def _body_length(status: int, head: bytes) -> int:
    """How long the answer's body will be; as much as we read where nothing tells."""
    if status == 204:
        return 0
    length = _field(head, b"content-length")
    return int(length) if _LENGTH.fullmatch(length) else READ_LIMIT


def _field(head: bytes, name: bytes) -> bytes:
    """The value of the first header of that name; empty where there is none. Linear, whatever was sent."""
    for line in head.split(b"\n"):
        found, colon, value = line.partition(b":")
        if colon and found.lower() == name:
            return value.strip(b" \t\r")
    return b""


def _take_leave(sock: socket.socket, missing: int, allowed: int) -> None:
    """Let a short body come in, so that closing does not cut the receiver off; the outcome stands already."""
    missing, farewell = min(missing, allowed), Deadline(_FAREWELL_S)
    with contextlib.suppress(OSError):
        while missing > 0:
            sock.settimeout(farewell.left_s())
            missing -= len(sock.recv(missing)) or missing


def _retry_after_s(head: bytes, now_s: float) -> float | None:
    """Seconds to wait, from a number or a date; None for anything else. Never negative."""
    text = _field(head, b"retry-after").decode("latin-1")
    if not 1 <= len(text) <= 64:
        return None
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - now_s)
    except (ValueError, OverflowError):
        return None


def _in_words(err: Exception, deadline_s: float) -> str:
    """The reason for the delivery log. It tells what the receiver's owner can mend, and no inner address."""
    match err:
        case UrlRefused():
            return f"refused: {err}"
        case TimeoutError():
            return f"no answer within {deadline_s:g} s"
        case socket.gaierror():
            return "the name does not resolve"
        case ssl.SSLCertVerificationError():
            return f"the certificate does not verify: {err.verify_message}"
        case ssl.SSLError():
            return f"TLS failed: {err.reason}"
        case ConnectionRefusedError():
            return "the connection was refused"
        case ConnectionResetError() | BrokenPipeError():
            return "the connection was reset"
        case OSError():
            return f"the connection failed: {err.strerror}"
    return str(err)
