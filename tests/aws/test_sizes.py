"""AWS's sizes, with a hundred functions: measured by `make package`, and refused there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.functions import Function, load
from infra import stages
from infra.paths import FUNCTIONS_TOML
from infra.ship import package
from infra.template import sizes
from infra.template.cfn import camel
from infra.template.merge import merge_template
from tests.aws.evaluator import allowed
from tests.aws.filled import Filled, size

STAGE = stages.load("prod")
LONG = "x" * 30  # with the stack's name about as long as a Lambda's name gets


def with_functions(template: dict[str, Any], count: int, mode: str = "tracked", **more: Any) -> dict[str, Any]:
    """The finished template as it would be with that many functions: Chalice's own part does not change by these."""
    functions = [*load(FUNCTIONS_TOML, STAGE.stack).values()]
    for n in range(count - len(functions)):
        name = f"f{n}-{LONG}"
        functions.append(Function(name, target=f"{STAGE.stack}-{name}", handler="a.b", mode=mode, **more))
    merged = merge_template(STAGE, functions, STAGE.python)
    resources: dict[str, Any] = {}
    for name, resource in {**template["Resources"], **merged["Resources"]}.items():
        before = template["Resources"].get(name, {})
        properties = {**before.get("Properties", {}), **resource.get("Properties", {})}
        resources[name] = {"Type": before.get("Type"), **resource, "Properties": properties}
    resources = {name: r for name, r in resources.items() if r["Type"]}  # SAM's own words, which it translates
    return {**template, **merged, "Resources": resources}


@pytest.fixture(scope="module", params=["tracked", "destination"])
def hundred(template: dict[str, Any], request: pytest.FixtureRequest) -> dict[str, Any]:
    return with_functions(template, 100, request.param)


def test_a_hundred_functions_fit(hundred: dict[str, Any]) -> None:
    assert list(sizes.over(hundred, STAGE.stack)) == []
    assert sum(r["Type"] == "AWS::Lambda::Function" for r in hundred["Resources"].values()) >= 106


def test_iam_counts_no_more_than_we_do(hundred: dict[str, Any]) -> None:
    filled = Filled(hundred)
    for name, resource in hundred["Resources"].items():
        properties = resource["Properties"]
        if resource["Type"] == "AWS::IAM::Role":
            documents = [filled.of(policy["PolicyDocument"]) for policy in properties["Policies"]]
            assert sum(map(size, documents)) <= sizes.INLINE_CHARS, name
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            assert size(filled.of(properties["PolicyDocument"])) <= sizes.MANAGED_CHARS, name


@pytest.mark.parametrize("hundred", ["tracked"], indirect=True)
def test_the_api_may_fire_and_read_the_lines_of_each_of_a_hundred_and_of_no_other(hundred: dict[str, Any]) -> None:
    filled = Filled(hundred)
    api, attend = filled.statements("APIHandler"), filled.statements("Attend")
    targets = [
        name for name, r in hundred["Resources"].items() if name.startswith("Target") and "Function" in r["Type"]
    ]
    assert len(targets) == 100
    for name in targets:
        for role in (api, attend):
            assert allowed(role, "lambda:InvokeFunction", filled.arn(name), {})
            assert not allowed(role, "lambda:InvokeFunction", filled.arn(name) + "-other", {})
        group = filled.arn(name).replace(":lambda:", ":logs:").replace(":function:", ":log-group:/aws/lambda/")
        assert allowed(api, "logs:FilterLogEvents", group, {})
        assert not allowed(attend, "logs:FilterLogEvents", group, {})


def broken(template: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is too large, and a template with it."""
    resources = template["Resources"]
    queue = {"Type": "AWS::SQS::Queue", "Properties": {}}
    yield "resources, and it takes 500", {"Resources": {f"Q{n}": queue for n in range(501)}}
    yield "bytes, and it takes 1000000", {"Resources": {"Q": {**queue, "Properties": {"QueueName": "q" * 1_000_001}}}}
    wide = {"Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["x" * 11_000]}]}
    role = {**resources["WakeRole"]["Properties"], "Policies": [{"PolicyName": "p", "PolicyDocument": wide}]}
    yield (
        "characters of policies, and a role takes 10240",
        {"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": role}}},
    )
    managed = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": wide}}
    yield "and a managed policy takes 6144", {"Resources": {"M": managed}}
    many = {"ManagedPolicyArns": [{"Ref": f"M{n}"} for n in range(11)]}
    yield (
        "11 managed policies, and a role takes 10",
        {"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": many}}},
    )
    environment = {"Environment": {"Variables": {"A": "x" * 4_100}}}
    yield (
        "and a function takes 4096",
        {"Resources": {"F": {"Type": "AWS::Lambda::Function", "Properties": environment}}},
    )


def test_what_aws_would_refuse_is_refused_here(template: dict[str, Any]) -> None:
    for words, wrong in broken(template):
        with pytest.raises(sizes.TooLarge, match=words):
            sizes.check(wrong, STAGE.stack)


def test_with_a_few_functions_nothing_is_split(template: dict[str, Any]) -> None:
    assert "AWS::IAM::ManagedPolicy" not in {r["Type"] for r in template["Resources"].values()}
    assert json.dumps(template["Resources"][f"Target{camel('node-hello')}Role"])


def test_a_target_of_another_region_is_refused_when_packaging() -> None:
    here, there = (
        Function(name, target=f"arn:aws:lambda:{region}:111122223333:function:f")
        for name, region in (("here", "eu-west-1"), ("there", "us-west-2"))
    )
    package.check_regions([here, Function("any", target="any")], "eu-west-1")
    package.check_regions([here], None)
    for functions, region in (([there], "eu-west-1"), ([here, there], None)):
        with pytest.raises(package.PackagingFailed, match="no function of another region"):
            package.check_regions(functions, region)
