"""Callers whom the gateway knows by their AWS signature: whose they are, and that a token counts for nothing then."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import structs

from chalicelib.api import iam
from invoke_once.errors import ConfigurationError
from tests.unit.api.world import Answered, World, event

ACCOUNT = "arn:aws:iam::111122223333"
LISTED = [
    [f"{ACCOUNT}:role/deploy/ci", "demo", ["runs:read", "runs:write"]],
    [f"{ACCOUNT}:user/staff/ada", "acme", ["runs:read"]],
]


@pytest.fixture
def signed(world: World) -> World:
    world.backend = structs.replace(world.backend, callers=iam.callers({"ONCE_IAM_CALLERS": json.dumps(LISTED)}))
    return world


def call(world: World, arn: Any, method: str = "GET", body: Any = None, **headers: str) -> Answered:
    sent = {"Content-Type": "application/json", **headers}
    asked = event(method, "/runs", {}, {}, sent, None if body is None else json.dumps(body).encode())
    asked["requestContext"]["identity"] = {"userArn": arn}
    return world.send(asked)


def session(role: str, name: str = "i-0abc") -> str:
    return f"arn:aws:sts::111122223333:assumed-role/{role}/{name}"


def test_a_role_starts_runs_of_its_tenant_whatever_its_path_and_session(signed: World) -> None:
    answer = call(signed, session("ci"), "POST", {"function": "echo"})
    assert answer.status == 202, answer.text
    assert [run["id"] for run in call(signed, session("ci", "another@x")).json["runs"]] == [answer.json["id"]]


def test_a_user_reads_its_own_tenants_runs_and_may_not_start_one(signed: World) -> None:
    call(signed, session("ci"), "POST", {"function": "echo"})
    assert call(signed, f"{ACCOUNT}:user/staff/ada").json["runs"] == []
    refused = call(signed, f"{ACCOUNT}:user/staff/ada", "POST", {"function": "echo"})
    assert (refused.status, refused.json["type"]) == (403, "urn:invoke-once:forbidden")


@pytest.mark.parametrize(
    "arn",
    [
        None, "", 7, f"{ACCOUNT}:user/ada", session("other"), session("ci").replace("1111", "2111"),
        "arn:aws:sts::111122223333:assumed-role/ci", session("ci") + "/more", f"{ACCOUNT}:root",
    ],
)  # fmt: skip
def test_any_other_principal_is_refused(signed: World, arn: Any) -> None:
    answer = call(signed, arn)
    assert (answer.status, answer.json["type"]) == (403, "urn:invoke-once:forbidden")
    assert "111122223333" not in answer.text


def test_a_token_counts_for_nothing_where_calls_are_signed(signed: World) -> None:
    assert call(signed, None, Authorization=f"Bearer {signed.token}").status == 403


def test_a_principal_counts_for_nothing_where_callers_have_tokens(world: World) -> None:
    assert call(world, session("ci")).status == 401


@pytest.mark.parametrize("text", ["{", "[1]", '[["arn", "t"]]', '{"a": 1}', "7"])
def test_a_list_that_is_none_stops_the_service_by_name(text: str) -> None:
    with pytest.raises(ConfigurationError, match="ONCE_IAM_CALLERS"):
        iam.callers({"ONCE_IAM_CALLERS": text})


def test_no_list_means_tokens() -> None:
    assert iam.callers({}) is None and iam.callers({"ONCE_IAM_CALLERS": ""}) is None


def test_the_document_says_which_it_is(signed: World) -> None:
    told = signed.call("GET", "/openapi.json", token=None).json
    assert told["components"]["securitySchemes"]["token"]["x-amazon-apigateway-authtype"] == "awsSigv4"
    asked = {json.dumps(one["security"]) for methods in told["paths"].values() for one in methods.values()}
    assert asked == {'[{"token": []}]'}
