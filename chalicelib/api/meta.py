"""What needs no token: `/healthz`, and later the document and the pages."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.api.call import Call, Reply, reply_json
from chalicelib.api.routes import Routes
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
        "functions": "ok" if call.service.functions else "empty",
    }
    healthy = all(state == "ok" for state in parts.values())
    return reply_json({"status": "ok" if healthy else "failing", "parts": parts}, 200 if healthy else 503)


def _works(ask: Callable[[], object]) -> str:
    try:
        ask()
    except InvokeOnceError:
        return "failing"
    return "ok"
