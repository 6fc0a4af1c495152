"""Between the clients and the local AWS: counts what is sent, and can lose the first answer to a request.

Counted under the name that is found in the body of each POST to a function's `invocations` or to `/runs`: the
order, counter or tag that the call is about. A client that hangs up changes nothing behind the proxy, as on AWS.
"""

from __future__ import annotations

import http.client
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

CALLS = re.compile(r"/functions/[^/]+/invocations$|/runs$")
NAMED = re.compile(rb'"(?:order|counter|tag)":\s*"([^"]+)"')
PATIENCE_S = 120


class Proxy:
    """Where clients are sent, and what they sent: `sends[name]` POSTs about each order."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.sends: Counter[str] = Counter()
        self._to_lose: set[str] = set()
        self._lock = threading.Lock()

    def lose_first_answer(self, name: str) -> None:
        """The first POST about `name` is handed on, but its answer is not handed back."""
        self._to_lose.add(name)

    def count(self, name: str) -> bool:
        """Count one POST; True if its answer is to be lost."""
        with self._lock:
            self.sends[name] += 1
            lost = name in self._to_lose
            self._to_lose.discard(name)
            return lost


@contextmanager
def proxy(endpoint: str) -> Iterator[Proxy]:
    """A proxy before `endpoint` on a free port of the loopback, until the block ends."""
    upstream = urlsplit(endpoint)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self._body()
            lost = self._is_call() and (found := NAMED.search(body)) and running.count(found[1].decode())
            with suppress(ConnectionError):  # the client has hung up: it did not wait for this
                self._hand_back(*self._forward(body), lost=bool(lost))

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_any

        def _is_call(self) -> bool:
            return self.command == "POST" and CALLS.search(urlsplit(self.path).path) is not None

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _forward(self, body: bytes) -> tuple[http.client.HTTPResponse, bytes]:
            connection = http.client.HTTPConnection(upstream.netloc, timeout=PATIENCE_S)
            kept = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "transfer-encoding", "expect")}
            connection.request(self.command, self.path, body, kept | {"Content-Length": str(len(body))})
            answer = connection.getresponse()
            data = answer.read()
            connection.close()
            return answer, data

        def _hand_back(self, answer: http.client.HTTPResponse, data: bytes, *, lost: bool) -> None:
            self.close_connection = True
            if lost:
                return
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Nothing: the demo says what was sent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    running = Proxy(f"http://127.0.0.1:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
