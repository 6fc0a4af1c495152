"""Cold imports: processor time (user and system) of a fresh process, from its first import to a client in hand.

In Python, and in Node.js. The interpreter's own start is not in it. Each case ends with the clients that its first
request would need, because a library that makes them late only hides them. Byte code is there for all, as the first
two rounds write it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from bench import samples
from bench.samples import Progress
from bench.stand import CREDENTIALS
from infra.paths import ROOT
from infra.ship import node

ROUNDS, WARM_UP = 61, 2

_TIMER = """
import resource, sys
def cpu_ms():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return (used.ru_utime + used.ru_stime) * 1000
began = cpu_ms()
{code}
print(cpu_ms() - began, len(sys.modules), file=sys.stderr)
"""

WRAPPER = """
from invoke_once import tracked
@tracked
def handler(event, context): return event
from invoke_once.handler.runtime import runtime
runtime().store.engine.connection.warm()
"""
POWERTOOLS = """
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, idempotent
layer = DynamoDBPersistenceLayer(table_name="table")
@idempotent(persistence_store=layer)
def handler(event, context): return event
layer.client.meta
"""
BOTO3 = """
import boto3
boto3.client("dynamodb")
"""
API = """
import app
from chalicelib.api.backend import backend
of_process = backend()
of_process.service.store.engine.connection.warm()
of_process.service.invoker._client
"""
BARE = """
from chalice import Chalice
import boto3
app = Chalice(app_name="bare")
@app.route("/runs", methods=["POST"])
def start(): return {}
boto3.client("dynamodb")
boto3.client("lambda")
"""
ZAPPA = """
import zappa.asynchronous
"""
CASES = {
    "wrapper": WRAPPER, "powertools": POWERTOOLS, "boto3_client": BOTO3, "api": API, "bare_api": BARE, "zappa": ZAPPA,
}  # fmt: skip
_NODE_TIMER = """
const began = process.cpuUsage();
{code}
const used = process.cpuUsage(began);
console.error((used.user + used.system) / 1000);
"""
NODE_TRACKED = """
const { tracked } = await import("invoke-once");
tracked(async (event) => event);
const { runtime } = await import("./src/handler/runtime.js");
await runtime().store.warm();
"""
NODE_CLIENT = """
const { DynamoDBClient } = await import("@aws-sdk/client-dynamodb");
new DynamoDBClient({});
"""
NODE_CASES = {"node_tracked": NODE_TRACKED, "node_client": NODE_CLIENT}
_ENVIRONMENT = {
    **CREDENTIALS,
    "PATH": os.environ.get("PATH", os.defpath),
    "HOME": "/nonexistent",  # nobody's ~/.aws
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_LAMBDA_FUNCTION_NAME": "bench",
    "ONCE_STACK": "bench",
    "ONCE_RUNS_TABLE": "bench-runs",
    "ONCE_TOKENS_TABLE": "bench-tokens",
    "ONCE_BUCKET": "bench",
    "ONCE_FUNCTION": "echo",
}


def cost(code: str) -> float:
    """Milliseconds of processor time that `code` takes in a process of its own."""
    return float(_words([sys.executable, "-c", _TIMER.format(code=code)], ROOT)[-2])


def node_cost(code: str) -> float:
    """The same of a module of Node.js, in the package's own directory: `invoke-once` is what npm would install."""
    return float(_words(["node", "--input-type=module", "-e", _NODE_TIMER.replace("{code}", code)], node.NODE)[-1])


def _words(command: list[str], directory: Path) -> list[str]:
    done = subprocess.run(command, cwd=directory, env=_ENVIRONMENT, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"an import failed: {done.stderr.strip().splitlines()[-1:]}")
    return done.stderr.split()


def measure(tell: Progress, rounds: int = ROUNDS, cases: Mapping[str, str] = CASES) -> dict[str, list[float]]:
    """{case: [ms]}, in turns; those of Python, then those of Node.js, which needs npm for the AWS SDK."""
    found = samples.interleaved({name: partial(cost, code) for name, code in cases.items()}, rounds, WARM_UP, tell)
    if not node.sdk():
        return found
    in_node = {name: partial(node_cost, code) for name, code in NODE_CASES.items()}
    return found | samples.interleaved(in_node, rounds, WARM_UP, tell)
