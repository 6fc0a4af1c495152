"""`GET /webhook-secrets`: what a tenant's receivers verify callbacks with. For `admin`; another's, for `operator`."""

from __future__ import annotations

from chalice.app import Response
from msgspec import Struct

from chalicelib.api import auth, schemas
from chalicelib.api.call import Call, reply_json
from chalicelib.api.routes import Answer, Routes

routes = Routes(__name__, tag="tokens")


class TenantQuery(Struct, frozen=True):
    tenant: schemas.Tenant | None = None


@routes.route("/webhook-secrets", methods=["GET"])
@routes.operation(
    {200: Answer("the secrets, the current one first", "WebhookSecrets")}, scope="admin", query=TenantQuery
)
def show_webhook_secrets(call: Call) -> Response:
    """One tenant's secrets (the caller's, unless told): the current one, then one that a young rotation replaced."""
    asked = schemas.read_query(call.query, TenantQuery)
    tenant = auth.require_tenant(call.who, asked.tenant or call.tenant)
    secrets = call.backend.webhook_secrets(tenant, call.began_ms)
    call.noted["secrets_shown_of"] = tenant
    return reply_json({"tenant": tenant, "secrets": [{"secret": secret} for secret in secrets]})
