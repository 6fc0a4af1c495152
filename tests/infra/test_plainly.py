"""What a command on AWS says when AWS takes no call, or when it is stopped: one sentence, and no traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from infra.ship import bootstrap, deploy, rollback, undeploy
from infra.ship.account import plainly
from tests.aws.answers import Answer, Aws

COMMANDS = [deploy.main, undeploy.main, rollback.main, bootstrap.main]
Command = Callable[[], None]


def of_sts(code: str, message: str) -> Answer:
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    return Answer(403, f"<ErrorResponse>{error}<RequestId>0</RequestId></ErrorResponse>".encode())


@pytest.fixture
def caller(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Somebody with keys and a region, who deploys the stage prod."""
    monkeypatch.setattr(sys, "argv", ["make", "prod"])
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    return monkeypatch


def said(command: Command, capsys: pytest.CaptureFixture[str]) -> str:
    assert plainly(command) == 1
    out, told = capsys.readouterr()
    assert out == "" and told.startswith("error: ") and told.count("\n") == 1
    return told


@pytest.mark.parametrize("command", COMMANDS)
def test_expired_credentials(caller: pytest.MonkeyPatch, command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    with Aws(of_sts("ExpiredToken", "The security token included in the request is expired")) as aws:
        caller.setenv("AWS_ENDPOINT_URL", aws.url)
        told = said(command, capsys)
    assert "in eu-central-1" in told and "token included in the request is expired" in told and "AWS_PROFILE" in told
    assert len(aws.asked) == 1, "nothing is packaged or asked for before"


def test_no_credentials(caller: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    caller.delenv("AWS_ACCESS_KEY_ID")
    assert "Unable to locate credentials" in said(deploy.main, capsys)


def test_a_profile_that_is_not_there(caller: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    caller.setenv("AWS_PROFILE", "nobody")
    assert "nobody" in said(deploy.main, capsys)


@pytest.mark.parametrize("region", ["", "europe", "eu central 1"])
def test_no_region_or_none_that_is_one(
    caller: pytest.MonkeyPatch, region: str, capsys: pytest.CaptureFixture[str]
) -> None:
    caller.setenv("AWS_DEFAULT_REGION", region)
    caller.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    caller.setenv("AWS_MAX_ATTEMPTS", "1")
    assert "AWS_DEFAULT_REGION" in said(deploy.main, capsys)


def test_the_stage_of_the_emulator(caller: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    caller.setattr(sys, "argv", ["make", "local"])
    for command in COMMANDS:
        assert "`local` is the emulator" in said(command, capsys)


def test_stopped_by_a_key(capsys: pytest.CaptureFixture[str]) -> None:
    def stopped() -> None:
        raise KeyboardInterrupt

    assert plainly(stopped) == 130
    assert "the same command again waits for it" in capsys.readouterr().err
