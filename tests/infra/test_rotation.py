"""The master key, rotated as docs/explanation/security.md says, deployed: callbacks carry both signatures."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import pytest

from chalicelib.keyring import Keyring, RotatedAlready, rotate
from infra.ship.bootstrap import StackParameter
from tests.receiver import Hit, Receiver
from tests.service import Service, until


def test_after_a_rotation_the_old_secret_and_the_new_one_verify_for_a_day(service: Service) -> None:
    parameter = StackParameter(service.aws("ssm"), f"/{service.stack}/master-key")
    before = parameter.read()
    old = Keyring(parameter).secrets_for("demo", now_ms())[0]
    try:
        rotate(parameter, now_ms())
        new = Keyring(parameter).secrets_for("demo", now_ms())[0]
        assert new != old
        read_anew(service, "attend")
        hit = told(service)
        assert verifies(hit, old) and verifies(hit, new)
        assert not verifies(hit, Keyring(parameter).secrets_for("another", now_ms())[0])
        with pytest.raises(RotatedAlready):
            rotate(parameter, now_ms())
    finally:
        parameter.replace(before)


def test_the_service_serves_on_while_the_key_is_gone_and_says_so_when_it_starts_without(service: Service) -> None:
    ssm, name = service.aws("ssm"), f"/{service.stack}/master-key"
    kept = StackParameter(ssm, name).read()
    ssm.delete_parameter(Name=name)
    try:
        read_anew(service, "api")
        parts = until(lambda: failing(service))
        assert parts["keys"] == "failing" and parts["runs"] == "ok"
    finally:
        StackParameter(ssm, name).create(kept)
        read_anew(service, "api")
    until(lambda: service.req("GET", "/healthz").status_code == 200)


def failing(service: Service) -> dict[str, Any] | None:
    answer = service.req("GET", "/healthz")
    return answer.json()["parts"] if answer.status_code == 503 else None


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def read_anew(service: Service, function: str) -> None:
    """New sandboxes, which have read no key yet; a running one takes a new key within five minutes."""
    aws, name = service.aws("lambda"), service.target(function)
    memory = aws.get_function_configuration(FunctionName=name)["MemorySize"]
    aws.update_function_configuration(FunctionName=name, MemorySize=memory)
    until(lambda: aws.get_function_configuration(FunctionName=name)["LastUpdateStatus"] == "Successful")


def told(service: Service) -> Hit:
    with Receiver() as receiver:
        answer = service.start("echo", 1, key=uuid.uuid4().hex, callback={"url": receiver.url})
        assert answer.status_code in (200, 202), answer.text
        (hit,) = receiver.wait()
        return hit


def verifies(hit: Hit, secret: str) -> bool:
    try:
        return bool(hit.event(secret)["type"] == "run.succeeded")
    except Exception as refusal:
        assert "signature" in str(refusal).lower() or isinstance(refusal, json.JSONDecodeError)
        return False
