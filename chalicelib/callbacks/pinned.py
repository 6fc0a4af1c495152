"""A connection to an address that was checked, under one deadline for all that happens on it.

The name serves for Host, SNI and the certificate alone and is not resolved again. `http.client` underneath
knows no proxies, no redirects and no pool, and refuses line ends in what it writes.
"""

import functools
import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Final, TypeVar

from botocore.httpsession import get_cert_path

from chalicelib.callbacks.urls import CallbackUrl

READ_LIMIT: Final = 4096
_WRITE_BYTES: Final = 8192
_ADDRESSES_TRIED: Final = 4
_INTERIM: Final = re.compile(rb"\A(?:HTTP/1\.[01] 1(?!01)[0-9]{2}[^\n]*\n(?:[^\r\n]+\r?\n)*\r?\n)+")
END_OF_HEAD: Final = re.compile(rb"\r?\n\r?\n")
_T = TypeVar("_T")


class Deadline:
    """The time that is left of the whole attempt, on a clock that nobody sets."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._started, self._seconds = clock, clock(), seconds

    def left_s(self) -> float:
        """Seconds left, always more than 0; TimeoutError once they are used up."""
        left = self._started + self._seconds - self._clock()
        if left <= 0:
            raise TimeoutError
        return left

    def elapsed_ms(self) -> int:
        return round(1000 * (self._clock() - self._started))


def within(deadline: Deadline, work: Callable[[], _T]) -> _T:
    """The result of `work`, or TimeoutError. What hangs is left behind."""
    future: Future[_T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as err:
            future.set_exception(err)

    threading.Thread(target=run, daemon=True).start()
    return future.result(deadline.left_s())


class Pinned(http.client.HTTPConnection):
    """`connect` to the first of the checked addresses that answers, `post`, `read_head`, `close`.

    Any of them raises OSError: TimeoutError once the deadline is over, else what the network said.
    """

    def __init__(
        self, url: CallbackUrl, addresses: list[str], deadline: Deadline, context: ssl.SSLContext | None
    ) -> None:
        super().__init__(url.host, url.port)
        self._url, self._addresses, self._deadline, self._context = url, addresses, deadline, context

    def connect(self) -> None:
        self.sock = self._first_that_answers()
        if self._url.scheme == "https":
            self._hurry()
            context = self._context or trusted()
            self.sock = context.wrap_socket(self.sock, server_hostname=self._url.host)

    def _first_that_answers(self) -> socket.socket:
        """Each address has its equal share of the time that is left; the last one's error is raised."""
        candidates, error = self._addresses[:_ADDRESSES_TRIED], OSError("the name has no address")
        for position, address in enumerate(candidates):
            share_s = self._deadline.left_s() / (len(candidates) - position)
            try:
                return socket.create_connection((address, self._url.port), timeout=share_s)
            except OSError as refused:
                error = refused
        raise error

    def post(self, headers: Mapping[str, str], body: bytes) -> None:
        """Write the request in pieces, each with the time that is left."""
        self.putrequest("POST", self._url.target, skip_host=True, skip_accept_encoding=True)
        for name, value in self._all_headers(headers, len(body)).items():
            self.putheader(name, value)
        self._hurry()
        self.endheaders()
        for start in range(0, len(body), _WRITE_BYTES):
            self._hurry()
            self.send(body[start : start + _WRITE_BYTES])

    def read_head(self) -> bytes:
        """The head of the answer, without interim ones (1xx), and what came with it; 4 KB at most."""
        received, budget = b"", READ_LIMIT
        while budget > 0 and not END_OF_HEAD.search(received):
            self._hurry()
            piece = self.sock.recv(budget)
            if not piece:
                break
            budget -= len(piece)
            received = _INTERIM.sub(b"", received + piece)
        return received

    def elapsed_ms(self) -> int:
        return self._deadline.elapsed_ms()

    def _hurry(self) -> None:
        self.sock.settimeout(self._deadline.left_s())

    def _all_headers(self, headers: Mapping[str, str], length: int) -> dict[str, str]:
        return {
            "Host": self._url.authority,
            "User-Agent": "invoke-once",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "Connection": "close",
            "Content-Type": "application/json",
            "Content-Length": str(length),
            **headers,
        }


@functools.lru_cache(maxsize=1)
def trusted() -> ssl.SSLContext:
    """The public authorities: those shipped with botocore, and those of the system."""
    context = ssl.create_default_context(cafile=get_cert_path(True))
    context.load_default_certs()
    return context
