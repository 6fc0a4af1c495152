"""Large payloads in S3, as they go over the wire to an S3 of this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.exceptions import ClientError

from invoke_once.errors import PayloadCorrupt, StoreUnavailable
from invoke_once.store.objects import S3Objects

REFUSAL = b"<Error><Code>%s</Code><Message>no</Message></Error>"


class OneBucket(ThreadingHTTPServer):
    """What was put, by path, with its content type; `refuses` answers everything with that code."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[bytes, str]] = {}
        self.refuses = b""
        super().__init__(("127.0.0.1", 0), _Answers)


class _Answers(BaseHTTPRequestHandler):
    server: OneBucket

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.server.refuses:
            self.server.kept[urlsplit(self.path).path] = body, self.headers["Content-Type"]
        self._answer(b"")

    def do_GET(self) -> None:
        self._answer(self.server.kept.get(urlsplit(self.path).path, (None, ""))[0])

    def _answer(self, body: bytes | None) -> None:
        code = self.server.refuses or (b"NoSuchKey" if body is None else b"")
        body = REFUSAL % code if code else body or b""
        self.send_response_only(200 if not code else 404 if code == b"NoSuchKey" else 403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return None


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[OneBucket]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    server = OneBucket()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def objects(server: OneBucket) -> S3Objects:
    return S3Objects("box", endpoint_url=f"http://127.0.0.1:{server.server_address[1]}")


def test_what_is_put_is_got_and_lies_in_the_bucket_as_json(s3: OneBucket) -> None:
    kept = objects(s3)
    kept.put("echo/in/a.json", b'"text"')
    assert s3.kept == {"/box/echo/in/a.json": (b'"text"', "application/json")}
    assert kept.get("echo/in/a.json") == b'"text"'


def test_what_is_missing_is_lost_and_not_a_reason_to_try_again(s3: OneBucket) -> None:
    with pytest.raises(PayloadCorrupt, match="missing"):
        objects(s3).get("echo/in/none.json")


@pytest.mark.parametrize("code", ["AccessDenied", "NoSuchBucket"])
def test_a_refusal_names_what_was_asked_and_the_code(s3: OneBucket, code: str) -> None:
    s3.refuses = code.encode()
    with pytest.raises(StoreUnavailable, match=f"S3 refused put_object: {code}"):
        objects(s3).put("k", b"1")
    with pytest.raises(StoreUnavailable, match=f"S3 refused get_object: {code}"):
        objects(s3).get("k")


def test_an_s3_that_does_not_answer_is_unavailable(s3: OneBucket) -> None:
    away = S3Objects("box", endpoint_url="http://127.0.0.1:1")
    with pytest.raises(StoreUnavailable, match="S3 did not answer get_object: EndpointConnectionError"):
        away.get("k")


def test_a_link_is_signed_for_its_seconds_and_says_that_it_is_json(s3: OneBucket) -> None:
    link = urlsplit(objects(s3).url("echo/out/a.json", 120))
    asked = {name: values[0] for name, values in parse_qs(link.query).items()}
    assert link.path == "/box/echo/out/a.json"
    assert (asked["X-Amz-Expires"], asked["response-content-type"]) == ("120", "application/json")
    assert asked["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"


def test_a_refusal_without_a_code_is_one_too() -> None:
    class Odd:
        def get_object(self, **_: object) -> None:
            raise ClientError({}, "GetObject")

    here = S3Objects("box")
    here.__dict__["_client"] = Odd()
    with pytest.raises(StoreUnavailable, match="S3 refused get_object: unknown$"):
        here.get("k")


@pytest.mark.parametrize(("endpoint", "style"), [("http://127.0.0.1:9", "path"), (None, "virtual")])
def test_its_client_waits_so_long_and_tries_so_often(
    s3: OneBucket, monkeypatch: pytest.MonkeyPatch, endpoint: str | None, style: str
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    client = S3Objects("box", endpoint_url=endpoint)._client
    config = client.meta.config
    assert (config.connect_timeout, config.read_timeout, config.signature_version) == (2, 20, "s3v4")
    assert config.retries == {"mode": "standard", "total_max_attempts": 3}
    assert config.s3 == {"addressing_style": style}
    assert endpoint is None or client.meta.endpoint_url == endpoint
