"""A state machine starts a run and waits for it by its callback: examples/step-functions, on the emulator."""

from __future__ import annotations

import io
import json
import runpy
import zipfile
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from infra.paths import ROOT
from tests.receiver import Hit, Receiver
from tests.service import Service, until

EXAMPLE = ROOT / "examples" / "step-functions"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as found:
        yield found


def listen(service: Service, hit: Hit, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The example's listener, given the callback as a function URL gives it."""
    for name, value in service.env.items():
        monkeypatch.setenv(name, value)
    handler = runpy.run_path(str(EXAMPLE / "listen.py"))["handler"]
    return handler({"headers": dict(hit.headers), "body": hit.body.decode(), "isBase64Encoded": False}, None)


@pytest.mark.parametrize(("function", "given", "ends"), [("echo", {"n": 1}, "SUCCEEDED"), ("fail", {}, "FAILED")])
def test_a_state_machine_waits_for_a_run(
    service: Service, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, function: str, given: Any, ends: str
) -> None:
    lambda_, steps, name = service.aws("lambda"), service.aws("stepfunctions"), f"once-start-{uuid4().hex[:8]}"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.write(EXAMPLE / "start.py", "start.py")
    settings = {"ONCE_URL": service.url, "ONCE_TOKEN": service.default_token, "LISTENER_URL": receiver.url}
    role = lambda_.get_function_configuration(FunctionName=f"{service.stack}-echo")["Role"]
    lambda_.create_function(
        FunctionName=name, Runtime="python3.11", Handler="start.handler", Role=role, Timeout=30,
        Code={"ZipFile": archive.getvalue()}, Environment={"Variables": settings},
    )  # fmt: skip
    definition = (EXAMPLE / "state-machine.json").read_text().replace("once-start", name).replace("echo", function)
    machine = steps.create_state_machine(name=name, definition=definition, roleArn=role)["stateMachineArn"]
    try:
        execution = steps.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"]
        (hit,) = receiver.wait(1)
        assert steps.describe_execution(executionArn=execution)["status"] == "RUNNING"
        assert listen(service, hit, monkeypatch) == {"statusCode": 204}
        assert listen(service, hit, monkeypatch) == {"statusCode": 204}  # a callback may come twice

        def ended() -> Any:
            found = steps.describe_execution(executionArn=execution)
            return found if found["status"] != "RUNNING" else None

        found = until(ended, 20)
    finally:
        steps.delete_state_machine(stateMachineArn=machine)
        lambda_.delete_function(FunctionName=name)
    assert found["status"] == ends
    if ends == "SUCCEEDED":
        assert json.loads(found["output"]) == given
    forged = Hit(hit.at_s, {**hit.headers, "webhook-signature": "v1,AAAA"}, hit.body)
    assert listen(service, forged, monkeypatch) == {"statusCode": 400}
