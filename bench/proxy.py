"""A counting proxy: AWS calls on the wire, outside the code that makes them.

    a function ──its own port──▶ proxy ──▶ emulator

Each party that is watched has a port of its own, so that a call's port says who made it. DynamoDB requests are
asked for their consumed capacity on the way; with `images` on, the item before and after each write is read beside
(directly, uncounted) for `units.py`.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"})
ITEM_WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem"})
PATIENCE_S = 10
_SKIPPED = frozenset({"content-length", "connection", "transfer-encoding", "accept-encoding"})


@dataclass
class Call:
    """One request and its answer. `units` has what DynamoDB says it consumed, `before` and `after` the item."""

    who: str
    service: str
    operation: str
    request: Mapping[str, Any]
    status: int = 0
    units: float = 0.0
    capacity: Mapping[str, Any] = field(default_factory=dict)
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None

    @property
    def writes(self) -> bool:
        return self.service == "dynamodb" and self.operation in WRITES


class CountingProxy:
    """`with CountingProxy(emulator.url, dynamodb_client) as proxy: proxy.url("api")`."""

    def __init__(self, upstream: str, dynamodb: Any = None) -> None:
        self.calls: list[Call] = []
        self._upstream = urlsplit(upstream)
        self._dynamodb = dynamodb
        self._servers: dict[str, ThreadingHTTPServer] = {}
        self._local = threading.local()
        self._settled = threading.Condition()
        self._under_way = 0
        self._open: set[socket.socket] = set()

    def __enter__(self) -> CountingProxy:
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers.values():
            server.shutdown()
        for connection in list(self._open):  # kept alive by clients that may never come again
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for server in self._servers.values():
            server.server_close()  # joins the threads of the connections

    def url(self, who: str) -> str:
        """Where `who` sends its calls to."""
        if who not in self._servers:
            server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler(who))
            server.daemon_threads = False
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            self._servers[who] = server
        return f"http://127.0.0.1:{self._servers[who].server_address[1]}"

    def take(self) -> list[Call]:
        """The calls since the last time, in the order they came in. Waits for those that are not answered yet."""
        with self._settled:
            self._settled.wait_for(lambda: self._under_way == 0, PATIENCE_S)
            taken, self.calls = self.calls, []
        return taken

    def _handler(self, who: str) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                proxy._open.add(self.connection)

            def finish(self) -> None:
                proxy._open.discard(self.connection)
                proxy._hang_up()
                super().finish()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, headers, answer = proxy._pass(who, self.command, self.path, dict(self.headers), body)
                self.send_response_only(status)
                for name, value in headers:
                    if name.lower() not in _SKIPPED:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_PUT = do_DELETE = do_HEAD = do_POST

            def log_message(self, *_: Any) -> None:
                return None

        return Handler

    def _pass(
        self, who: str, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        call = _call(who, path, headers, body)
        with self._settled:
            self.calls.append(call)
            self._under_way += 1
        try:
            return self._answered(call, method, path, headers, body)
        finally:
            with self._settled:
                self._under_way -= 1
                self._settled.notify_all()

    def _answered(
        self, call: Call, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        if call.service == "dynamodb":
            body = json.dumps({**call.request, "ReturnConsumedCapacity": "INDEXES"}).encode()
        watched = self._dynamodb is not None and call.service == "dynamodb" and call.operation in ITEM_WRITES
        call.before = self._image(call) if watched else None
        call.status, named, answer = self._send(method, path, headers, body)
        call.after = self._image(call) if watched else None
        _take_capacity(call, answer)
        return call.status, named, answer

    def _send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        passed = {name: value for name, value in headers.items() if name.lower() not in _SKIPPED}
        for last in (False, True):
            link = self._link()
            try:
                link.request(method, path, body, passed)
                answer = link.getresponse()
                return answer.status, answer.getheaders(), answer.read()
            except (http.client.HTTPException, OSError):
                self._hang_up()  # the emulator closes connections that were idle
                if last:
                    raise
        raise AssertionError("unreachable")

    def _link(self) -> http.client.HTTPConnection:
        link = getattr(self._local, "link", None)
        if link is None:
            link = http.client.HTTPConnection(self._upstream.hostname or "", self._upstream.port, timeout=40)
            self._local.link = link
        return link

    def _hang_up(self) -> None:
        """End this thread's own connection to the emulator."""
        link, self._local.link = getattr(self._local, "link", None), None
        if link is not None:
            link.close()

    def _image(self, call: Call) -> Mapping[str, Any] | None:
        table = call.request["TableName"]
        given = call.request.get("Key") or call.request["Item"]
        names = [part["AttributeName"] for part in self._schema(table)]
        answer = self._dynamodb.get_item(
            TableName=table, Key={name: given[name] for name in names}, ConsistentRead=True
        )
        item: Mapping[str, Any] | None = answer.get("Item")
        return item

    def _schema(self, table: str) -> list[dict[str, str]]:
        schema: list[dict[str, str]] = self._dynamodb.describe_table(TableName=table)["Table"]["KeySchema"]
        return schema


def _call(who: str, path: str, headers: Mapping[str, str], body: bytes) -> Call:
    lower = {name.lower(): value for name, value in headers.items()}
    target = lower.get("x-amz-target", "")
    if target.startswith("DynamoDB_"):
        return Call(who, "dynamodb", target.partition(".")[2], json.loads(body or b"{}"))
    service = _scope(lower.get("authorization", ""))
    operation = target.partition(".")[2] or (path.rsplit("/", 1)[-1] if service == "lambda" else path.split("?")[0])
    return Call(who, service, operation, {"path": path, "kind": lower.get("x-amz-invocation-type", "")})


def _scope(authorization: str) -> str:
    """The service in `Credential=KEY/DATE/REGION/SERVICE/aws4_request`."""
    parts = authorization.partition("Credential=")[2].split(",")[0].split("/")
    return parts[3] if len(parts) > 3 else "unsigned"


def _take_capacity(call: Call, answer: bytes) -> None:
    if call.service != "dynamodb":
        return
    told = json.loads(answer or b"{}").get("ConsumedCapacity") or {}
    parts = told if isinstance(told, list) else [told]
    call.units = sum(float(part.get("CapacityUnits", 0)) for part in parts)
    call.capacity = parts[0] if parts else {}
