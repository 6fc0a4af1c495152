"""The Chalice app: what is registered, and nothing else."""

from __future__ import annotations

from typing import Any

from chalice import Chalice

app = Chalice(app_name="invoke-once")


@app.route("/healthz")
def healthz() -> dict[str, Any]:
    return {"status": "ok"}


@app.lambda_function(name="stream")
def stream(event: Any, context: Any) -> dict[str, Any]:
    return {}


@app.on_sqs_message(queue="wake", name="wake")
def wake(event: Any) -> dict[str, Any]:
    return {}


@app.schedule("rate(1 minute)", name="sweep")
def sweep(event: Any) -> dict[str, Any]:
    return {}


@app.lambda_function(name="attend")
def attend(event: Any, context: Any) -> dict[str, Any]:
    return {}


@app.lambda_function(name="record")
def record(event: Any, context: Any) -> dict[str, Any]:
    return {}
