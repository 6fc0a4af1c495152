"""`GET /webhook-secrets`: what a tenant's receivers verify callbacks with. For scope `admin`, over every tenant."""

from __future__ import annotations

from chalice.app import Response

from chalicelib.api import filters
from chalicelib.api.call import Call, reply_json
from chalicelib.api.routes import Routes

routes = Routes(__name__)


@routes.route("/webhook-secrets", methods=["GET"])
@routes.operation(scope="admin", query=("tenant",))
def show_webhook_secrets(call: Call) -> Response:
    """One tenant's secrets (the caller's, unless told): the current one, then one that a young rotation replaced."""
    tenant = filters.tenant(call)
    secrets = call.backend.webhook_secrets(tenant, call.began_ms)
    call.noted["secrets_shown_of"] = tenant
    return reply_json({"tenant": tenant, "secrets": [{"secret": secret} for secret in secrets]})
