"""The Chalice app: what is registered, and nothing else."""

from __future__ import annotations

import os

from chalicelib.api import (
    batches,
    bulk,
    deliveries,
    functions,
    links,
    listing,
    logs,
    meta,
    pauses,
    payloads,
    runs,
    tokens,
    webhook_secrets,
)
from chalicelib.api.front import Api, front, refuse_other_methods
from chalicelib.service import connection
from chalicelib.triggers import triggers

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    connection().warm()  # while Lambda's init phase lends a whole processor

app = Api(app_name="invoke-once")
for resource in (
    runs, listing, batches, bulk, payloads, logs, deliveries, links, functions, pauses, tokens, webhook_secrets, meta,
):  # fmt: skip
    app.register_blueprint(resource.routes)
refuse_other_methods(app)
app.register_blueprint(front)
app.register_blueprint(triggers)
