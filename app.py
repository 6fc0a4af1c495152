"""The Chalice app: what is registered, and nothing else."""

from __future__ import annotations

from chalicelib.api import functions, meta, payloads, runs
from chalicelib.api.front import Api
from chalicelib.triggers import triggers

app = Api(app_name="invoke-once")
app.include(runs.routes, payloads.routes, functions.routes, meta.routes)
app.register_blueprint(triggers)
