"""Clients: of one boto3 session, with an endpoint, options and a name of their own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import boto3.session
import pytest
from botocore.awsrequest import AWSResponse

from invoke_once.store import aws
from invoke_once.store.aws import client


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


def sent_by(made: Any) -> Any:
    """The request of a GetItem, as it would go out."""
    sent: list[Any] = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        sent.append(request)
        found = AWSResponse(request.url, 200, {}, None)
        found._content = b"{}"
        return found

    made.meta.events.register("before-send.*.*", answer)
    made.get_item(TableName="runs", Key={"run_id": {"S": "a"}})
    return sent[0]


def test_a_request_says_who_sends_it() -> None:
    agent = sent_by(client("dynamodb", region="us-east-1")).headers["User-Agent"]
    assert agent.startswith(b"Boto3/")
    assert b" invoke-once" in agent


def test_the_region_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    assert client("sqs").meta.region_name == "eu-central-1"


@pytest.mark.skipif(boto3.__version__.startswith("1.27."), reason="boto3 knows AWS_ENDPOINT_URL from 1.28 on")
def test_an_emulators_url_in_the_environment_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert sent_by(client("dynamodb")).url == "http://127.0.0.1:4566/"


def test_clients_made_at_once_by_many_threads_are_of_one_session(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []

    class Counted(boto3.session.Session):
        def __init__(self) -> None:
            made.append(self)
            super().__init__()

    monkeypatch.setattr("boto3.session.Session", Counted)
    aws.session.cache_clear()
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda service: client(service, region="us-east-1"), ["dynamodb", "sqs"] * 4))
    finally:
        aws.session.cache_clear()
    assert len(made) == 1
