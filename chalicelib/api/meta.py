"""What needs no token: the health of each part, the OpenAPI document, its page, the dashboard."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.api import problems
from chalicelib.api.call import Call, Reply, reply_json
from chalicelib.api.routes import Routes
from chalicelib.web import assets
from chalicelib.web.assets import Asset
from invoke_once.errors import InvokeOnceError

routes = Routes(__name__)

_ABSENT = "run_" + "a" * 26


@routes.on("GET", "/healthz")
def health(call: Call) -> Reply:
    """Whether each part of the service answers."""
    parts = {
        "runs": _works(lambda: call.service.store.get(_ABSENT, 0, consistent=False)),
        "tokens": _works(lambda: call.backend.tokens.table.get("healthz")),
        "keys": _works(lambda: call.backend.cursor_keys(call.began_ms)),
        "functions": "ok" if call.service.functions else "failing",
    }
    healthy = all(state == "ok" for state in parts.values())
    return reply_json({"status": "ok" if healthy else "failing", "parts": parts}, 200 if healthy else 503)


def _works(ask: Callable[[], object]) -> str:
    try:
        ask()
    except InvokeOnceError:
        return "failing"
    return "ok"


@routes.on("GET", "/openapi.json")
def openapi_document(call: Call) -> Reply:
    """This interface as an OpenAPI 3.1 document."""
    from chalicelib.api.openapi import document_text

    text, etag = document_text(call.operations)
    named = {"ETag": etag, "Cache-Control": "no-cache"}
    return Reply(304, None, named) if call.matches(etag) else Reply(200, text, named)


@routes.on("GET", "/docs")
def docs_page(call: Call) -> Reply:
    """The page that shows the OpenAPI document."""
    return _file(call, assets.page("docs"))


@routes.on("GET", "/")
def dashboard(call: Call) -> Reply:
    """The dashboard."""
    elsewhere = assets.slash_redirect(call.path)
    if elsewhere is not None:
        return Reply(308, None, {"Location": elsewhere})
    return _file(call, assets.page("index"))


@routes.on("GET", "/assets/{name}")
def asset(call: Call) -> Reply:
    """A file of the dashboard or of the docs page."""
    found = assets.asset(call.params.get("name", ""))
    if found is None:
        raise problems.NotFound("There is no such file.")
    return _file(call, found)


def _file(call: Call, file: Asset) -> Reply:
    if call.matches(file.etag):
        return Reply(304, None, file.headers)
    return Reply(200, file.text, file.headers)
