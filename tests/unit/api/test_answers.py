"""Whole answers, written out: the status, every header and the body of each operation on a run."""

from __future__ import annotations

import json
import secrets
from typing import Any

from msgspec import structs

from chalicelib.callbacks.deliver import Sender, deliver
from chalicelib.callbacks.webhook import Outcome
from tests.unit.api.told import (
    ALL,
    AN_HOUR,
    JSON,
    KEY,
    NOW,
    after_reading,
    document,
    is_refused,
    not_found,
    wrong_state,
)
from tests.unit.api.world import Answered, World, fail


def act(world: World, run_id: str, action: str, **more: Any) -> Answered:
    return world.call("POST", f"/runs/{{run_id}}/{action}", run_id=run_id, **more)


def test_a_start_and_a_look_and_a_cancel(world: World) -> None:
    started = world.post(headers=KEY)
    run_id = started.json["id"]
    etag = started.headers["etag"]
    polled = JSON | {"etag": etag, "retry-after": "1"}
    assert (started.status, started.headers) == (202, polled | {"location": f"runs/{run_id}"})
    assert started.json == document(run_id, "runs/")
    again = world.post(headers=KEY | {"Prefer": "wait=0", "If-None-Match": etag})
    assert again.headers == polled | {
        "location": f"runs/{run_id}", "idempotent-replayed": "true", "preference-applied": "wait=0",
    }  # fmt: skip
    assert (again.status, again.text) == (202, started.text)
    seen = world.get(run_id)
    assert (seen.status, seen.headers, seen.json) == (200, polled, document(run_id, ""))
    known = world.get(run_id, headers={"If-None-Match": etag})
    assert (known.status, known.headers, known.text) == (304, ALL | {"etag": etag, "retry-after": "1"}, "")
    asked = act(world, run_id, "cancel")
    ended = {"status": "cancelled", "finished_at": NOW, "cancelled_by": world.token.split("_")[1],
             "waiting_for": None, "expires_at": "2027-02-14T08:00:00.000Z"}  # fmt: skip
    assert (asked.status, asked.json) == (202, document(run_id, "../", **ended))
    assert asked.headers == JSON | {"etag": world.get(run_id).headers["etag"]}
    too_late = wrong_state("It has ended: there is nothing to cancel.", run_status="cancelled")
    assert is_refused(act(world, run_id, "cancel"), too_late)


def test_every_option_of_a_start_reaches_the_run(world: World) -> None:
    asked = {
        "function": "echo", "input": {"a": 1}, "labels": {"a": "b"}, "callback": {"url": "https://e.example/x"},
        "delay_seconds": 60, "queue_timeout_seconds": 70, "concurrency": {"key": "customer", "max": 2},
        "retry": {"max_attempts": 3, "backoff_seconds": 4, "max_backoff_seconds": 50},
    }  # fmt: skip
    answer = world.post(asked, headers=KEY)
    run_id = answer.json["id"]
    told = {"status": "scheduled", "max_attempts": 3, "labels": {"a": "b"}, "waiting_for": "delay",
            "next_attempt_at": "2027-01-15T08:01:00.000Z", "expires_at": "2027-02-15T08:02:10.000Z",
            "callback": {"url": "https://e.example/x", "status": "pending", "attempts": 0}}  # fmt: skip
    assert answer.json == document(run_id, "runs/", **told)
    head = world.head(run_id)
    kept = (head.backoff_ms, head.max_backoff_ms, head.queue_ms, head.not_before, head.input)
    assert kept == (4_000, 50_000, 70_000, world.clock() + 60_000, b'\x00{"a": 1}')
    assert (head.concurrency_key, head.concurrency_max, head.callback_url) == ("customer", 2, "https://e.example/x")
    for name, other in (("labels", {}), ("callback", None), ("delay_seconds", 61), ("queue_timeout_seconds", 71),
                        ("concurrency", {"key": "customer", "max": 3}), ("input", {"a": 2})):  # fmt: skip
        reused = world.post(asked | {name: other}, headers=KEY)
        assert is_refused(reused, {
            "type": "urn:invoke-once:idempotency-key-reused", "status": 422,
            "title": "The Idempotency-Key was used with another request",
            "detail": "The key was used before with another function, input or options.",
        }), name  # fmt: skip


def test_what_a_start_does_not_say_is_the_function_s_own(world: World) -> None:
    own = structs.replace(world.service.functions["echo"].retry, max_attempts=4, backoff_seconds=7)
    function = structs.replace(world.service.functions["echo"], retry=own)
    world.backend = structs.replace(world.backend, service=structs.replace(world.service, functions={"echo": function}))
    head = world.head(world.post().json["id"])
    assert (head.max_attempts, head.backoff_ms, head.max_backoff_ms, head.queue_ms) == (4, 7_000, 600_000, 21_600_000)
    none = world.post({"function": "echo", "retry": {"backoff_seconds": 0, "max_backoff_seconds": 0}}).json["id"]
    assert (world.head(none).backoff_ms, world.head(none).max_backoff_ms) == (0, 0)


def test_refusals_of_a_start_say_what_is_wrong(world: World) -> None:
    assert is_refused(world.post({"function": "nope"}), not_found("There is no such function."))
    invalid = {"type": "urn:invoke-once:invalid-request", "title": "The request is not valid", "status": 422}
    input_wrong = [{"pointer": "/input/n", "detail": "input must be integer"}]
    answer = world.post({"function": "strict", "input": {"n": "x"}})
    assert answer.json == invalid | {"detail": "The input is not what the function takes.", "errors": input_wrong}
    itself = world.post(
        {"function": "echo", "callback": {"url": "https://api.example/x"}}, headers={"Host": "API.example"}
    )
    detail = itself.json["errors"][0]["detail"]
    assert itself.json == invalid | {"detail": f"{detail}.", "errors": [{"pointer": "/callback/url", "detail": detail}]}
    assert detail.startswith("The URL ")
    other_host = {"Host": "other.example"}
    assert (
        world.post({"function": "echo", "callback": {"url": "https://api.example/x"}}, headers=other_host).status == 202
    )


def test_a_retry_says_why_not(world: World) -> None:
    run_id = world.post({"function": "fail"}).json["id"]
    why = wrong_state("Only a run that ended without success can be sent again.", run_status="queued")
    assert is_refused(act(world, run_id, "retry"), why)
    world.deliver(run_id, fail)
    again = act(world, run_id, "retry", json_body={"from": "start"})
    assert (again.status, again.json["status"], again.json["links"]["self"]) == (202, "queued", f"../{run_id}")
    assert json.loads(world.targets.fired[-1][1])["invoke_once"]["run_id"] == run_id


def test_what_others_do_between_the_look_and_the_move_is_told(world: World) -> None:
    """A run that is gone, or ended; a callback that is being sent."""
    for action in ("cancel", "retry", "deliveries"):
        run_id = world.post({"function": "echo", "callback": {"url": "https://e.example/"}}).json["id"]
        with after_reading(world, lambda run_id=run_id: world.bench.table.items.pop((run_id, "head"), None)):  # type: ignore[misc]
            answer = act(world, run_id, action)
        assert is_refused(answer, not_found("There is no such run.")), action
    run_id = world.post({"function": "echo", "callback": {"url": "https://e.example/"}}).json["id"]
    with after_reading(world, lambda: world.deliver(run_id)):
        ended = act(world, run_id, "cancel")
    assert is_refused(ended, wrong_state("It has ended: there is nothing to cancel.", run_status="succeeded"))
    with after_reading(world, lambda: deliver_with(world, run_id, 500)):
        sending = act(world, run_id, "deliveries")
    assert is_refused(sending, wrong_state("The callback is being sent.", run_status="succeeded"))


def test_an_output_or_checkpoint_that_is_not_there(world: World) -> None:
    run_id = world.post({"function": "fail"}).json["id"]
    none_yet = wrong_state("The run has no output yet.", run_status="queued")
    assert is_refused(world.get(run_id, "/output"), none_yet)
    no_checkpoint = wrong_state("The run has no checkpoint.", run_status="queued")
    assert is_refused(world.get(run_id, "/checkpoint"), no_checkpoint)
    world.deliver(run_id, fail)
    none = wrong_state("The run ended without an output.", run_status="failed")
    assert is_refused(world.get(run_id, "/output"), none)
    assert is_refused(world.get("run_x"), not_found("There is no such run."))


def test_a_payload_of_a_mebibyte_is_passed_on_and_a_larger_one_is_a_link(world: World) -> None:
    limit, text = 1024 * 1024, secrets.token_hex(300_000)
    run_id = world.post({"function": "echo", "input": text}).json["id"]
    world.deliver(run_id)
    item = world.bench.table.items[run_id, "head"]
    for part, key in (
        ("input", item["input_ref"].removeprefix("s3:")),
        ("output", item["output_ref"].removeprefix("s3:")),
    ):
        whole = world.get(run_id, f"/{part}")
        assert (whole.status, whole.headers, whole.text) == (200, JSON, f'"{text}"')
        item[f"{part}_size"] = limit
        assert world.get(run_id, f"/{part}").status != 303
        item[f"{part}_size"] = limit + 1
        moved = world.get(run_id, f"/{part}")
        url = f"memory://{key}?expires=300"
        assert (moved.status, moved.headers, moved.text) == (303, ALL | {"location": url}, "")
        for accepted in ("text/uri-list", "application/json, Text/Uri-List ;q=0.9", ["text/html", "text/uri-list"]):
            told = world.get(run_id, f"/{part}", headers={"Accept": accepted})
            assert (told.status, told.headers) == (200, ALL | {"content-type": "text/uri-list"})
            assert told.text == f"{url}\r\n"
        for other in ("*/*", "text/*", "text/uri-list2"):
            assert world.get(run_id, f"/{part}", headers={"Accept": other}).status == 303


def test_a_payload_that_is_gone_before_its_run(world: World) -> None:
    text = secrets.token_hex(300_000)
    run_id = world.post({"function": "echo", "input": text}).json["id"]
    world.deliver(run_id)
    world.bench.payloads.objects.objects.clear()  # type: ignore[attr-defined]
    for part in ("input", "output"):
        assert is_refused(world.get(run_id, f"/{part}"), not_found("It is not kept any more."))


def test_a_link_to_a_run(world: World) -> None:
    run_id = world.post(headers=KEY).json["id"]
    made = act(world, run_id, "links", json_body={"expires_in_seconds": 3_600}, headers={"Host": "api.example"})
    token = made.json["token"]
    url = f"http://api.example/api/#/runs/{run_id}?link={token}"
    assert (made.status, made.headers) == (201, JSON)
    assert made.json == {"token": token, "url": url, "expires_at": AN_HOUR}
    day = act(world, run_id, "links")
    assert day.json["expires_at"] == "2027-01-16T08:00:00.000Z"
    for wrong in (0, 30 * 86_400 + 1):
        assert act(world, run_id, "links", json_body={"expires_in_seconds": wrong}).status == 422
    assert act(world, run_id, "links", json_body={"expires_in_seconds": 30 * 86_400}).status == 201


def deliver_with(world: World, run_id: str, status_code: int) -> None:
    outcome = Outcome(status_code, None, 12)
    means = Sender(secrets_for=lambda _tenant, _now: ["whsec_" + "A" * 32], send=lambda *_: outcome)
    deliver(world.service, world.head(run_id), means)


def test_sending_a_callback_again_says_why_not(world: World) -> None:
    bare = world.post().json["id"]
    assert is_refused(act(world, bare, "deliveries"), wrong_state("The run has no callback.", run_status="queued"))
    run_id = world.post({"function": "echo", "callback": {"url": "https://e.example/"}}).json["id"]
    assert is_refused(act(world, run_id, "deliveries"), wrong_state("The run has not ended.", run_status="queued"))
    world.deliver(run_id)
    deliver_with(world, run_id, 200)
    again = act(world, run_id, "deliveries")
    assert (again.status, again.json["links"]["self"]) == (202, f"../{run_id}")
    assert again.headers == JSON | {"etag": world.get(run_id).headers["etag"]}


def test_a_state_seen_through_a_link_is_another_when_what_it_shows_is(world: World) -> None:
    run_id = world.post({"function": "echo", "callback": {"url": "https://e.example/"}}).json["id"]
    world.deliver(run_id)
    token = act(world, run_id, "links").json["token"]
    own, linked = world.get(run_id).headers["etag"], world.get(run_id, token=token).headers["etag"]
    deliver_with(world, run_id, 200)
    assert world.get(run_id, headers={"If-None-Match": own}).status == 200, "its callback was delivered"
    assert world.get(run_id, headers={"If-None-Match": linked}, token=token).status == 304, "a link shows no callback"
