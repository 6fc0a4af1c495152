"""A service that only pretends, for the tests of the client and of `once`: the HTTP contract, in memory.

What becomes of a run is scripted by its function: each look at a run (`GET /runs/{id}`) moves it one state on.
Time is the fake's own clock, which pauses and held calls move, so that no test waits.

    FakeOnce().transport(), .async_transport()   for httpx, in the same process and without a socket
    serve(FakeOnce())                            on 127.0.0.1, for `once` as a process
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

from invoke_once.version import __version__

TOKEN = "once_test_0123456789abcdef"
TIMES = {"created_at": "2026-11-23T10:00:00.000Z", "expires_at": "2026-12-23T10:00:00.000Z"}
STARTED = {"started_at": "2026-11-23T10:00:01.000Z"}
FINISHED = STARTED | {"finished_at": "2026-11-23T10:00:04.250Z"}
OK_ENDING = {"status": "succeeded", "progress": None, **FINISHED}
BIG = [{"row": n} for n in range(2000)]


@dataclass(frozen=True)
class Answer:
    """What goes back. `drop` closes the connection instead; `sent=False` refuses it before the request is read."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: bool = False
    sent: bool = True

    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()

    def content_type(self) -> str:
        kind = "application/problem+json" if self.status >= 400 else "application/json"
        return self.headers.get("content-type", kind)


DROPPED = Answer(0, drop=True)
REFUSED = Answer(0, drop=True, sent=False)


@dataclass(frozen=True)
class Seen:
    """One request as it came in."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    host: str


def problem(status: int, name: str, detail: str, **more: Any) -> Answer:
    body = {"type": f"urn:invoke-once:{name}", "title": name, "status": status, "detail": detail, **more}
    return Answer(status, body)


class FakeOnce:
    """The service's state. `faults` are answers that the next calls get, whatever they ask for."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.runs: dict[str, dict[str, Any]] = {}
        self.scripts: dict[str, list[dict[str, Any]]] = {}
        self.seen: list[Seen] = []
        self.faults: list[Answer] = []
        self.always: Answer | None = None
        self.logs: dict[str, list[dict[str, Any]]] = {}
        self.deliveries: dict[str, list[dict[str, Any]]] = {}
        self.tokens: dict[str, dict[str, Any]] = {}
        self.presigned_refusals = 0
        self.held_s: list[int] = []
        self.ignore_prefer = False
        self.retry_after = "1"
        self.healthy: Answer = Answer(200, {"status": "ok", "parts": {"table": {"status": "ok"}}})
        self.version = __version__
        self.page_size = 100
        self.on_pause: Callable[[float], None] = lambda _: None
        self.lock = threading.RLock()

    # the test's side

    def clock(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        self.on_pause(seconds)

    async def asleep(self, seconds: float) -> None:
        self.sleep(seconds)

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.respond)

    def count(self, method: str, path: str) -> int:
        return sum(1 for s in self.seen if (s.method, s.path) == (method, path))

    def last(self, method: str = "") -> Seen:
        return [s for s in self.seen if not method or s.method == method][-1]

    # httpx's side

    def respond(self, request: httpx.Request) -> httpx.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        answer = self.answer(request.method, str(request.url), headers, request.content)
        if answer.drop:
            raise (httpx.ReadError if answer.sent else httpx.ConnectError)("connection lost", request=request)
        return httpx.Response(
            answer.status,
            content=answer.content(),
            headers={"content-type": answer.content_type(), **answer.headers},
            request=request,
        )

    def answer(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        with self.lock:
            parts = urlsplit(url)
            seen = Seen(method, parts.path, parse_qs(parts.query), headers, body, parts.hostname or "")
            self.seen.append(seen)
            if self.faults:
                return self.faults.pop(0)
            return self.always or self._route(seen)

    def _route(self, seen: Seen) -> Answer:
        if seen.path.startswith("/bucket/"):
            return self._bucket(seen)
        if seen.path == "/healthz":
            return self.healthy
        if seen.path == "/openapi.json":
            return Answer(200, {"openapi": "3.1.0", "info": {"version": self.version}})
        if seen.headers.get("authorization") != f"Bearer {TOKEN}":
            return problem(401, "unauthorized", "the token is wrong, expired or revoked")
        for method, pattern, handle in self._routes():
            found = re.fullmatch(pattern, seen.path)
            if found and method == seen.method:
                return handle(seen, *found.groups())
        return problem(404, "not-found", "there is no such thing")

    def _routes(self) -> Iterator[tuple[str, str, Callable[..., Answer]]]:
        run = r"/runs/([A-Za-z0-9_\-]+)"
        yield "POST", "/runs", self._start
        yield "GET", "/runs", self._list
        yield "GET", run, self._get
        yield "GET", f"{run}/(input|output)", self._payload
        yield "POST", f"{run}/cancel", self._cancel
        yield "POST", f"{run}/retry", self._retry
        yield "GET", f"{run}/logs", self._logs
        yield "GET", f"{run}/deliveries", lambda _s, i: Answer(200, {"deliveries": self.deliveries.get(i, [])})
        yield "POST", r"/(?:runs|batches)/([A-Za-z0-9_\-]+)/links", self._link
        yield "POST", f"{run}/deliveries", lambda _s, _i: Answer(202, {})
        yield "GET", "/functions", lambda _s: Answer(200, {"functions": FUNCTIONS})
        yield "GET", "/functions/echo", lambda _s: Answer(200, FUNCTIONS[0])
        yield "POST", "/tokens", self._create_token
        yield "GET", "/tokens", self._list_tokens
        yield "DELETE", "/tokens/([a-z0-9]+)", self._revoke

    # runs

    def _start(self, seen: Seen) -> Answer:
        request, key = json.loads(seen.body), seen.headers["idempotency-key"][1:-1]
        function = request["function"]
        if function not in SCRIPTS:
            return problem(404, "not-found", f"there is no function {function}")
        run_id = run_id_of(function, key)
        if run_id in self.runs:
            return Answer(202, self.runs[run_id], {"idempotent-replayed": "true"})
        if request.get("input") == "refuse":
            errors = [{"pointer": "/input", "detail": "must be an object"}]
            return problem(422, "invalid", "the input is not valid", errors=errors)
        self.runs[run_id] = fresh(run_id, function, key, request)
        self.scripts[run_id] = [dict(state) for state in SCRIPTS[function](request.get("input"))]
        return Answer(202, self.runs[run_id], {"etag": self._etag(run_id), "retry-after": self.retry_after})

    def _get(self, seen: Seen, run_id: str) -> Answer:
        if run_id not in self.runs:
            return problem(404, "not-found", f"there is no run {run_id}")
        script = self.scripts[run_id]
        if script:
            self.runs[run_id] |= script.pop(0)
        etag = self._etag(run_id)
        if seen.headers.get("if-none-match") != etag:
            later = {} if self.runs[run_id]["status"] in ENDED else {"retry-after": self.retry_after}
            return Answer(200, self.runs[run_id], {"etag": etag, **later})
        hold_s = int(re.sub(r"\D", "", seen.headers.get("prefer", "")) or 0)
        if hold_s and not self.ignore_prefer:
            self.held_s.append(hold_s)
            self.now_s += hold_s
        return Answer(304, b"", {"etag": etag, "retry-after": self.retry_after})

    def _etag(self, run_id: str) -> str:
        return '"' + hashlib.sha256(json.dumps(self.runs[run_id]).encode()).hexdigest()[:16] + '"'

    def _list(self, seen: Seen) -> Answer:
        found = [r for r in reversed(self.runs.values()) if self._matches(r, seen.query)]
        at, size = int(seen.query.get("cursor", ["0"])[0]), int(seen.query["limit"][0])
        end = at + min(size, self.page_size)
        return Answer(200, {"runs": found[at:end], "next_cursor": str(end) if end < len(found) else None})

    def _matches(self, run: Mapping[str, Any], query: Mapping[str, list[str]]) -> bool:
        labels = [f"{name}:{value}" for name, value in run["labels"].items()]
        plain = {"function": run["function"], "status": run["status"], "key": run["idempotency_key"]}
        same = all(value in query.get(name, [value])[0].split(",") for name, value in plain.items())
        return same and all(label in labels for label in query.get("label", []))

    def _payload(self, seen: Seen, run_id: str, part: str) -> Answer:
        run = self.runs[run_id]
        if part == "input":
            return Answer(200, run["_input"])
        if run["status"] != "succeeded":
            return problem(409, "no-output", f"the run is {run['status']}")
        if run["function"] != "big":
            return Answer(200, run["output"])
        return Answer(303, b"", {"location": f"//bucket.test/bucket/{run_id}?signature=s3cret"})

    def _link(self, seen: Seen, run_id: str) -> Answer:
        token = f"oncelink_{json.loads(seen.body).get('expires_in_seconds')}"
        url = f"http://once.test/#{seen.path.removesuffix('/links')}?link={token}"
        return Answer(201, {"token": token, "url": url, "expires_at": TIMES["expires_at"]})

    def _bucket(self, seen: Seen) -> Answer:
        if self.presigned_refusals:
            self.presigned_refusals -= 1
            return Answer(403, b"<Error>Request has expired</Error>", {"content-type": "application/xml"})
        return Answer(200, BIG)

    def _cancel(self, _seen: Seen, run_id: str) -> Answer:
        run = self.runs.get(run_id)
        if run is None:
            return problem(404, "not-found", f"there is no run {run_id}")
        if run["status"] in ENDED:
            return problem(409, "conflict", f"the run is {run['status']} already")
        run |= {"status": "cancelled"} if run["status"] == "queued" else {"cancel_requested": True}
        run["cancelled_by"] = "13945c43cb9b7ebc"
        self.scripts[run_id] = []
        return Answer(202, run)

    def _retry(self, seen: Seen, run_id: str) -> Answer:
        run = self.runs[run_id]
        if run["status"] not in ENDED or run["status"] == "succeeded":
            return problem(409, "conflict", f"the run is {run['status']}")
        run |= {"status": "queued", "error": None}
        if "checkpoint" in run and b'"start"' in seen.body:
            run["checkpoint"] = None
        self.scripts[run_id] = [OK_ENDING | {"output": "second time lucky"}]
        return Answer(202, run)

    def _logs(self, seen: Seen, run_id: str) -> Answer:
        if run_id not in self.runs:
            return problem(404, "not-found", f"there is no run {run_id}")
        at = int(seen.query.get("cursor", ["0"])[0])
        events = self.logs.get(run_id, [])
        page = events[at : at + 2]
        may_grow = at + len(page) < len(events) or self.runs[run_id]["status"] not in ENDED
        return Answer(200, {"events": page, "next_cursor": str(at + len(page)) if may_grow else None})

    # tokens

    def _create_token(self, seen: Seen) -> Answer:
        number = f"t{len(self.tokens) + 1}"
        self.tokens[number] = {"id": number, "created_at": TIMES["created_at"], **json.loads(seen.body)}
        return Answer(201, self.tokens[number] | {"token": f"once_{number}_secret"})

    def _list_tokens(self, seen: Seen) -> Answer:
        at, found = int(seen.query.get("cursor", ["0"])[0]), list(self.tokens.values())
        end = at + self.page_size
        return Answer(200, {"tokens": found[at:end], "next_cursor": str(end) if end < len(found) else None})

    def _revoke(self, _seen: Seen, token_id: str) -> Answer:
        if self.tokens.pop(token_id, None) is None:
            return problem(404, "not-found", f"there is no token {token_id}")
        return Answer(204, b"")


ENDED = frozenset({"succeeded", "failed", "timed_out", "cancelled", "expired"})
FUNCTIONS = [
    {"name": "echo", "mode": "tracked", "timeout_seconds": 30, "description": "Returns its input"},
    {"name": "fail", "mode": "tracked", "timeout_seconds": 30, "description": "Raises"},
]


def _running(fraction: float | None, message: str) -> dict[str, Any]:
    return {"status": "running", "attempt": 1, "progress": {"fraction": fraction, "message": message}, **STARTED}


def _failed(status: str, name: str, message: str, trace: str | None = None) -> dict[str, Any]:
    return {"status": status, "attempt": 1, "error": {"type": name, "message": message, "trace": trace}, **FINISHED}


_TRACE = 'Traceback (most recent call last):\n  File "job.py", line 1\nRuntimeError: boom'
#: function -> the states that a run goes through, one at each look
SCRIPTS: Mapping[str, Callable[[Any], list[dict[str, Any]]]] = {
    "echo": lambda value: [_running(None, "at it"), OK_ENDING | {"output": value}],
    "steps": lambda _: [_running(0.25, "a quarter"), _running(0.5, "half \x1b[31mway"), OK_ENDING | {"output": "done"}],
    "big": lambda _: [OK_ENDING | {"output": None}],
    "fail": lambda _: [_failed("failed", "RuntimeError", "boom", _TRACE)],
    "crash": lambda _: [_failed("timed_out", "TimedOut", "it took longer than 6 s")],
    "late": lambda _: [_failed("expired", "Expired", "it waited too long")],
    "hang": lambda _: [_running(0.1, "for ever")],
}


def run_id_of(function: str, key: str) -> str:
    digest = hashlib.sha256(json.dumps([function, key]).encode()).digest()
    return "run_" + base64.b32encode(digest).decode().lower()[:26]


def fresh(run_id: str, function: str, key: str, request: Mapping[str, Any]) -> dict[str, Any]:
    nothing = {"progress": None, "output": None, "error": None, "callback": None}
    nothing |= {"cancel_requested": False, "cancelled_by": None}
    known = {"id": run_id, "function": function, "status": "queued", "idempotency_key": key}
    more = {"attempt": 0, "max_attempts": 1, "labels": request.get("labels", {}), "_input": request.get("input")}
    return {**known, **more, **nothing, **TIMES, "started_at": None, "finished_at": None}


@contextmanager
def serve(fake: FakeOnce, port: int = 0) -> Iterator[str]:
    """The fake on 127.0.0.1; gives its URL. No call is held in earnest."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65536  # one segment an answer: small ones wait for each other's acknowledgement

        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = fake.answer(self.command, f"http://{headers['host']}{self.path}", headers, body)
            if answer.drop:
                self.close_connection = True
                return
            content = b"" if answer.status in (204, 304) else answer.content()
            self.send_response_only(answer.status)
            more = {"content-type": answer.content_type(), "content-length": str(len(content)), **answer.headers}
            for name, value in more.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = _do

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
