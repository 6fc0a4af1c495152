"""Clients whose endpoint is worked out once: it has to be the one that botocore would find for each request."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from invoke_once.store.aws import client, session

REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "dynamodb": ("get_item", {"TableName": "runs", "Key": {"run_id": {"S": "a"}}}),
    "lambda": ("invoke", {"FunctionName": "echo", "InvocationType": "Event", "Payload": b"{}"}),
}
ENVIRONMENTS: dict[str, dict[str, str]] = {
    "plain": {},
    "fips": {"AWS_USE_FIPS_ENDPOINT": "true"},
    "dualstack": {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
    "emulated": {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"},
}


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


@pytest.mark.parametrize("service", REQUESTS)
@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"])
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_request_goes_where_botocore_would_send_it(
    service: str, region: str, environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ENVIRONMENTS[environment].items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("invoke_once.store.aws._of_thread", type("Fresh", (), {})())
    monkeypatch.setenv("AWS_ACCOUNT_ID", "123456789012")  # DynamoDB has endpoints of accounts
    theirs = session().create_client(service, region_name=region)
    assert _sent_to(client(service, region=region), service) == _sent_to(theirs, service)


def test_a_request_says_who_sends_it() -> None:
    sent: list[Any] = []
    _hooked(client("dynamodb", region="us-east-1"), "dynamodb", sent)
    agent = sent[0].headers["User-Agent"]
    assert b"Botocore/" in agent
    assert agent.endswith(b" invoke-once")


def _sent_to(made: Any, service: str) -> str:
    sent: list[Any] = []
    _hooked(made, service, sent)
    assert sent[0].url == sent[1].url
    return str(sent[1].url)


def _hooked(made: Any, service: str, sent: list[Any]) -> None:
    """Send two requests as far as the network: the first looks the endpoint up, the second is told it."""

    def answer(request: Any, **_: Any) -> AWSResponse:
        sent.append(request)
        found = AWSResponse(request.url, 200, {}, None)
        found._content = b"{}"
        return found

    made.meta.events.register("before-send.*.*", answer)
    method, arguments = REQUESTS[service]
    for _ in range(2):
        getattr(made, method)(**arguments)
