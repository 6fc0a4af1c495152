"""The example receivers take what the service signs, and nothing else. Each runs as its reader would run it."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from invoke_once.signing import sign

EXAMPLES = Path(__file__).parents[2] / "examples" / "receiver"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = '{"type":"run.succeeded","data":{"id":"run_x","output":"ünïcode"}}'.encode()
Running = Callable[..., contextlib.AbstractContextManager[tuple[str, subprocess.Popen[str]]]]


@contextlib.contextmanager
def running(*command: str, cwd: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The receiver's URL, once it says that it listens, and its process."""
    environment = os.environ | {"ONCE_WEBHOOK_SECRET": SECRET, "PORT": "0", "PYTHONPATH": str(EXAMPLES.parents[1])}
    with subprocess.Popen(command, cwd=cwd, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1], process
        finally:
            process.terminate()


def post(url: str, body: bytes = BODY, *, secret: str = SECRET, at_s: float | None = None) -> httpx.Response:
    timestamp_s = int(time.time() if at_s is None else at_s)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": sign(secret, "msg_1", timestamp_s, BODY),
    }
    return httpx.post(url, content=body, headers=headers, timeout=10)


def check(url: str, process: subprocess.Popen[str]) -> None:
    assert post(url).status_code == 204
    assert process.stdout is not None and process.stdout.readline() == "run.succeeded run_x\n"
    assert post(url, BODY + b" ").status_code == 400
    assert post(url, secret="whsec_" + "A" * 32).status_code == 400
    assert post(url, at_s=time.time() - 400).status_code == 400
    assert httpx.post(url, content=BODY).status_code == 400
    assert post(url).status_code == 204, "it still stands"


def test_the_python_receiver_verifies() -> None:
    with running(sys.executable, "receiver.py", cwd=EXAMPLES) as (url, process):
        check(url, process)


@pytest.mark.slow
def test_the_javascript_receiver_verifies_with_the_public_package(tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    for name in ("receiver.mjs", "package.json"):
        shutil.copy(EXAMPLES / name, tmp_path)
    subprocess.run([npm, "install", "--no-audit", "--no-fund", "--silent"], cwd=tmp_path, check=True, timeout=120)
    with running("node", "receiver.mjs", cwd=tmp_path) as (url, process):
        check(url, process)
