"""A receiver of callbacks on this machine, for the demo: takes each one, verifies its signature, keeps it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from typing import Any

from invoke_once.errors import SignatureError
from invoke_once.signing import verify


class Receiver:
    """Where to send callbacks, and those that came. An event is what `verify` returned, or the SignatureError."""

    def __init__(self, server: ThreadingHTTPServer, came: SimpleQueue[dict[str, Any] | SignatureError]) -> None:
        self.url = f"http://127.0.0.1:{server.server_address[1]}/callback"
        self._came = came

    def next(self, timeout_s: float) -> dict[str, Any] | None:
        """The next event, None if none came in time; SignatureError if it does not verify."""
        try:
            event = self._came.get(timeout=timeout_s)
        except Empty:
            return None
        if isinstance(event, SignatureError):
            raise event
        return event


@contextmanager
def listening(secret: str) -> Iterator[Receiver]:
    """A receiver on a free port of the loopback, until the block ends."""
    came: SimpleQueue[dict[str, Any] | SignatureError] = SimpleQueue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                came.put(verify(secret, dict(self.headers), body))
                self.send_response(204)
            except SignatureError as refused:
                came.put(refused)
                self.send_response(401)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Nothing: the demo says what came."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield Receiver(server, came)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
