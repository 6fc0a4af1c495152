"""Nothing is bound to one region, partition, account or stage; and docs/how-to/deploy.md tells what there is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from infra import stages
from infra.paths import ROOT
from infra.ship import package
from infra.stages import STACK_LIMIT, StageProblem

GUIDE = ROOT / "docs" / "how-to" / "deploy.md"
REGION = re.compile(r"\b(?:us|eu|ap|sa|ca|me|af|il|mx|cn)-(?:gov-)?(?:[a-z]+)-[0-9]\b|arn:aws:|\b\d{12}\b")
#: where a region may stand: the emulator's own, S3's one exception, what packaging wants to hear, examples in help
MAY = {
    "infra/local/emulator.py",
    "infra/ship/deploy.py",
    "infra/ship/package.py",
    "infra/ship/artifacts.py",
    "infra/ship/second_cloud.py",
    "infra/ship/audit.py",
    "infra/stages.py",
    "infra/template/roles.py",
    "invoke_once/cli/commands/configure.py",
    "invoke_once/cli/commands/policy.py",
}


def sources() -> list[Path]:
    found = [file for tree in ("infra", "chalicelib", "invoke_once") for file in (ROOT / tree).rglob("*.py")]
    return [file for file in found if "duplicates" not in file.parts]  # that demo knows the emulator alone


def test_no_source_names_a_region_a_partition_or_an_account() -> None:
    named = {
        str(file.relative_to(ROOT)) for file in sources()
        if any(REGION.search(line) for line in file.read_text().splitlines() if not line.lstrip().startswith("#"))
    }  # fmt: skip
    assert named - MAY == set()


def test_the_template_names_none_either(template: dict[str, Any]) -> None:
    text = json.dumps(template)
    assert REGION.findall(text) == []
    hosts = set(re.findall(r"[\w.${}:-]*amazonaws\.com[\w.]*", text))
    assert hosts <= {f"{service}.amazonaws.com" for service in ("lambda", "events", "apigateway")}


def test_the_template_is_within_cloudformations_limits(template: dict[str, Any]) -> None:
    assert len(json.dumps(template, indent=1)) < 1_000_000
    assert len(template["Resources"]) < 500
    assert len(template["Parameters"]) < 200


def test_another_stage_is_another_name_and_nothing_else(template: dict[str, Any]) -> None:
    other = json.loads(package.package(stages.load("staging")).template.read_text())
    assert set(template["Resources"]) - set(other["Resources"]) <= deployments(template)
    values = {function["Properties"]["Environment"]["Variables"]["ONCE_STAGE"] for function in functions(other)}
    assert values == {"staging"}


def deployments(template: dict[str, Any]) -> set[str]:
    return {name for name, r in template["Resources"].items() if r["Type"] == "AWS::ApiGateway::Deployment"}


def functions(template: dict[str, Any]) -> list[dict[str, Any]]:
    found = [r for r in template["Resources"].values() if r["Type"] == "AWS::Lambda::Function"]
    return [r for r in found if "ONCE_STAGE" in r["Properties"].get("Environment", {}).get("Variables", {})]


@pytest.mark.parametrize("region", ["ap-southeast-1", "us-gov-west-1", "cn-northwest-1"])
def test_buckets_can_be_called_what_they_would_be_called(region: str) -> None:
    longest = "s" * STACK_LIMIT
    for bucket in (f"{longest}-artifacts-123456789012-{region}", f"{longest}-data-123456789012-{region}"):
        assert len(bucket) <= 63


def test_a_stage_whose_buckets_could_not_be_called_so_is_refused() -> None:
    assert stages.load("a" * (STACK_LIMIT - len("invoke-once-")))
    with pytest.raises(StageProblem, match="buckets are called after it"):
        stages.load("a" * (STACK_LIMIT - len("invoke-once-") + 1))


def test_the_guide_tells_every_service_that_a_deployer_needs(template: dict[str, Any]) -> None:
    needed = {r["Type"].split("::")[1].lower() for r in template["Resources"].values()}
    told = set(re.findall(r"`([a-z0-9]+)`", GUIDE.read_text()))
    assert needed - {"serverless"} <= told


def test_the_guide_counts_the_alarms_right(template: dict[str, Any]) -> None:
    """An alarm on several metrics costs as much as one on each (CloudWatch's prices: "per alarm metric")."""
    alarms = [r["Properties"] for r in template["Resources"].values() if r["Type"] == "AWS::CloudWatch::Alarm"]
    metrics = sum(len([m for m in alarm.get("Metrics", [alarm]) if "SUM(FILL" not in str(m)]) for alarm in alarms)
    assert f"| {len(alarms)} alarms on {metrics} metrics, each charged | {metrics / 10:.2f} |" in GUIDE.read_text()


def test_make_knows_each_target_that_the_guides_name() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for name in ("how-to/deploy.md", "explanation/security.md", "how-to/runbook.md"):
        named = set(re.findall(r"(?:`|\$ )make ([a-z-]+)", (ROOT / "docs" / name).read_text()))
        assert named <= targets, name
