"""Node.js functions on the deployed stack: what kills them, and `sls invoke`, which calls them again and again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from infra.demo.duplicates import clients
from infra.demo.duplicates.proxy import Proxy, proxy
from infra.local.emulator import Emulator
from infra.paths import ROOT
from infra.ship import node, npm
from tests.faults.test_lifecycle_faults import kill_all
from tests.service import Service, until

CSV = "a,b\n1,2\n3,4\n"
REPORT = {"rows": 2, "columns": ["a", "b"]}
SERVICE = {
    "service": "mine", "frameworkVersion": "*", "custom": {"invokeOnce": {"functions": {"mine": "node-report"}}},
    "provider": {"name": "aws", "runtime": "nodejs22.x", "region": "us-east-1"},
}  # fmt: skip


def test_a_run_whose_process_is_killed_and_whose_time_ends_goes_on_from_its_checkpoint(
    service: Service, emulator: Emulator
) -> None:
    functions, name = service.aws("lambda"), service.target("node-report")
    timeout = functions.get_function_configuration(FunctionName=name)["Timeout"]
    functions.update_function_configuration(FunctionName=name, Timeout=5)
    try:
        run_id = service.start("node-report", {"csv": CSV, "seconds": 5}).json()["id"]

        def is_under_way() -> bool:
            run = service.run(run_id)
            return run["status"] == "running" and bool(run["progress"] and run["checkpoint"])

        until(is_under_way)
        assert kill_all(service, emulator, "node-report") > 0
        run = service.wait(run_id)
    finally:
        functions.update_function_configuration(FunctionName=name, Timeout=timeout)
    assert (run["status"], run["output"], run["attempt"]) == ("succeeded", REPORT, 1), run
    assert run["leg"] >= 3, "killed once, and once at its timeout"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, service: Service) -> Path:
    """A project of the Serverless Framework, without the plugin and with it."""
    made = tmp_path_factory.mktemp("sls")
    modules = made / "node_modules"
    shutil.copytree(ROOT / "node" / "serverless", modules / "serverless-invoke-once")
    for name, content in node.library().items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(content)
    functions = {"functions": {"mine": {"handler": "index.handler", "name": service.target("node-report")}}}
    (made / "plain.json").write_text(json.dumps(SERVICE | functions))
    with_plugin = SERVICE | functions | {"plugins": ["serverless-invoke-once"]}
    (made / "plugin.json").write_text(json.dumps(with_plugin))
    return made


def frameworks() -> dict[str, list[str]]:
    """osls; and the Serverless Framework 3 where `make demo-duplicates` has installed it, which takes a minute."""
    found = {"osls": ["node", str(npm.installed(ROOT / "tests" / "tools") / "osls" / "bin" / "serverless.js")]}
    three = clients.NODE / "node_modules" / "serverless" / "bin" / "serverless.js"
    if three.exists():
        found["serverless"] = ["node", "--require", str(clients.NODE / "point_at_emulator.js"), str(three)]
    return found


def test_an_impatient_sls_invoke_runs_the_body_once_and_prints_its_result(project: Path, service: Service) -> None:
    calls = [
        (program, config, f"{framework}-{config}-{uuid.uuid4().hex}")
        for framework, program in frameworks().items()
        for config in ("plain", "plugin")
    ]
    with proxy(service.endpoint) as through, ThreadPoolExecutor(len(calls)) as pool:
        said = list(pool.map(lambda call: invoke(project, service, through, *call), calls))
    runs = service.req("GET", "/runs", params={"function": "node-report", "limit": 50}).json()["runs"]
    inputs = {run["id"]: service.req("GET", f"/runs/{run['id']}/input").json() for run in runs}
    for (_, config, tag), done in zip(calls, said, strict=True):
        assert done.returncode == 0, (tag, done.stderr + done.stdout)
        assert json.loads(done.stdout) == REPORT, tag
        mine = [run for run in runs if inputs[run["id"]].get("tag") == tag]
        assert [(run["status"], run["attempt"], run["output"]) for run in mine] == [("succeeded", 1, REPORT)], tag
        if config == "plain":
            assert through.sends[tag] >= 2, f"{tag} was not called again"
        else:
            assert through.sends[tag] == 1 and "%" in done.stderr, f"{tag} showed no progress"


def invoke(
    project: Path, service: Service, through: Proxy, program: list[str], config: str, tag: str
) -> subprocess.CompletedProcess[str]:
    """`sls invoke` with a client timeout of a second."""
    env = service.env | {
        "PATH": os.environ["PATH"], "HOME": str(project), "CI": "1", "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CLIENT_TIMEOUT": "1000", "SLS_AWS_REQUEST_MAX_RETRIES": "60", "AWS_ENDPOINT_URL": through.url,
        "SLS_TELEMETRY_DISABLED": "1", "SLS_NOTIFICATIONS_MODE": "off",
        "ONCE_URL": service.url.replace(service.endpoint, through.url),
    }  # fmt: skip
    data = json.dumps({"csv": CSV, "seconds": 2, "tag": tag})
    command = [*program, "invoke", "--config", f"{config}.json", "-f", "mine", "-d", data]
    return subprocess.run(command, cwd=project, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          timeout=180)  # fmt: skip
