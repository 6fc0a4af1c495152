"""A service that only pretends, for the dashboard's tests and its development: the HTTP contract over `FakeRuns`.

Run it by hand with `python -m tests.browser.fake_api` and open what it prints; the token is `once_demo_secret`.
It serves the real assets with their real headers, under a path prefix as a gateway does.
"""

from __future__ import annotations

import json
import random
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from chalicelib import web
from tests.browser.fake_batches import FakeBatches
from tests.browser.fake_gates import FakeBulk, FakeTokens
from tests.browser.fake_openapi import OPENAPI
from tests.browser.fake_resources import Answer, Resources, problem
from tests.browser.fake_runs import FUNCTIONS, Conflict, FakeRun, FakeRuns, now_ms, rfc3339

PREFIX = "/restapis/fake/api/_user_request_"
TOKEN = "once_demo_secret"
PAGE = 50


class Handler(Resources, BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeServer

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def _answer(self, method: str) -> None:
        url = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        path = url.path.removeprefix(PREFIX)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        answer = None
        if not url.path.startswith(PREFIX):
            answer = Answer(403, {"message": "Missing Authentication Token"})
        elif method == "GET":
            answer = self._asset(path)
        self._send(answer or self._api(method, path, query, body))

    def _asset(self, path: str) -> Answer | None:
        if path == "":
            return Answer(308, "", {"Location": web.slash_redirect(PREFIX) or ""})
        found = web.page("index") if path == "/" else web.page("docs") if path == "/docs" else None
        if path.startswith("/assets/"):
            found = web.asset(path.removeprefix("/assets/"))
        if found is None:
            return None
        if found.matches(self.headers.get("If-None-Match")):
            return Answer(304, "", found.headers)
        return Answer(200, found.text, found.headers)

    def _api(self, method: str, path: str, query: dict[str, str], body: bytes) -> Answer:
        if path == "/openapi.json":
            return Answer(200, OPENAPI)
        given = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        linked = r"/(?:runs(?=/[^/]+(?:/output)?$)|batches(?=/[^/]+(?:/results)?$))/([^/]+).*"
        opened = re.fullmatch(linked, path) if method == "GET" else None
        scopes = [] if opened and given == f"oncelink_{opened[1]}" else self.server.tokens.scopes(given)
        if scopes is None:
            return problem(401, "unauthorized", "The token is missing, unknown, expired or revoked.")
        for prefix, answer in (
            ("/functions", self._functions),
            ("/batches", self._batches),
            ("/bulk", self._bulk),
            ("/tokens", self._tokens),
        ):
            if path == prefix or path.startswith(prefix + "/"):
                if prefix == "/tokens" and "admin" not in scopes:
                    return problem(403, "forbidden", "The token lacks the scope admin.")
                return answer(method, path.removeprefix(prefix).strip("/").split("/"), query, body)
        if path == "/runs" and method == "POST":
            return self._start(body)
        if path == "/runs":
            return self._list(query)
        found = re.fullmatch(r"/runs/([^/]+)(?:/(\w+))?", path)
        run = self.server.runs.get(found[1]) if found else None
        if not found or run is None:
            return problem(404, "not-found", "There is no such run.")
        return self._change(run, found[2]) if method == "POST" else self._read(run, found[2], query)

    def _start(self, body: bytes) -> Answer:
        request = json.loads(body)
        if request.get("function") not in FUNCTIONS:
            return problem(404, "unknown-function", "There is no such function.")
        if errors := _invalid(request):
            return problem(422, "invalid-request", "The request has fields that do not fit.", errors)
        key = (self.headers.get("Idempotency-Key") or "").strip('"')
        run, replayed = self.server.runs.start(request, key or None)
        self.server.runs.runs[run["id"]].input = _member(body.decode(), "input")
        headers = {"Location": f"runs/{run['id']}", "Retry-After": "1"}
        return Answer(202, run, headers | ({"Idempotent-Replayed": "true"} if replayed else {}))

    def _list(self, query: dict[str, str]) -> Answer:
        label = query.get("label", "").partition(":")
        matching = [
            run
            for run in self.server.runs.newest_first()
            if query.get("status") in (None, run["status"])
            and query.get("function") in (None, run["function"])
            and query.get("key") in (None, run["idempotency_key"])
            and query.get("batch") in (None, run.get("batch", {}).get("id"))
            and (not label[0] or run["labels"].get(label[0]) == label[2])
            and run["created_at"] >= query.get("created_after", "")
        ]
        start, limit = int(query.get("cursor", 0)), int(query.get("limit", PAGE))
        page = matching[start : start + limit]
        more = str(start + limit) if start + limit < len(matching) else None
        return self._tagged({"runs": page, "next_cursor": more})

    def _read(self, run: FakeRun, part: str | None, query: dict[str, str]) -> Answer:
        if part is None:
            return self._tagged(run.document)
        if part == "input":
            return Answer(200, run.input, {"Content-Type": "application/json"})
        if part == "output":
            return self._output(run)
        if part == "deliveries":
            return Answer(200, {"deliveries": run.deliveries})
        if part == "checkpoint":
            return Answer(200, json.dumps(run.document["checkpoint"]["state"]), {"Content-Type": "application/json"})
        lines = [line for line in run.logs if query.get("attempt", "") in ("", str(line["attempt"]))]
        here = int(query.get("cursor", 0))
        return Answer(200, {"events": lines[here:], "next_cursor": None if run.ended else str(len(lines))})

    def _output(self, run: FakeRun) -> Answer:
        if run.output is None:
            return problem(409, "no-output", "The run has no output.")
        if "output" in run.document:
            return Answer(200, run.output, {"Content-Type": "application/json"})
        link = f"http://{self.headers['Host']}/bucket/{run.document['id']}?X-Amz-Signature=fake"
        if "text/uri-list" in (self.headers.get("Accept") or ""):
            return Answer(200, link + "\r\n", {"Content-Type": "text/uri-list"})
        return Answer(303, "", {"Location": link})

    def _change(self, run: FakeRun, part: str | None) -> Answer:
        runs, run_id = self.server.runs, run.document["id"]
        acts = {"cancel": runs.cancel, "retry": runs.retry, "deliveries": runs.send_again}
        if part == "links":
            url = f"http://{self.headers['Host']}{PREFIX}/#/runs/{run_id}?link=oncelink_{run_id}"
            return Answer(201, {"token": f"oncelink_{run_id}", "url": url, "expires_at": rfc3339(now_ms() + 60_000)})
        if part not in acts:
            return problem(405, "method-not-allowed", "This cannot be posted to.")
        try:
            acts[part](run_id)
        except Conflict as conflict:
            return problem(409, "conflict", str(conflict))
        return Answer(202, runs.read(run_id))

    def _send(self, answer: Answer) -> None:
        text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        data = b"" if answer.status in (204, 304) else text.encode()
        self.send_response(answer.status)
        for name, value in ({"Content-Type": "application/json"} | (answer.headers or {})).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _member(text: str, name: str) -> str:
    """The JSON text of a member, byte for byte, as the service keeps it."""
    start = text.find(f'"{name}":')
    if start < 0:
        return "null"
    start = re.compile(r"\s*").match(text, start + len(name) + 3).end()  # type: ignore[union-attr]
    return text[start : json.JSONDecoder().raw_decode(text, start)[1]]


def _invalid(request: dict[str, Any]) -> list[dict[str, str]]:
    """A few of the checks that the service makes, enough to show how they come back."""
    given, errors = request.get("input"), []
    schema = FUNCTIONS[request["function"]].get("input_schema", {})
    for name in schema.get("required", []):
        if not isinstance(given, dict) or name not in given:
            errors.append({"pointer": f"/input/{name}", "detail": "is needed"})
    for name, rule in schema.get("properties", {}).items():
        value = given.get(name) if isinstance(given, dict) else None
        if isinstance(value, int | float) and value < rule.get("minimum", value):
            errors.append({"pointer": f"/input/{name}", "detail": f"must be at least {rule['minimum']}"})
    url = (request.get("callback") or {}).get("url", "https://")
    if not url.startswith(("https://", "http://127.0.0.1")):
        errors.append({"pointer": "/callback/url", "detail": "must be an https URL"})
    return errors


class FakeServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.runs = FakeRuns()
        self.batches = FakeBatches(self.runs)
        self.bulk = FakeBulk(self.runs)
        self.tokens = FakeTokens(TOKEN)
        self.paused: dict[str, dict[str, Any]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{PREFIX}"


@contextmanager
def serve(port: int = 0) -> Iterator[FakeServer]:
    server = FakeServer(port)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


KEYS = {
    "report": "report-2026-{n}",
    "sleep": "import-{n}",
    "echo": "ping-{n}",
    "fail": "order-{n}",
    "crash": "export-{n}",
}


def seed(runs: FakeRuns, count: int = 70, hours: int = 6) -> None:
    """A plausible past, the same one each time, so that lists and charts have something to show."""
    dice = random.Random(7)
    now = now_ms()
    for n in range(count):
        at = now - int((n + dice.random()) / count * hours * 3_600_000) - 20_000
        name = dice.choice(("report",) * 6 + ("sleep",) * 4 + ("echo", "echo", "fail", "crash"))
        seconds = round(dice.lognormvariate(1.2, 1), 1)
        given = {
            "sleep": {"seconds": seconds},
            "fail": {"message": "no such customer: 4711", "times": 1},
            "crash": {"how": "timeout"},
            "report": {"csv": "amount\n1\n"},
        }
        labels = {"team": dice.choice(("billing", "search", "growth"))}
        request = {"function": name, "input": given.get(name, {"n": n}), "labels": labels}
        run, _ = runs.start(request, KEYS[name].format(n=4700 + count - n), at)
        if name == "report":
            entry = runs.runs[run["id"]]
            entry.document["finished_at"] = rfc3339(at + 150 + int(seconds * 1000))


def main() -> None:
    with serve(8765) as server:
        seed(server.runs)
        print(f"{server.url}/  token: {TOKEN}")
        threading.Event().wait()


if __name__ == "__main__":
    main()
