"""`chalice local` with the settings that `make up` writes: the API of the stack that is up, from the sources."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from infra.paths import ROOT
from infra.ship.env_files import read_env
from tests.service import Service, until


@pytest.fixture
def local(service: Service, local_directory: Path) -> Iterator[httpx.Client]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("chalice")), "local", "--port", str(port), "--no-autoreload"]
    env = {"PATH": os.environ["PATH"], "HOME": str(local_directory), **read_env(local_directory / "once.env")}
    with (local_directory / "chalice-local.log").open("w") as log:
        server = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)
    headers = {"Authorization": f"Bearer {service.default_token}"}
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30) as client:
            until(lambda: _answers(client, server), 20)
            yield client
    finally:
        server.terminate()
        server.wait(10)


def _answers(client: httpx.Client, server: subprocess.Popen[bytes]) -> bool:
    assert server.poll() is None, "chalice local has ended"
    try:
        return client.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False


def test_a_run_started_through_chalice_local_is_one_of_the_stack_s(service: Service, local: httpx.Client) -> None:
    key = {"Idempotency-Key": '"via-chalice-local"'}
    started = local.post("/runs", json={"function": "echo", "input": {"via": "local"}}, headers=key)
    assert started.status_code == 202, started.text
    assert service.wait(started.json()["id"])["output"] == {"via": "local"}
    again = local.post("/runs", json={"function": "echo", "input": {"via": "local"}}, headers=key)
    assert again.status_code == 200 and again.headers["idempotent-replayed"] == "true"


def test_chalice_local_is_as_strict_as_the_gateway(local: httpx.Client) -> None:
    assert local.post("/runs", content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415
    refused = local.request("PATCH", "/runs")
    assert refused.status_code == 405 and refused.headers["allow"] == "GET, POST"
    assert refused.headers["content-type"] == "application/problem+json"
    deep = b'{"function":"echo","input":' + b"[" * 90_000
    assert local.post("/runs", content=deep, headers={"Content-Type": "application/json"}).status_code == 400
    assert local.get("/nowhere").status_code == 403  # Chalice's own, as the gateway's
