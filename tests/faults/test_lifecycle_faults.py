"""A run's life when AWS, the network and processes fail: refused and lost answers, killed workers, no sweep."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from infra.local.emulator import Emulator
from tests.faults.proxy import (
    ANSWER_LOST,
    GONE,
    TAKEN_AND_LOST,
    THROTTLED,
    TOO_MANY,
    UNAVAILABLE,
    FaultProxy,
    behind,
)
from tests.faults.stack import bodies_run, head, invoke, kill_all, make_due
from tests.service import TERMINAL, Service, until

pytestmark = pytest.mark.slow


def fresh(name: str = "k") -> str:
    return f"{name}-{uuid.uuid4().hex}"


@pytest.fixture(scope="module")
def network(service: Service) -> Iterator[FaultProxy]:
    """The API and the targets `echo` and `count` reach AWS through it, for this file."""
    with FaultProxy(service.endpoint) as proxy, behind(service, proxy, "api", "echo", "count"):
        yield proxy


@pytest.fixture
def faults(network: FaultProxy) -> Iterator[FaultProxy]:
    yield network
    network.heal()


# Accepting


def test_a_put_whose_answer_is_lost_is_one_new_run(service: Service, faults: FaultProxy) -> None:
    lost = faults.fail("dynamodb", "PutItem", ANSWER_LOST, times=1)
    answer = service.start("echo", {"a": 1}, key=fresh())
    assert lost.met == 1
    assert answer.status_code in (200, 202), answer.text
    assert "Idempotent-Replayed" not in answer.headers, "its own put was taken for somebody else's"
    assert service.wait(answer.json()["id"])["output"] == {"a": 1}


def test_while_the_table_refuses_nothing_is_promised_and_the_same_key_works_later(
    service: Service, faults: FaultProxy
) -> None:
    faults.fail("dynamodb", "PutItem", THROTTLED)
    key = fresh()
    refused = service.start("echo", 1, key=key)
    assert (refused.status_code, refused.headers["content-type"]) == (503, "application/problem+json")
    assert int(refused.headers["Retry-After"]) >= 1
    faults.heal()
    accepted = service.start("echo", 1, key=key)
    assert accepted.status_code in (200, 202) and "Idempotent-Replayed" not in accepted.headers
    assert service.wait(accepted.json()["id"])["status"] == "succeeded"


def test_a_function_that_is_gone_for_a_moment_says_so_and_the_run_goes_on(service: Service, faults: FaultProxy) -> None:
    """During a deploy a function, or the right to call it, may be missing for some seconds."""
    faults.fail("lambda", "Invoke", GONE)
    answer = service.start("echo", 1, key=fresh())
    run = answer.json()
    assert (answer.status_code, run["status"], run["error"]["type"]) == (202, "queued", "TargetNotFound")
    faults.heal()
    make_due(service, run["id"])
    invoke(service, "attend", {"run_id": run["id"]})
    assert service.wait(run["id"])["status"] == "succeeded"


@pytest.mark.parametrize("how", [TOO_MANY, UNAVAILABLE, TAKEN_AND_LOST], ids=["throttled", "unavailable", "lost"])
def test_an_event_that_lambda_does_not_run_is_fired_again(service: Service, faults: FaultProxy, how: Any) -> None:
    faults.fail("lambda", "Invoke", how)
    answer = service.start("echo", 7, key=fresh())
    assert (answer.status_code, answer.json()["status"]) == (202, "queued"), answer.text
    faults.heal()
    run_id = answer.json()["id"]
    make_due(service, run_id)
    invoke(service, "attend", {"run_id": run_id})
    run = service.wait(run_id)
    assert (run["status"], run["output"], run["attempt"]) == ("succeeded", 7, 1)


# Working


def test_an_event_that_comes_four_times_runs_the_body_once(service: Service, faults: FaultProxy) -> None:
    name = fresh("counter")
    run_id = service.start("count", {"counter": name, "seconds": 1}, key=name).json()["id"]
    stored = head(service, run_id)
    meta = {"run_id": run_id, "generation": stored["generation"], "attempt": 1, "fired_at": int(stored["created_at"])}
    event = json.dumps({"invoke_once": meta | {"v": 1}, "input": {"counter": name, "seconds": 1}})
    client = service.aws("lambda")
    for _ in range(3):
        client.invoke(FunctionName=service.target("count"), InvocationType="Event", Payload=event)
    run = service.wait(run_id)
    told = client.invoke(FunctionName=service.target("count"), Payload=event)  # hours later, for all it knows
    assert json.loads(told["Payload"].read())["duplicate"] is True
    assert (run["status"], run["output"]["count"], run["attempt"]) == ("succeeded", 1, 1)
    assert bodies_run(service, name) == 1


def test_a_claim_and_an_outcome_whose_answers_are_lost_count_once(service: Service, faults: FaultProxy) -> None:
    lost = faults.fail("dynamodb", "UpdateItem", ANSWER_LOST, times=3)  # claim, the counter's own, outcome
    name = fresh("counter")
    run_id = service.start("count", {"counter": name, "seconds": 0}, key=name).json()["id"]
    run = service.wait(run_id)
    assert lost.met == 3
    assert (run["status"], run["output"]["count"], run["attempt"]) == ("succeeded", 1, 1)
    assert bodies_run(service, name) == 1


def test_an_outcome_waits_for_a_table_that_refuses_for_a_while(service: Service, faults: FaultProxy) -> None:
    name = fresh("counter")
    run_id = service.start("count", {"counter": name, "seconds": 1}, key=name).json()["id"]
    until(lambda: bodies_run(service, name) == 1)
    away = faults.fail("dynamodb", "UpdateItem", THROTTLED)
    until(lambda: away.met >= 6, message="the outcome was not tried again")
    assert service.run(run_id)["status"] == "running"
    faults.heal()
    assert service.wait(run_id)["output"]["count"] == 1
    assert bodies_run(service, name) == 1


def test_a_large_outcome_waits_for_an_s3_that_refuses_for_a_while(service: Service, faults: FaultProxy) -> None:
    away = faults.fail("s3", "PUT", UNAVAILABLE)
    run_id = service.start("echo", {"__size": 400_000}, key=fresh()).json()["id"]
    until(lambda: away.met >= 4, message="the output was not tried again")
    faults.heal()
    assert service.wait(run_id)["status"] == "succeeded"
    assert len(service.req("GET", f"/runs/{run_id}/output", follow_redirects=True).json()) == 400_000


def test_a_large_input_that_s3_refuses_is_not_accepted(service: Service, faults: FaultProxy) -> None:
    faults.fail("s3", "PUT", UNAVAILABLE)
    key, body = fresh(), ["y" * 100] * 3_000
    refused = service.start("echo", body, key=key)
    assert refused.status_code == 503, refused.text
    faults.heal()
    assert service.wait(service.start("echo", body, key=key).json()["id"])["status"] == "succeeded"


# Dying


def running(service: Service, run_ids: list[str]) -> bool:
    return all(service.run(run_id)["status"] == "running" for run_id in run_ids)


def test_attempts_killed_in_the_middle_are_made_again_and_those_without_a_retry_end_lost(
    service: Service, emulator: Emulator
) -> None:
    twice = {"max_attempts": 2, "backoff_seconds": 0}
    again = [service.start("sleep", {"seconds": 8}, key=fresh(), retry=twice).json()["id"] for _ in range(2)]
    once = [service.start("sleep", {"seconds": 8}, key=fresh()).json()["id"] for _ in range(2)]
    until(lambda: running(service, [*again, *once]), message="they did not start")
    assert kill_all(service, emulator, "sleep") >= 4
    for run_id in once:
        run = service.wait(run_id)
        assert (run["status"], run["error"]["type"], run["attempt"]) == ("failed", "AttemptLost", 1)
    for run_id in again:
        run = service.wait(run_id)
        assert (run["status"], run["attempt"]) == ("succeeded", 2)


# The sweep


@contextmanager
def no_sweep(service: Service) -> Iterator[None]:
    """The minute rule rests."""
    client = service.aws("events")
    targets = f"function:{service.stack}-sweep"
    rules = [
        rule["Name"]
        for rule in client.list_rules()["Rules"]
        if any(t["Arn"].endswith(targets) for t in client.list_targets_by_rule(Rule=rule["Name"])["Targets"])
    ]
    assert len(rules) == 1
    client.disable_rule(Name=rules[0])
    try:
        yield
    finally:
        client.enable_rule(Name=rules[0])


def test_after_a_rest_two_sweeps_at_once_bring_every_run_home_once(service: Service, faults: FaultProxy) -> None:
    with no_sweep(service):
        faults.fail("lambda", "Invoke", TAKEN_AND_LOST)
        names = [fresh("counter") for _ in range(8)]
        ids = [service.start("count", {"counter": n, "seconds": 0}, key=n).json()["id"] for n in names]
        faults.heal()
        assert {service.run(run_id)["status"] for run_id in ids} == {"queued"}
        make_due(service, *ids)
        with ThreadPoolExecutor(2) as pool:
            swept = list(pool.map(lambda _: invoke(service, "sweep", {}), range(2)))
        assert {told["failed"] for told in swept} == {0}
        for run_id in ids:
            run = service.wait(run_id)
            assert (run["status"], run["output"]["count"], run["attempt"]) == ("succeeded", 1, 1)
        assert [bodies_run(service, name) for name in names] == [1] * len(names)


def test_a_run_that_cannot_be_read_stops_no_other(service: Service, faults: FaultProxy) -> None:
    faults.fail("lambda", "Invoke", TAKEN_AND_LOST)
    good = service.start("echo", 1, key=fresh()).json()["id"]
    faults.heal()
    shard = head(service, good)["due_shard"]
    bad = {"run_id": {"S": "run_broken"}, "part": {"S": "head"}, "due_shard": {"S": shard}, "due_at": {"N": "1"}}
    table, client = f"{service.stack}-runs", service.aws("dynamodb")
    client.put_item(TableName=table, Item=bad)
    try:
        make_due(service, good)
        assert invoke(service, "sweep", {})["failed"] >= 1
        assert service.wait(good)["status"] in TERMINAL
    finally:
        client.delete_item(TableName=table, Key={"run_id": bad["run_id"], "part": bad["part"]})
