"""The Chalice app: what is registered, and nothing else."""

from __future__ import annotations

from chalicelib.startup import starting

with starting():
    from chalicelib.api import deliveries, functions, listing, logs, meta, payloads, runs, tokens, webhook_secrets
    from chalicelib.api.front import Api, front, refuse_other_methods
    from chalicelib.triggers import triggers

app = Api(app_name="invoke-once")
for resource in (runs, listing, payloads, logs, deliveries, functions, tokens, webhook_secrets, meta):
    app.register_blueprint(resource.routes)
refuse_other_methods(app)
app.register_blueprint(front)
app.register_blueprint(triggers)
