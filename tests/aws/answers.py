"""AWS's answers as they are on the wire, for what an emulator never says: refusals of Lambda and S3, pages of logs.

    with Aws(INVOKE_THROTTLED, INVOKE_ACCEPTED) as aws:      answers in this order, the last one again and again
        LambdaInvoker(aws.url).fire(...)
    aws.asked                                                 (method, path, body) of each request

Any client takes it as its endpoint: the SDK's own parsing is part of what is tested. Codes and texts are those that AWS
gives (API references of Lambda, S3 and CloudWatch Logs); ids are zeroes.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

REQUEST_ID = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def of_lambda(status: int, code: str, message: str, **more: str) -> Answer:
    """An error of Lambda's REST API: its code is a header."""
    body = json.dumps({"Type": "User", "message": message, **more}).encode()
    return Answer(status, body, {"x-amzn-ErrorType": code, "Content-Type": "application/json"})


def of_s3(status: int, code: str, message: str) -> Answer:
    told = f"<Error><Code>{code}</Code><Message>{message}</Message><RequestId>{REQUEST_ID}</RequestId></Error>"
    return Answer(
        status, f'<?xml version="1.0" encoding="UTF-8"?>\n{told}'.encode(), {"Content-Type": "application/xml"}
    )


def log_page(*messages: str, token: str = "", at_ms: int = 1_700_000_000_000) -> Answer:
    """A page of FilterLogEvents; with a token it may be empty, and more follows."""
    events = [
        {"logStreamName": "2026/11/26/[$LATEST]0", "timestamp": at_ms + n, "message": message, "ingestionTime": at_ms,
         "eventId": str(n)}
        for n, message in enumerate(messages)
    ]  # fmt: skip
    body: dict[str, Any] = {"events": events, "searchedLogStreams": []} | ({"nextToken": token} if token else {})
    return Answer(200, json.dumps(body).encode(), {"Content-Type": "application/x-amz-json-1.1"})


INVOKE_ACCEPTED = Answer(202)  #: also where the reserved concurrency is zero: a record tells it later
INVOKE_THROTTLED = of_lambda(
    429, "TooManyRequestsException", "Rate Exceeded.", Reason="ReservedFunctionConcurrentInvocationLimitExceeded"
)
INVOKE_OTHER_REGION = of_lambda(
    404, "ResourceNotFoundException", "Functions from 'us-west-2' are not reachable in this region ('us-east-1')"
)
INVOKE_NO_FUNCTION = of_lambda(404, "ResourceNotFoundException", "Function not found: arn:aws:lambda:…:function:name")
INVOKE_DENIED = of_lambda(403, "AccessDeniedException", "User is not authorized to perform: lambda:InvokeFunction")
INVOKE_BAD_PAYLOAD = of_lambda(400, "InvalidRequestContentException", "Could not parse request body into json")
INVOKE_TOO_LARGE = of_lambda(413, "RequestTooLargeException", "Request must be smaller than 1048576 bytes")
S3_MISSING = of_s3(404, "NoSuchKey", "The specified key does not exist.")
S3_DENIED = of_s3(403, "AccessDenied", "Access Denied")  #: also of what is missing, to who may not list
S3_SLOW = of_s3(503, "SlowDown", "Please reduce your request rate.")


class Aws:
    """A server on the loopback that gives these answers, one a request."""

    def __init__(self, *answers: Answer) -> None:
        self.asked: list[tuple[str, str, bytes]] = []
        self._answers = list(answers)
        aws = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                aws.asked.append((self.command, self.path, body))
                told = aws._answers[min(len(aws.asked), len(aws._answers)) - 1]
                self.send_response(told.status)
                for name, value in {"x-amzn-RequestId": REQUEST_ID, **told.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(told.body)))
                self.end_headers()
                self.wfile.write(told.body)

            do_GET = do_POST = do_PUT = answer

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Aws:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
