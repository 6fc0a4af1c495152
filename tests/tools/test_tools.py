"""What `once policy` prints for Terraform, CDK and the Serverless Framework, read by these tools or their own parsers.

Each says what `--show sam` says: the same rights, environment and destinations (`tests/unit/test_outside.py`).
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hcl2
import pytest

from infra.ship import npm
from invoke_once import outside, outside_formats
from invoke_once.cli.root import run
from invoke_once.outside import Mode, Place

HERE = Path(__file__).parent
PLACE, FUNCTION, TENANT = Place("invoke-once-prod"), "bill-ing", "acme"
MODES: list[Mode] = ["tracked", "destination"]
ENDS = {"tracked": {"OnFailure"}, "destination": {"OnFailure", "OnSuccess"}}


@pytest.fixture(scope="session")
def modules() -> Path:
    """aws-cdk-lib and osls from npm, as package-lock.json pins them."""
    return npm.installed(HERE)


def node(directory: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["node", *arguments], cwd=directory, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def as_written(value: Any) -> Any:
    """A template's value with `Fn::Sub` and lists of one taken away, as `outside` writes it."""
    match value:
        case {"Fn::Sub": str(text)}:
            return text
        case dict():
            return {name: as_written(each) for name, each in value.items()}
        case list():
            return [as_written(each) for each in value]
    return value


def rights(statements: Any) -> set[tuple[str, str, str, str]]:
    """(Sid, action, resource, condition) of each."""

    def many(value: Any) -> list[Any]:
        return value if isinstance(value, list) else [value]

    return {
        (s["Sid"], action, resource, json.dumps(s.get("Condition"), sort_keys=True))
        for s in as_written(statements)
        for action in many(s["Action"])
        for resource in many(s["Resource"])
    }


def expected(mode: Mode) -> set[tuple[str, str, str, str]]:
    return rights(outside.policy(PLACE, mode, FUNCTION)["Statement"])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("qualifier", ["", "live"])
def test_terraform_reads_it_and_it_says_the_same(mode: Mode, qualifier: str) -> None:
    text = outside_formats.terraform(PLACE, mode, FUNCTION, TENANT, qualifier)
    found = hcl2.loads(text)
    kinds = {name.strip('"') for resource in found["resource"] for name in resource}
    assert kinds == {"aws_iam_role_policy", "aws_lambda_function_event_invoke_config"}
    data = {name.strip('"') for each in found["data"] for name in each}
    assert {used.split(".")[1] for used in re.findall(r"\$\{(data\.[^}]+)\}", text)} <= data
    for name, value in outside.environment(PLACE, mode, FUNCTION, TENANT).items():
        assert f"{name} = {json.dumps(_as_terraform(value))}" in text
    written = _from_terraform(text)
    for _, action, resource, _ in expected(mode):
        assert f'"{action}"' in written and f'"{resource}"' in written
    assert written.count("destination = ") == len(ENDS[mode])
    assert ('qualifier              = "live"' in text) == bool(qualifier)


def _as_terraform(text: str) -> str:
    for pseudo, ours in outside_formats._TERRAFORM.items():
        text = text.replace(f"${{AWS::{pseudo}}}", ours)
    return text


def _from_terraform(text: str) -> str:
    for pseudo, ours in outside_formats._TERRAFORM.items():
        text = text.replace(ours, f"${{AWS::{pseudo}}}")
    return text


def test_cdk_synthesizes_it_and_it_says_the_same(modules: Path, tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(modules)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    for mode in MODES:
        (tmp_path / f"{mode}.ts").write_text(outside_formats.cdk(PLACE, mode, FUNCTION, TENANT))
    imports = [f'import {{ trackedByOnce as {mode} }} from "./{mode}.ts";' for mode in MODES]
    stacks = [
        f'{mode}(new lambda.Function(new Stack(app, "{mode}"), "Billing", '
        '{ runtime: lambda.Runtime.PYTHON_3_13, handler: "index.handler", code }));'
        for mode in MODES
    ]
    app = [
        'import { App, Stack, aws_lambda as lambda } from "aws-cdk-lib";',
        *imports,
        'const app = new App({ outdir: "out" });',
        'const code = lambda.Code.fromInline("def handler(event, context): ...");',
        *stacks,
        "app.synth();",
    ]
    (tmp_path / "app.ts").write_text("\n".join(app))
    node(tmp_path, "app.ts")
    for mode in MODES:
        template = json.loads((tmp_path / "out" / f"{mode}.template.json").read_text())
        _says_the_same(template["Resources"], mode)


@pytest.mark.parametrize("mode", MODES)
def test_the_serverless_framework_packages_it_and_it_says_the_same(modules: Path, tmp_path: Path, mode: Mode) -> None:
    printed = outside_formats.serverless(PLACE, mode, FUNCTION, TENANT)
    mine = "service: mine\nframeworkVersion: '*'\n"
    printed = printed.replace("provider:\n", "provider:\n  name: aws\n  runtime: python3.13\n", 1)
    printed = printed.replace(f"  {FUNCTION}:\n", f"  {FUNCTION}:\n    handler: app.handler\n", 1)
    (tmp_path / "serverless.yml").write_text(mine + printed)
    (tmp_path / "app.py").write_text("def handler(event, context): ...\n")
    node(tmp_path, str(modules / "osls" / "bin" / "serverless.js"), "package")
    template = tmp_path / ".serverless" / "cloudformation-template-update-stack.json"
    _says_the_same(json.loads(template.read_text())["Resources"], mode)


def _says_the_same(resources: dict[str, Any], mode: Mode) -> None:
    """Of a template: the policies, the environment and the config of the one function."""
    statements: list[Any] = []
    for found in resources.values():
        documents = [found["Properties"].get("PolicyDocument")] if found["Type"] == "AWS::IAM::Policy" else []
        if found["Type"] == "AWS::IAM::Role":
            documents = [policy["PolicyDocument"] for policy in found["Properties"].get("Policies", [])]
        statements += [each for document in documents for each in document["Statement"] if "Sid" in each]
    assert rights(statements) == expected(mode)
    (function,) = [r["Properties"] for r in resources.values() if r["Type"] == "AWS::Lambda::Function"]
    told = function.get("Environment", {}).get("Variables", {})
    assert as_written(told) == outside.environment(PLACE, mode, FUNCTION, TENANT)
    (config,) = [r["Properties"] for r in resources.values() if r["Type"] == "AWS::Lambda::EventInvokeConfig"]
    assert config["MaximumRetryAttempts"] == 0
    assert as_written(config["DestinationConfig"]) == outside.destinations(PLACE, mode)["DestinationConfig"]


@pytest.mark.parametrize("show", ["terraform", "cdk", "serverless", "sam"])
def test_the_command_prints_it_without_account_or_region(show: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["policy", FUNCTION, "--tenant", TENANT, "--show", show]) == 0
    make: Callable[..., str] = getattr(outside_formats, show)
    assert capsys.readouterr().out == make(PLACE, "tracked", FUNCTION, TENANT)
