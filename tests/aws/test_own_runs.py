"""A target reaches the runs and payloads of its own function, and nobody else's: IAM's rules on the template."""

from __future__ import annotations

import re
from itertools import combinations

import pytest
from msgspec.structs import replace

from chalicelib.functions import Function, load
from infra import stages
from infra.paths import FUNCTIONS_TOML
from infra.template import access, compute
from infra.template.cfn import camel
from invoke_once import outside
from invoke_once.handler.direct.slots import Payload
from invoke_once.life import keys, moves
from invoke_once.life.head import Head
from invoke_once.outside import Place
from invoke_once.store import payloads
from invoke_once.store.store import Store
from invoke_once.testing import MemoryTable
from tests.aws.evaluator import allowed, matches
from tests.aws.filled import ACCOUNT, REGION, STACK, Filled

FUNCTIONS = load(FUNCTIONS_TOML, STACK)
TRACKED = [name for name, function in FUNCTIONS.items() if function.deployed and function.mode == "tracked"]
MOVES = ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem")
SOMEBODY_ELSES = "somebody-else"


def ids(function: str) -> list[str]:
    """Partition keys that a wrapper of this function writes: its runs', and the slot of equal payloads."""
    return [keys.run_id("acme", function, key) for key in ("a", "b")] + [Payload("acme", function, "x").slot_id]


class Bucket(dict[str, bytes]):
    def put(self, key: str, data: bytes) -> None:
        self[key] = data

    def get(self, key: str) -> bytes:
        return self[key]

    def url(self, key: str, seconds: int) -> str:
        return key


def objects(function: str) -> list[str]:
    """Keys of a large input and a large output, as they are really stored."""
    bucket, text = Bucket(), b'"' + bytes(range(35, 92)) * 2000 + b'"'
    kept = payloads.Payloads(Store(MemoryTable()), bucket)
    new = moves.NewRun(tenant="acme", function=function, key="k")
    kept.keep_input(function, new.run_id, text, 0, 1)
    head = Head.from_item(moves.start(new, 0).set)
    kept.keep_output(head, text)
    assert len(bucket) == 2
    return list(bucket)


@pytest.mark.parametrize("function", TRACKED)
def test_a_target_writes_its_own_runs_and_no_other_function_s(filled: Filled, function: str) -> None:
    role, table = filled.statements(f"Target{camel(function)}"), filled.arn("Runs")
    for action in MOVES:
        for run in ids(function):
            assert allowed(role, action, table, {"dynamodb:LeadingKeys": [run]}), (action, run)
        for other in [*TRACKED, SOMEBODY_ELSES]:
            for run in ids(other) if other != function else ["receiver_a", "run_"]:
                assert not allowed(role, action, table, {"dynamodb:LeadingKeys": [run]}), (action, other)
    assert not allowed(role, "dynamodb:PutItem", table, {"dynamodb:LeadingKeys": [*ids(function), *ids("other")]})


@pytest.mark.parametrize("function", TRACKED)
def test_a_target_reads_and_writes_its_own_objects_and_no_other_function_s(filled: Filled, function: str) -> None:
    role, bucket = filled.statements(f"Target{camel(function)}"), filled.arn("Bucket")
    for action in ("s3:GetObject", "s3:PutObject"):
        assert all(allowed(role, action, f"{bucket}/{key}", {}) for key in objects(function))
        for other in {*TRACKED, SOMEBODY_ELSES, f"{function}-2"} - {function}:
            assert not any(allowed(role, action, f"{bucket}/{key}", {}) for key in objects(other))


def test_who_reads_an_object_is_told_that_it_is_missing_and_cannot_list_others(filled: Filled) -> None:
    bucket = filled.arn("Bucket")
    for name in [*TRACKED, *("api", "sweep", "attend")]:
        logical = f"Target{camel(name)}" if name in TRACKED else compute.SERVICE[name][0]
        role, key = filled.statements(logical), objects(name if name in TRACKED else "echo")[0]
        assert allowed(role, "s3:GetObject", f"{bucket}/{key}", {})
        assert allowed(role, "s3:ListBucket", bucket, {"s3:prefix": key})
        assert not allowed(role, "s3:ListBucket", bucket, {})
        assert not allowed(role, "s3:ListBucket", bucket, {"s3:prefix": ""})
        if name in TRACKED:
            assert not allowed(role, "s3:ListBucket", bucket, {"s3:prefix": "somebody-else/in/"})


def test_a_function_outside_the_stack_is_limited_as_one_inside() -> None:
    place = Place.at(STACK, ACCOUNT, REGION)
    role = outside.policy(place, "tracked", "billing")["Statement"]
    for run, own in [(run, True) for run in ids("billing")] + [(run, False) for run in ids("echo")]:
        assert allowed(role, "dynamodb:UpdateItem", place.table_arn, {"dynamodb:LeadingKeys": [run]}) is own
    assert all(allowed(role, "s3:GetObject", f"{place.bucket_arn}/{key}", {}) for key in objects("billing"))
    assert not any(allowed(role, "s3:GetObject", f"{place.bucket_arn}/{key}", {}) for key in objects("echo"))


def test_the_service_reaches_every_function_s(filled: Filled) -> None:
    for logical in ("APIHandler", "Attend", "Sweep", "Record"):
        role = filled.statements(logical)
        for run in ids("echo") + ids("billing"):
            assert allowed(role, "dynamodb:UpdateItem", filled.arn("Runs"), {"dynamodb:LeadingKeys": [run]})
    given, kept = objects("billing")
    bucket, api = filled.arn("Bucket"), filled.statements("APIHandler")
    assert allowed(api, "s3:PutObject", f"{bucket}/{given}", {})
    assert not allowed(api, "s3:PutObject", f"{bucket}/{kept}", {})


def test_the_api_reads_the_log_group_that_functions_toml_names() -> None:
    there = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:billing:live"
    role = [
        Filled({"Resources": {}}).of(grant.statement())
        for grant in access.service("api", [Function("billing", there, log_group="/teams/billing")])
        if any(action.startswith("logs:") for action in grant.actions)
    ]
    for group, may in (("/teams/billing", True), ("/teams/billing:*", True), ("/aws/lambda/billing", False)):
        assert allowed(role, "logs:FilterLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}", {}) is may


def test_ids_keep_their_form_and_tell_their_function_alone() -> None:
    one, same_function, other = (
        keys.run_id("a", "f", "k"), keys.run_id("b", "f", "other"), keys.run_id("a", "g", "k"),
    )  # fmt: skip
    assert all(re.fullmatch(r"run_[a-z2-7]{26}", run) for run in (one, same_function, other))
    assert one[:9] == same_function[:9] != other[:9]
    assert len({one[9:], same_function[9:], other[9:]}) == 3
    assert one == keys.run_id("a", "f", "k")


def test_while_runs_of_an_earlier_release_are_under_way_a_stage_can_open_the_roles() -> None:
    functions = list(FUNCTIONS.values())
    opened = compute.resources(replace(stages.load("prod"), any_run=True), functions, "python3.13")
    role = opened["TargetEchoRole"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    (runs,) = [s for s in role if "dynamodb:UpdateItem" in s["Action"]]
    assert "Condition" not in runs
    assert stages.load("prod").any_run is False


def test_the_evaluator_itself() -> None:
    allow = {"Effect": "Allow", "Action": ["s3:Get*"], "Resource": ["b/*"]}
    deny = {**allow, "Effect": "Deny", "Resource": "b/secret"}
    assert allowed([allow], "s3:GetObject", "b/x", {})
    assert not allowed([allow, deny], "s3:GetObject", "b/secret", {})
    assert not allowed([], "s3:GetObject", "b/x", {})
    assert not allowed([allow], "s3:PutObject", "b/x", {})
    with pytest.raises(KeyError):
        allowed([{**allow, "Condition": {"IpAddress": {"k": ["v"]}}}], "s3:GetObject", "b/x", {})
    assert matches("run_?b*", "run_ab") and not matches("run_?b", "run_b")
    assert all(a != b for a, b in combinations([keys.mark(name) for name in FUNCTIONS], 2))
