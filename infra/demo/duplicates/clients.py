"""The clients, each as people use it, with nothing set but a shorter timeout. What each was told, and when.

boto3, AWS CLI, aws-sdk v2, serverless     one synchronous call of a Lambda function
Once, `once invoke`, fetch                 one start through the API, and its result
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from infra.demo.duplicates.lab import CREDENTIALS
from infra.paths import EMULATOR_VENV, LOCAL, ROOT, VENV
from infra.ship import node as library
from invoke_once.client import Once

HERE = Path(__file__).parent / "node"
NODE = LOCAL / "duplicates" / "node"
PATIENCE_S = 300


class NodeMissing(Exception):
    """Node.js or npm is not there, or the packages could not be installed."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a client came back with: the answer, or how it failed; and after how long."""

    answer: Any
    error: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Call:
    """One call to make: of `function` through `endpoint`, or through the API with these settings."""

    endpoint: str
    function: str
    payload: dict[str, Any]
    timeout_s: float
    api: dict[str, str]


Client = Callable[[Call], Any]


class ClientFailed(Exception):
    """The client gave up; its own words."""


def use(client: Client, call: Call) -> Said:
    """Have a client make its one call."""
    began = time.monotonic()
    try:
        answer, error = client(call), ""
    except Exception as failed:
        answer, error = None, str(failed) if isinstance(failed, ClientFailed) else type(failed).__name__
    return Said(answer, error, time.monotonic() - began)


# Of Lambda


def by_boto3(call: Call) -> Any:
    client = boto3.client(
        "lambda", endpoint_url=call.endpoint, region_name=CREDENTIALS["AWS_DEFAULT_REGION"],
        aws_access_key_id="test", aws_secret_access_key="test", config=Config(read_timeout=call.timeout_s),
    )  # fmt: skip
    return json.load(client.invoke(FunctionName=call.function, Payload=json.dumps(call.payload).encode())["Payload"])


def by_aws_cli(call: Call) -> Any:
    out = LOCAL / "duplicates" / f"{call.function}.json"
    _run(call, [str(EMULATOR_VENV / "bin" / "aws"), "lambda", "invoke", "--function-name", call.function, "--payload",
                json.dumps(call.payload), "--cli-read-timeout", f"{call.timeout_s:g}", str(out)])  # fmt: skip
    return json.loads(out.read_text())


def by_sdk_v2(call: Call) -> Any:
    timeout = f"{call.timeout_s * 1000:.0f}"
    return json.loads(_run(call, ["node", "sdk_v2.js", call.function, json.dumps(call.payload), timeout], cwd=NODE))


def by_serverless(call: Call, *more: str, **settings: str) -> Any:
    settings |= {
        "AWS_CLIENT_TIMEOUT": f"{call.timeout_s * 1000:.0f}", "SLOW_FUNCTION": call.function, "CI": "1",
        "SLS_TELEMETRY_DISABLED": "1", "SLS_NOTIFICATIONS_MODE": "off",
    }  # fmt: skip
    command = ["node", "--require", "./point_at_emulator.js", "node_modules/serverless/bin/serverless.js",
               "invoke", "-f", "slow", "-d", json.dumps(call.payload), *more]  # fmt: skip
    return json.loads(_run(call, command, cwd=NODE, **settings))


# Of the API


def by_once(call: Call) -> Any:
    with Once(call.api["ONCE_URL"], call.api["ONCE_TOKEN"]) as once:
        return once.start(call.function, call.payload, key=f"once-{call.payload['counter']}").result(timeout=60)


def by_once_cli(call: Call) -> Any:
    command = [str(VENV / "bin" / "once"), "invoke", "-f", call.function, "-d", json.dumps(call.payload),
               "--key", f"cli-{call.payload['counter']}", "--wait", "--json"]  # fmt: skip
    return json.loads(_run(call, command))["output"]


def by_serverless_plugin(call: Call) -> Any:
    key = f"sls-{call.payload['counter']}"
    return by_serverless(call, "--config", "serverless-with-plugin.yml", ONCE_KEY=key)


def by_fetch(call: Call) -> Any:
    return json.loads(
        _run(call, ["node", "fetch.mjs", json.dumps(call.payload), f"node-{call.payload['counter']}"], cwd=NODE)
    )


OF_LAMBDA: dict[str, Client] = {
    "boto3": by_boto3,
    "AWS CLI": by_aws_cli,
    "aws-sdk v2": by_sdk_v2,
    "sls invoke": by_serverless,
}
OF_API: dict[str, Client] = {
    "Once (Python)": by_once,
    "once invoke (CLI)": by_once_cli,
    "fetch (Node.js)": by_fetch,
    "sls invoke + plugin": by_serverless_plugin,
}


def versions() -> dict[str, str]:
    """Of the clients that decide for themselves how often they send."""
    awscli = subprocess.run(
        [str(EMULATOR_VENV / "bin" / "python"), "-c", "import awscli; print(awscli.__version__)"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    asked = json.loads((HERE / "package.json").read_text())["dependencies"]
    return {
        "boto3": boto3.__version__,
        "AWS CLI": awscli,
        "aws-sdk v2": asked["aws-sdk"],
        "sls invoke": f"serverless {asked['serverless']}",
    }


def _run(call: Call, command: list[str], cwd: Path | None = None, **settings: str) -> str:
    """A client's process with a clean environment: no proxies, no profile of the person at the keyboard."""
    env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(LOCAL / "duplicates"), "LANG": "C.UTF-8",
           "AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL": call.endpoint,
           **CREDENTIALS, **call.api, **settings}  # fmt: skip
    done = subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=PATIENCE_S
    )
    if done.returncode != 0:
        raise ClientFailed(_last_words(done.stderr + "\n" + done.stdout))
    return done.stdout


def _last_words(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if "imeout" in line or "imed out" in line]
    return (told or lines or ["no words"])[-1].removeprefix("Error: ").partition(': "')[0][:120]


def install_node() -> None:
    """aws-sdk v2 and serverless in .local/duplicates/node; nothing to do when they are there already."""
    if not (shutil.which("node") and shutil.which("npm")):
        raise NodeMissing("Node.js and npm are needed for two of the four clients: install Node.js 18 or newer")
    NODE.mkdir(parents=True, exist_ok=True)
    wanted = (HERE / "package.json").read_text()
    for file in HERE.iterdir():
        shutil.copyfile(file, NODE / file.name)
    stamp = NODE / ".installed"
    if stamp.exists() and stamp.read_text() == wanted:
        _copy_ours()
        return
    command = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
    done = subprocess.run(command, cwd=NODE, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise NodeMissing(f"npm install failed: {_last_words(done.stderr)}")
    stamp.write_text(wanted)
    _copy_ours()


def _copy_ours() -> None:
    """The plugin and its library, as they are in this checkout."""
    shutil.copytree(ROOT / "node" / "serverless", NODE / "node_modules" / "serverless-invoke-once", dirs_exist_ok=True)
    for name, content in library.library("node_modules/invoke-once/").items():
        (NODE / name).parent.mkdir(parents=True, exist_ok=True)
        (NODE / name).write_bytes(content)
