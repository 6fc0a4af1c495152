"""Who gets a token by an AWS signature: the roles and users that the stage lists, whatever else a call says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import structs

from chalicelib.api import iam
from infra import stages
from infra.template.compute import iam_callers as written
from invoke_once.errors import ConfigurationError
from tests.unit.api.world import Answered, World, event

SHOP, OPS = "arn:aws:iam::111122223333:role/teams/shop", "arn:aws:iam::111122223333:user/people/ada"
STAGE = structs.replace(
    stages.load("prod"),
    iam_callers=(stages.IamCaller(SHOP, "shop"), stages.IamCaller(OPS, "ops", ("admin", "operator"))),
)
SESSION = "arn:aws:sts::111122223333:assumed-role/shop/i-0a1b2c3d"


@pytest.fixture
def listed(world: World) -> World:
    known = iam.callers(written(STAGE)["ONCE_IAM_CALLERS"])
    world.backend = structs.replace(world.backend, iam_callers=lambda: known)
    return world


def ask(world: World, arn: Any, body: dict[str, Any] | None = None, **headers: str) -> Answered:
    sent = {"Content-Type": "application/json", **headers}
    asked = event("POST", "/iam-tokens", {}, {}, sent, json.dumps(body).encode() if body is not None else None)
    asked["requestContext"]["identity"] = {"sourceIp": "192.0.2.1", "userArn": arn}
    return world.send(asked)


@pytest.mark.parametrize(
    ("arn", "tenant", "scopes"),
    [(SESSION, "shop", ["runs:read", "runs:write"]), (OPS, "ops", ["admin", "operator"])],
)
def test_a_role_and_a_user_get_tokens_of_their_tenant(listed: World, arn: str, tenant: str, scopes: list[str]) -> None:
    made = ask(listed, arn)
    assert (made.status, made.json["tenant"], made.json["scopes"]) == (201, tenant, scopes)
    assert listed.call("GET", "/functions", token=made.json["token"]).status == (200 if "runs:read" in scopes else 403)


def test_the_token_lasts_an_hour_unless_told(listed: World) -> None:
    short, long = ask(listed, SESSION, {"expires_in_seconds": 60}).json["token"], ask(listed, SESSION).json["token"]
    listed.clock.step(61_000)
    assert listed.call("GET", "/functions", token=short).status == 401
    assert listed.call("GET", "/functions", token=long).status == 200
    listed.clock.step(3_600_000)
    assert listed.call("GET", "/functions", token=long).status == 401


@pytest.mark.parametrize("seconds", [0, 59, 43_201, "60"])
def test_a_longer_or_shorter_life_is_refused(listed: World, seconds: Any) -> None:
    assert ask(listed, SESSION, {"expires_in_seconds": seconds}).status == 422
    assert len(listed.tokens.tokens) == 1  # the world's own


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:sts::111122223334:assumed-role/shop/s",  # of another account
        "arn:aws:sts::111122223333:assumed-role/shop2/s",
        "arn:aws:sts::111122223333:assumed-role/teams/shop",  # a role called teams, a session called shop
        "arn:aws:sts::111122223333:assumed-role/ada/s",  # a role with a user's name
        "arn:aws:iam::111122223333:user/shop",  # a user with a role's name
        "arn:aws:sts::111122223333:federated-user/shop",
        "arn:aws:iam::111122223333:root",
        "arn:aws:iam::111122223333:role/",
        "shop", "", None, 7, [SESSION],
    ],
)  # fmt: skip
def test_nobody_else_gets_one(listed: World, arn: Any) -> None:
    refused = ask(listed, arn)
    assert (refused.status, refused.json["type"]) == (403, "urn:invoke-once:unknown-caller")
    assert len(listed.tokens.tokens) == 1


def test_what_a_caller_sends_says_nothing_of_who_it_is(listed: World) -> None:
    forged = {"userArn": SESSION, "X-Amzn-Identity": SESSION, "Authorization": f"Bearer {listed.token}"}
    assert ask(listed, None, **forged).status == 403
    assert ask(listed, None, {"userArn": SESSION}).status == 403


def test_where_no_caller_is_listed_there_is_nothing_and_nothing_is_said_of_it(world: World, listed: World) -> None:
    assert "/iam-tokens" in listed.call("GET", "/openapi.json").json["paths"]
    listed.backend = structs.replace(listed.backend, iam_callers=dict)
    assert ask(world, SESSION).status == 404
    assert "iam" not in world.call("GET", "/openapi.json").text


def test_tokens_of_one_caller_are_limited_as_its_calls_are(listed: World) -> None:
    answers = {ask(listed, SESSION).status for _ in range(2100)}
    assert answers == {201, 429}


def test_what_the_template_says_is_read_or_refused() -> None:
    assert set(iam.callers(written(STAGE)["ONCE_IAM_CALLERS"])) == {
        ("111122223333", "role", "shop"), ("111122223333", "user", "ada"),
    }  # fmt: skip
    for wrong in ("{", "[1]", '[{"arn": "a"}]'):
        with pytest.raises(ConfigurationError, match="ONCE_IAM_CALLERS"):
            iam.callers(wrong)
