"""A Node.js function that knows nothing of the service: Lambda's destinations bring its outcomes home."""

from __future__ import annotations

import json
import uuid

import pytest

from chalicelib.invoker import Fired, LambdaInvoker, Rejected
from tests.scenarios.test_ways_direct import fire, run_with_key, unique
from tests.service import Service, until


def test_its_success_is_the_runs_output(service: Service) -> None:
    run = service.do("node-hello", {"name": "Ada"}, key=unique("node"))
    assert (run["status"], run["output"]) == ("succeeded", {"hello": "Ada"})
    assert (run["attempt"], run["error"]) == (1, None)


def test_its_error_is_the_runs(service: Service) -> None:
    run = service.do("node-hello", {"name": "Ada", "fail": True}, key=unique("node"))
    assert run["status"] == "failed"
    assert "asked to fail for Ada" in run["error"]["message"]


def test_its_failure_is_tried_again_as_asked(service: Service) -> None:
    retry = {"max_attempts": 2, "backoff_seconds": 1, "max_backoff_seconds": 1}
    run = service.do("node-hello", {"name": "Ada", "fail": True}, key=unique("node"), retry=retry)
    assert (run["status"], run["attempt"]) == ("failed", 2)


def test_a_rules_event_becomes_a_run_although_nobody_announced_it(service: Service) -> None:
    event = {"id": unique("event"), "source": "test", "detail-type": "t", "name": "Grace"}
    fire(service, "node-hello", event)
    run = run_with_key(service, "node-hello", event["id"])
    assert (run["status"], run["output"]) == ("succeeded", {"hello": "Grace"})
    assert service.req("GET", f"/runs/{run['id']}/input").json() == event


def test_so_does_a_plain_event_call_that_fails(service: Service) -> None:
    name = uuid.uuid4().hex
    fire(service, "node-hello", {"name": name, "fail": True})

    def told() -> bool:
        runs = service.req("GET", "/runs", params={"function": "node-hello"}).json()["runs"]
        return any(name in (service.run(run["id"])["error"] or {}).get("message", "") for run in runs)

    until(told, 10, "the failed call did not become a run")


def test_an_alias_is_fired_by_its_name_and_a_missing_one_is_refused_for_good(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in service.env.items():
        monkeypatch.setenv(name, value)
    functions, name = service.aws("lambda"), service.target("echo")
    alias = unique("blue")
    functions.create_alias(FunctionName=name, Name=alias, FunctionVersion="$LATEST")
    invoker = LambdaInvoker(service.endpoint)
    event = json.dumps({"id": unique("e"), "source": "test", "detail-type": "t"}).encode()
    assert invoker.fire(name, event, qualifier=alias) == Fired()
    assert run_with_key(service, "echo", json.loads(event)["id"])["status"] == "succeeded"
    missing = invoker.fire(name, event, qualifier="no-such-alias")
    assert isinstance(missing, Rejected) and missing.type == "TargetNotFound"
