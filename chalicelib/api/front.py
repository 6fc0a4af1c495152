"""What stands in front of Chalice's dispatch: an event made whole, and a middleware that has the last word.

event ─▶ Api.__call__: event made whole ─▶ Chalice ─▶ answer: path, method ─▶ Chalice ─▶ Operation ─▶ view
answer ◀──────────────── Chalice ◀──────── log line ◀──── Response, or a problem ◀────────────┘
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from chalice.app import Blueprint, Chalice, Request, Response

from chalicelib.api import cors, headers
from chalicelib.api.backend import backend
from chalicelib.api.call import reply_problem
from chalicelib.api.problems import MethodNotAllowed, NotFound
from chalicelib.api.routes import Operation
from invoke_once import log

METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")

front = Blueprint(__name__)


class Api(Chalice):
    """The Chalice app of the service. Dispatch is Chalice's own."""

    def __call__(self, event: Any, context: Any) -> dict[str, Any]:
        answered: dict[str, Any] = super().__call__(whole(event), context)
        return answered


def whole(event: Any) -> dict[str, Any]:
    """An API Gateway event with each part that Chalice reads, in its form. `chalice local` leaves some out."""
    given = _mapping(event)
    context = _mapping(given.get("requestContext"))
    sent = headers.of_event(given)
    query = _mapping(given.get("multiValueQueryStringParameters"))
    return {
        "stageVariables": None,
        "isBase64Encoded": False,
        **given,
        "requestContext": {
            **context,
            "resourcePath": str(context.get("resourcePath")),
            "httpMethod": str(context.get("httpMethod")),
        },
        "headers": {name: values[-1] for name, values in sent.items() if values},
        "multiValueHeaders": sent,
        "multiValueQueryStringParameters": {str(name): _texts(values) for name, values in query.items()},
        "pathParameters": {str(name): str(value) for name, value in _mapping(given.get("pathParameters")).items()},
        "body": given.get("body"),
    }


@front.middleware("http")
def answer(request: Request, get_response: Callable[[Request], Response]) -> Response:
    """Refuse what is no operation, turn every error into a problem, and write one line about it all."""
    began = time.perf_counter()
    noted: dict[str, Any] = {}
    request.context["noted"] = noted
    site = ""
    try:
        site = _allowed_site(request)
        if site and request.method == "OPTIONS":
            response = cors.preflight_of(site, _methods(request))
        else:
            _check_route(request)
            response = cors.preflight() if request.method == "OPTIONS" else get_response(request)
    except Exception as error:
        response = reply_problem(error, noted)
    if site:
        response.headers |= cors.answer_to(site)
    took_ms = round((time.perf_counter() - began) * 1000, 1)
    log.event(
        "request",
        method=request.method[:10],
        route=request.path[:100],
        status=response.status_code,
        **noted,
        metrics={"request_ms": took_ms, "Requests": 1, f"Status{response.status_code // 100}xx": 1},
    )
    return response


def refuse_other_methods(app: Chalice) -> None:
    """Register every other method of every path: the gateway has to let them through, to be told what is allowed."""
    for path, known in list(app.routes.items()):
        others = [method for method in METHODS if method not in known]
        app.route(path, methods=others, name="method_not_allowed", content_types=[])(method_not_allowed)


def method_not_allowed(**_params: str) -> None:
    """Never called: the middleware answers first."""


def _check_route(request: Request) -> None:
    known = front.current_app.routes.get(request.path)
    if known is None:
        raise NotFound
    if request.method == "OPTIONS" and _is_preflight(request, known):
        return
    allowed = _methods(request)
    if request.method not in allowed:
        raise MethodNotAllowed(allowed)
    if not set(known[request.method].view_args) <= set(request.uri_params or ()):
        raise NotFound


def _methods(request: Request) -> list[str]:
    known = front.current_app.routes.get(request.path, {})
    return sorted(method for method, entry in known.items() if isinstance(entry.view_function, Operation))


def _allowed_site(request: Request) -> str:
    """The origin of the calling page, if the stage lets that site call; else empty."""
    site = cors.site(request.to_original_event()["multiValueHeaders"])
    return site if site and site in backend().origins else ""


def _is_preflight(request: Request, known: Mapping[str, Any]) -> bool:
    """A browser asks whether another site's page may read what a link opens."""
    get = known.get("GET")
    linked = get is not None and isinstance(get.view_function, Operation) and get.view_function.about.linked
    return bool(linked) and cors.is_preflight(request.to_original_event()["multiValueHeaders"])


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}


def _texts(values: Any) -> list[str]:
    return [str(value) for value in values] if isinstance(values, list) else []
