"""The Chalice app: what is registered, and nothing else."""

from __future__ import annotations

from chalicelib.startup import starting

with starting():
    from chalicelib.api import deliveries, functions, listing, logs, meta, payloads, runs, tokens, webhook_secrets
    from chalicelib.api.front import Api
    from chalicelib.triggers import triggers

app = Api(app_name="invoke-once")
app.include(
    runs.routes, listing.routes, payloads.routes, logs.routes, deliveries.routes,
    functions.routes, tokens.routes, webhook_secrets.routes, meta.routes,
)  # fmt: skip
app.register_blueprint(triggers)
