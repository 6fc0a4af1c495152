"""API Gateway's event in, API Gateway's answer out. Chalice declares the routes; what is asked is read here.

Chalice's own reading of requests lets through what must not pass (a missing or odd content type, the last of two
headers, deep JSON as 500) and answers errors in another shape, so `Api` routes and answers by itself:

    event ─▶ Call ─▶ route, method ─▶ token, scope, limits ─▶ query names ─▶ view ─▶ Reply ┐
                └────────── any exception ─▶ Problem ─▶ application/problem+json ──────────┴─▶ log line ─▶ answer
"""

from __future__ import annotations

import base64
import binascii
import re
import time
import traceback
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from chalice.app import Chalice

from chalicelib.api import auth, headers, problems
from chalicelib.api.backend import Backend, backend
from chalicelib.api.call import Call, Reply
from chalicelib.api.problems import InvalidBody, InvalidParameter, MethodNotAllowed, NotFound, Problem
from chalicelib.api.routes import METHODS, Operation, Routes
from chalicelib.limits import OverLimit
from invoke_once import log
from invoke_once.errors import InvokeOnceError, PayloadTooLarge, StoreUnavailable

MAX_BODY_BYTES = 4 * 1024 * 1024  #: a Lambda request has 6 MB, and the gateway hands bodies on in base64
_COMMON = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

Event = Mapping[str, Any]
Answer = dict[str, Any]


class Api(Chalice):
    """The Chalice app of the service."""

    def __init__(self, app_name: str) -> None:
        super().__init__(app_name=app_name)
        # every body comes in base64: as text, the gateway would repair what is not UTF-8 before anyone could see it
        self.api.binary_types = ["*/*"]
        self.operations: dict[str, dict[str, Operation]] = {}

    @cached_property
    def all_operations(self) -> tuple[Operation, ...]:
        return tuple(operation for methods in self.operations.values() for operation in methods.values())

    def include(self, *resources: Routes) -> None:
        """Register resources, and on each of their paths a refusal of every other method."""
        for routes in resources:
            self.register_blueprint(routes)
            for operation in routes.operations:
                self.operations.setdefault(operation.path, {})[operation.method] = operation
        refused = Routes(__name__)
        for path, known in self.operations.items():
            missing = [method for method in METHODS if method not in self.routes[path] and method not in known]
            if missing:
                refused.route(path, methods=missing, name="method_not_allowed")(method_not_allowed)
        self.register_blueprint(refused)

    def __call__(self, event: Any, context: Any) -> Answer:
        began = time.perf_counter()
        asked = event if isinstance(event, Mapping) else {}
        noted: dict[str, Any] = {}
        reply = self.answer(asked, noted)
        took_ms = round((time.perf_counter() - began) * 1000, 1)
        _log(asked, reply, took_ms, noted)
        return _as_answer(reply)

    def answer(self, event: Event, noted: dict[str, Any]) -> Reply:
        """The reply to an event; never raises. `noted` gets what the log line says beside."""
        try:
            return self._answer(event, noted)
        except Problem as problem:
            return _of_problem(problem)
        except OverLimit as error:
            return _of_problem(problems.TooManyRequests(str(error), error.retry_after_s))
        except PayloadTooLarge as error:
            return _of_problem(problems.TooLarge(f"{error}."[:1].upper() + f"{error}."[1:]))
        except StoreUnavailable as error:
            noted["cause"] = str(error)
            return _of_problem(problems.Unavailable())
        except Exception as error:
            noted["cause"] = _cause(error)
            return _of_problem(problems.Internal())

    def _answer(self, event: Event, noted: dict[str, Any]) -> Reply:
        context = _mapping(event.get("requestContext"))
        route, method = str(context.get("resourcePath")), str(context.get("httpMethod"))
        methods = self.operations.get(route)
        if methods is None:
            raise NotFound
        operation = methods.get(method)
        if operation is None:
            raise MethodNotAllowed(sorted(methods))
        call = _call(event, context, operation, backend())
        call.noted, call.operations = noted, self.all_operations
        _admit(call, operation)
        return operation.view(call)


def method_not_allowed() -> None:
    """Never called: `Api` answers for it. Chalice has to know the method, so that the gateway lets it through."""


def _call(event: Event, context: Event, operation: Operation, standing: Backend) -> Call:
    return Call(
        method=operation.method,
        route=operation.path,
        params={str(k): str(v) for k, v in _mapping(event.get("pathParameters")).items()},
        query=_query(event),
        headers=headers.of_event(event),
        body=_body(event),
        backend=standing,
        began_ms=standing.service.now_ms(),
        path=str(context.get("path") or "/"),
    )


def _admit(call: Call, operation: Operation) -> None:
    """Who calls, whether they may, whether too often, and whether they ask for something we know."""
    if operation.scope is None:
        return
    call.who = auth.authenticate(call.headers, call.backend.tokens)
    call.noted |= {"tenant": call.tenant, "token_id": call.who.id}
    auth.require(call.who, operation.scope)
    call.backend.limits.take(call.tenant, call.began_ms)
    unknown = set(call.query) - operation.query
    if unknown:
        raise InvalidParameter("There is a query parameter that this call does not know.")


def _query(event: Event) -> dict[str, list[str]]:
    many = _mapping(event.get("multiValueQueryStringParameters"))
    return {str(name): [str(v) for v in values or ()] for name, values in many.items()}


def _body(event: Event) -> bytes:
    body = event.get("body")
    if not isinstance(body, str):
        return b""
    try:
        data = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
    except (binascii.Error, ValueError):
        raise InvalidBody("The body is not what the gateway said it is.") from None
    if len(data) > MAX_BODY_BYTES:
        raise problems.TooLarge(f"A body has at most {MAX_BODY_BYTES} bytes.")
    return data


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}


def _of_problem(problem: Problem) -> Reply:
    return Reply(problem.status, problem.text(), problem.headers, problems.MEDIA_TYPE)


def _as_answer(reply: Reply) -> Answer:
    named = {**_COMMON, **reply.headers}
    if reply.text is not None:
        named.setdefault("Content-Type", reply.media_type)
    return {
        "statusCode": reply.status,
        "headers": {name: _CONTROL.sub(" ", value) for name, value in named.items()},
        "body": reply.text or "",
        "isBase64Encoded": False,
    }


def _cause(error: Exception) -> str:
    """Where a mistake of ours was made: names and lines, never the message, which may quote a payload."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    places = " < ".join(f"{f.filename.rpartition('/')[2]}:{f.lineno} {f.name}" for f in reversed(frames))
    told = f": {error}" if isinstance(error, InvokeOnceError) else ""
    return f"{type(error).__name__}{told} at {places}"


def _log(event: Event, reply: Reply, took_ms: float, noted: Mapping[str, Any]) -> None:
    context = _mapping(event.get("requestContext"))
    log.event(
        "request",
        method=str(context.get("httpMethod"))[:10],
        route=str(context.get("resourcePath"))[:100],
        status=reply.status,
        **noted,
        metrics={"request_ms": took_ms, "Requests": 1, f"Status{reply.status // 100}xx": 1},
    )
