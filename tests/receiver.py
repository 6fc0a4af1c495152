"""A callback receiver on loopback that keeps what came and when, and answers as a test says.

with Receiver(plan=(500, 200)) as receiver:        500 to the first, 200 to all that follow
    … receiver.url …
    first, second = receiver.wait(2)
"""

from __future__ import annotations

import contextlib
import http.server
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from standardwebhooks.webhooks import Webhook

from tests.service import until


@dataclass(frozen=True)
class Hit:
    """One request as it came: when (Unix time), headers in lower case, the body's bytes."""

    at_s: float
    headers: Mapping[str, str]
    body: bytes

    @property
    def webhook_id(self) -> str:
        return self.headers["webhook-id"]

    def event(self, secret: str) -> Any:
        """The event, verified by the official library; it raises where the signature is not right."""
        return Webhook(secret).verify(self.body, dict(self.headers))


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


class Receiver:
    def __init__(
        self, plan: Sequence[int] = (200,), *, delay_s: float = 0, headers: Mapping[str, str] | None = None
    ) -> None:
        self.hits: list[Hit] = []
        self._plan, self._delay_s, self._headers = plan, delay_s, headers or {}
        self._released, self._lock = threading.Event(), threading.Lock()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        self._server.shutdown()
        self._server.server_close()

    def wait(self, count: int = 1, timeout: float = 30) -> list[Hit]:
        """The first `count` requests, once they have come."""
        until(lambda: len(self.hits) >= count, timeout, f"{len(self.hits)} of {count} callbacks came")
        return self.hits[:count]

    def release(self) -> None:
        """Answer at once, those that wait and those that come."""
        self._released.set()

    def _took(self, headers: Mapping[str, str], body: bytes) -> int:
        with self._lock:
            self.hits.append(Hit(time.time(), {k.lower(): v for k, v in headers.items()}, body))
            return self._plan[min(len(self.hits), len(self._plan)) - 1]

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                status = outer._took(dict(self.headers.items()), body)
                outer._released.wait(outer._delay_s)
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    for name, value in outer._headers.items():
                        self.send_header(name, value)
                    self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        return Handler
