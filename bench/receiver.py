"""A webhook receiver in this process: when each callback came, and for which run."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Receiver:
    """`with Receiver() as receiver: receiver.url`. Answers 204 at once."""

    def __init__(self) -> None:
        self.came: dict[str, tuple[float, dict[str, Any]]] = {}  # run id: (when, in ms since 1970; the body)
        self.repeats = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                at_ms = time.time() * 1000
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
                self.send_response_only(204)
                self.send_header("Content-Length", "0")
                self.end_headers()
                receiver._take(body["data"]["id"], at_ms, body)

            def log_message(self, *_: Any) -> None:
                return None

        self._server = _Server(("127.0.0.1", 0), Handler)

    def _take(self, run_id: str, at_ms: float, body: dict[str, Any]) -> None:
        if run_id in self.came:
            self.repeats += 1
        else:
            self.came[run_id] = at_ms, body

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    def has(self, run_id: str) -> bool:
        return run_id in self.came

    def __enter__(self) -> Receiver:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
