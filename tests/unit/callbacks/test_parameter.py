"""The master key's parameter: what is asked of Parameter Store, and what its answers come to. botocore's own stub."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError
from botocore.stub import Stubber

from chalicelib import keyring
from chalicelib.keyring import SsmParameter
from invoke_once.errors import ConfigurationError, StoreUnavailable

NAME = "/stack/master-key"


@pytest.fixture
def ssm(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """Parameter Store: a call that was not announced, or with other arguments, fails the test."""
    for name, value in {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "s",
    }.items():
        monkeypatch.setenv(name, value)
    keyring._ssm.cache_clear()
    with Stubber(keyring._ssm()) as stub:
        yield stub
        stub.assert_no_pending_responses()
    keyring._ssm.cache_clear()


def test_it_is_read_decrypted(ssm: Stubber) -> None:
    ssm.add_response("get_parameter", {"Parameter": {"Value": "kept"}}, {"Name": NAME, "WithDecryption": True})
    assert SsmParameter(NAME).read() == "kept"


def test_one_that_is_not_there_is_named(ssm: Stubber) -> None:
    ssm.add_client_error("get_parameter", "ParameterNotFound")
    with pytest.raises(ConfigurationError, match=f"there is no parameter {NAME}"):
        SsmParameter(NAME).read()


@pytest.mark.parametrize(("refusal", "made"), [(None, True), ("ParameterAlreadyExists", False)])
def test_it_is_made_secret_and_never_over_another(ssm: Stubber, refusal: str | None, made: bool) -> None:
    asked = {"Name": NAME, "Value": "new", "Type": "SecureString", "Overwrite": False}
    if refusal:
        ssm.add_client_error("put_parameter", refusal, expected_params=asked)
    else:
        ssm.add_response("put_parameter", {"Version": 1}, asked)
    assert SsmParameter(NAME).create("new") is made


def test_it_is_replaced_where_that_is_meant(ssm: Stubber) -> None:
    asked = {"Name": NAME, "Value": "next", "Type": "SecureString", "Overwrite": True}
    ssm.add_response("put_parameter", {"Version": 2}, asked)
    SsmParameter(NAME).replace("next")


def test_a_refusal_is_told_by_operation_and_code_and_not_by_its_text(ssm: Stubber) -> None:
    ssm.add_client_error("get_parameter", "AccessDeniedException", "the secret s3cr3t")
    with pytest.raises(StoreUnavailable) as caught:
        SsmParameter(NAME).read()
    assert str(caught.value) == "Parameter Store refused get_parameter: AccessDeniedException"


def test_no_answer_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    class Away:
        def get_parameter(self, **_asked: Any) -> Any:
            raise ConnectTimeoutError(endpoint_url="https://ssm")

    monkeypatch.setattr(keyring, "_ssm", Away)
    with pytest.raises(StoreUnavailable, match="did not answer: ConnectTimeoutError"):
        SsmParameter(NAME).read()


def test_its_client_does_not_wait_for_long(ssm: Stubber) -> None:
    config = keyring._ssm().meta.config
    assert (config.connect_timeout, config.read_timeout) == (2, 3)
    assert config.retries == {"mode": "standard", "total_max_attempts": 3}


def test_the_service_s_keyring_is_that_of_its_parameter(monkeypatch: pytest.MonkeyPatch, ssm: Stubber) -> None:
    keyring.keyring.cache_clear()
    monkeypatch.delenv("ONCE_MASTER_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="ONCE_MASTER_KEY is not set"):
        keyring.keyring()
    monkeypatch.setenv("ONCE_MASTER_KEY", NAME)
    ssm.add_client_error("get_parameter", "ParameterNotFound", expected_params={"Name": NAME, "WithDecryption": True})
    with pytest.raises(ConfigurationError, match=NAME):
        keyring.secrets_for("demo", 1)
    keyring.keyring.cache_clear()
