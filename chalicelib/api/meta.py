"""What needs no token: the health of each part, the OpenAPI document, its page, the dashboard."""

from __future__ import annotations

from chalice.app import Response

from chalicelib.api import problems
from chalicelib.api.call import Call, reply, reply_json
from chalicelib.api.routes import Answer, Routes
from chalicelib.web import assets
from chalicelib.web.assets import Asset

routes = Routes(__name__, tag="service")

_PAGE = Answer("a page", headers=("ETag",), media_types=("text/html",))
_FILES = ("text/javascript", "text/css", "image/svg+xml")
_KNOWN = Answer("nothing has changed", headers=("ETag",))
_ABSENT = "run_" + "a" * 26


@routes.route("/healthz", methods=["GET"])
@routes.operation({200: Answer("every part answers", "Health"), 503: Answer("a part does not", "Health")})
def health(call: Call) -> Response:
    """Whether each part of the service answers, or did some seconds before."""
    backend = call.backend
    asked = {
        "runs": lambda: call.service.store.get(_ABSENT, 0, consistent=False),
        "tokens": lambda: backend.tokens.table.get("healthz"),
        "keys": lambda: backend.cursor_keys(call.began_ms),
    }
    parts = backend.health.of(asked, call.began_ms)
    parts["functions"] = "ok" if call.service.functions else "failing"
    healthy = all(state == "ok" for state in parts.values())
    return reply_json({"status": "ok" if healthy else "failing", "parts": parts}, 200 if healthy else 503)


@routes.route("/healthz", methods=["HEAD"])
@routes.operation({200: Answer("every part answers", media_types=()), 503: Answer("a part does not", media_types=())})
def health_head(call: Call) -> Response:
    """The same without its body, as monitors ask."""
    return reply(None, health.view(call).status_code)


@routes.route("/openapi.json", methods=["GET"])
@routes.operation({200: Answer("this document", headers=("ETag",)), 304: _KNOWN})
def openapi_document(call: Call) -> Response:
    """This interface as an OpenAPI 3.1 document."""
    from chalicelib.api.openapi.document import document_text

    signed = bool(call.backend.iam_callers())
    text, etag = document_text(routes.current_app, call.service.functions, signed=signed)
    named = {"ETag": etag, "Cache-Control": "no-cache"}
    return reply(None, 304, named) if call.matches(etag) else reply(text, headers=named)


@routes.route("/docs", methods=["GET"])
@routes.operation({200: _PAGE, 304: _KNOWN})
def docs_page(call: Call) -> Response:
    """The page that shows the OpenAPI document."""
    return _file(call, assets.page("docs"))


@routes.route("/", methods=["GET"])
@routes.operation({200: _PAGE, 304: _KNOWN, 308: Answer("the same with its final slash", headers=("Location",))})
def dashboard(call: Call) -> Response:
    """The dashboard."""
    elsewhere = assets.slash_redirect(call.path)
    if elsewhere is not None:
        return reply(None, 308, {"Location": elsewhere})
    return _file(call, assets.page("index"))


@routes.route("/assets/{name}", methods=["GET"])
@routes.operation({200: Answer("a file", headers=("ETag",), media_types=_FILES), 304: _KNOWN})
def asset(call: Call, name: str) -> Response:
    """A file of the dashboard or of the docs page."""
    found = assets.asset(name)
    if found is None:
        raise problems.NotFound("There is no such file.")
    return _file(call, found)


def _file(call: Call, file: Asset) -> Response:
    if call.matches(file.etag):
        return reply(None, 304, file.headers)
    return reply(file.text, headers=file.headers)
