"""Starting, looking at, cancelling and retrying runs, through the whole of the API."""

from __future__ import annotations

import json
import secrets
from urllib.parse import urljoin

import pytest
from msgspec import structs

from chalicelib.api.health import Health
from invoke_once.errors import StoreUnavailable
from tests.unit.api.world import World, echo, fail

KEY = {"Idempotency-Key": '"k1"'}


def test_a_start_answers_202_with_the_run_and_where_to_look_and_when(world: World) -> None:
    answer = world.post({"function": "echo", "input": {"a": 1}}, headers=KEY)

    assert answer.status == 202
    run = answer.json
    assert run["status"] == "queued" and run["function"] == "echo" and run["idempotency_key"] == "k1"
    assert answer.headers["location"] == f"runs/{run['id']}"
    assert int(answer.headers["retry-after"]) >= 1
    assert "idempotent-replayed" not in answer.headers


@pytest.mark.parametrize("base", ["https://x.example/runs", "http://h:1/restapis/ID/api/_user_request_/runs"])
def test_location_and_links_resolve_against_the_request_behind_any_prefix(world: World, base: str) -> None:
    posted = world.post()
    run_id = posted.json["id"]
    run_url = urljoin(base, posted.headers["location"])
    assert run_url == f"{base}/{run_id}"
    assert urljoin(base, posted.json["links"]["self"]) == run_url
    got = world.get(run_id).json["links"]
    assert urljoin(run_url, got["self"]) == run_url
    assert urljoin(run_url, got["logs"]) == f"{run_url}/logs"
    cancelled = world.call("POST", "/runs/{run_id}/cancel", run_id=run_id).json["links"]
    assert urljoin(f"{run_url}/cancel", cancelled["self"]) == run_url


def test_a_start_costs_one_write_and_one_fire_and_a_poll_one_read(world: World) -> None:
    world.post()  # reads the token
    world.engine.calls.clear()
    run_id = world.post(headers=KEY).json["id"]
    assert world.engine.calls == ["write"] and world.tokens.reads == 1
    assert len(world.targets.fired) == 2
    world.engine.calls.clear()
    assert world.get(run_id).status == 200
    assert world.engine.calls == ["get"] and world.tokens.reads == 1


def test_a_repeat_gives_the_same_run_and_says_so(world: World) -> None:
    first = world.post({"function": "echo", "input": {"a": 1, "b": 2}}, headers=KEY)
    again = world.post({"input": {"b": 2, "a": 1}, "function": "echo"}, headers={"Idempotency-Key": "k1"})
    assert again.status == 202 and again.json["id"] == first.json["id"]
    assert again.headers["idempotent-replayed"] == "true"
    assert len(world.targets.fired) == 1


def test_a_repeat_after_the_end_answers_200_with_the_output(world: World) -> None:
    run_id = world.post({"function": "echo", "input": [1]}, headers=KEY).json["id"]
    world.deliver(run_id)
    again = world.post({"function": "echo", "input": [1]}, headers=KEY)
    assert again.status == 200 and again.json["output"] == [1] and again.headers["idempotent-replayed"] == "true"
    assert "retry-after" not in again.headers


def test_the_same_key_with_another_body_is_422_and_changes_nothing(world: World) -> None:
    run_id = world.post({"function": "echo", "input": 1}, headers=KEY).json["id"]
    before = world.head(run_id)
    answer = world.post({"function": "echo", "input": 2}, headers=KEY)
    assert answer.status == 422 and answer.json["type"] == "urn:invoke-once:idempotency-key-reused"
    assert world.head(run_id) == before and len(world.targets.fired) == 1


def test_without_a_key_two_starts_are_two_runs(world: World) -> None:
    assert world.post().json["id"] != world.post().json["id"]


def test_the_input_is_kept_and_given_back_byte_for_byte(world: World) -> None:
    text = b'{ "n": 12345678901234567890123, "f": 1.10, "u": "\\u00e9", "z" : -0.0 }'
    run_id = world.post_raw(b'{"function":"echo","input":' + text + b"}").json["id"]
    assert world.get(run_id, "/input").text.encode() == text


def test_an_absent_input_is_null(world: World) -> None:
    assert world.get(world.post().json["id"], "/input").text == "null"


def test_the_output_is_in_the_document_exactly(world: World) -> None:
    value = {"n": 12345678901234567890, "f": 0.1, "t": "h\u00e9llo\u2028", "z": None, "s": ""}
    run_id = world.post({"function": "echo", "input": value}).json["id"]
    world.deliver(run_id)
    run = world.get(run_id).json
    assert run["status"] == "succeeded" and run["output"] == value
    assert json.loads(world.get(run_id, "/output").text) == value


def test_a_large_output_is_not_in_the_document_but_behind_its_link(world: World) -> None:
    run_id = world.post({"function": "echo", "input": "x" * 40_000}).json["id"]
    world.deliver(run_id)
    run = world.get(run_id).json
    assert run["output"] is None and run["links"]["output"].endswith("/output")
    assert world.get(run_id, "/output").json == "x" * 40_000


def test_a_very_large_output_is_a_link_that_needs_no_token(world: World) -> None:
    value = secrets.token_hex(600_000)
    run_id = world.post({"function": "echo"}).json["id"]
    world.deliver(run_id, lambda_returning(value))
    moved = world.get(run_id, "/output")
    assert moved.status == 303 and moved.headers["location"].startswith("memory://echo/out/")
    told = world.get(run_id, "/output", headers={"Accept": "text/uri-list, application/json;q=0.9"})
    assert told.status == 200 and told.text.strip() == moved.headers["location"]


def lambda_returning(value: object) -> object:
    from invoke_once import tracked

    return tracked(lambda _event, _context: value)


def test_there_is_no_output_before_the_end_nor_of_a_failure(world: World) -> None:
    run_id = world.post({"function": "fail"}).json["id"]
    assert world.get(run_id, "/output").status == 409
    world.deliver(run_id, fail)
    answer = world.get(run_id, "/output")
    assert answer.status == 409 and answer.json["run_status"] == "failed"
    assert world.get(run_id).json["error"]["message"] == "no"


def test_a_state_has_an_etag_and_costs_304_when_known(world: World) -> None:
    run_id = world.post().json["id"]
    first = world.get(run_id)
    known = {"If-None-Match": first.headers["etag"]}
    assert world.get(run_id, headers=known).status == 304
    assert world.get(run_id, headers={"If-None-Match": '"x", ' + first.headers["etag"]}).status == 304
    world.deliver(run_id)
    changed = world.get(run_id, headers=known)
    assert changed.status == 200 and changed.headers["etag"] != first.headers["etag"]


def test_a_304_has_no_body_and_repeats_the_etag(world: World) -> None:
    run_id = world.post().json["id"]
    etag = world.get(run_id).headers["etag"]
    answer = world.get(run_id, headers={"If-None-Match": etag})
    assert answer.text == "" and answer.headers["etag"] == etag


def test_prefer_wait_holds_a_poll_until_the_end(world: World) -> None:
    run_id = world.post({"function": "echo", "input": 7}).json["id"]
    world.meanwhile = lambda: world.deliver(run_id) if len(world.slept) == 3 else None
    answer = world.get(run_id, headers={"Prefer": "wait=10"})
    assert answer.json["status"] == "succeeded" and answer.headers["preference-applied"] == "wait=10"
    assert len(world.slept) == 3 and sum(world.slept) < 1


def test_prefer_wait_gives_up_in_time_and_asks_ever_less_often(world: World) -> None:
    run_id = world.post().json["id"]
    answer = world.get(run_id, headers={"Prefer": "respond-async, wait=100"})
    assert answer.status == 200 and answer.json["status"] == "queued"
    assert answer.headers["preference-applied"] == "wait=25" and sum(world.slept) == pytest.approx(25, abs=0.1)
    assert len(world.slept) < 35 and max(world.slept) <= 1


def test_prefer_wait_with_a_known_state_ends_at_any_change_of_it(world: World) -> None:
    run_id = world.post().json["id"]
    etag = world.get(run_id).headers["etag"]
    world.meanwhile = lambda: world.call("POST", "/runs/{run_id}/cancel", run_id=run_id) and None
    answer = world.get(run_id, headers={"Prefer": "wait=20", "If-None-Match": etag})
    assert answer.status == 200 and answer.json["status"] == "cancelled" and len(world.slept) == 1


def test_prefer_wait_with_a_known_state_that_stays_ends_304(world: World) -> None:
    run_id = world.post().json["id"]
    etag = world.get(run_id).headers["etag"]
    answer = world.get(run_id, headers={"Prefer": "wait=2", "If-None-Match": etag})
    assert answer.status == 304 and sum(world.slept) == pytest.approx(2, abs=0.01)


def test_a_start_that_waits_answers_200_when_the_run_ended_by_then(world: World) -> None:
    def work() -> None:
        for target, payload in world.targets.fired:
            assert target == "t-echo"
            world.deliver(json.loads(payload)["invoke_once"]["run_id"])
        world.targets.fired.clear()

    world.meanwhile = work
    answer = world.post({"function": "echo", "input": 5}, headers={"Prefer": "wait=15"})
    assert answer.status == 200 and answer.json["output"] == 5


@pytest.mark.parametrize(
    "value", ["wait", "wait=", "wait=-1", "wait=x", "wait=1.5", "wait=NaN", "wait=٣", "return=minimal", ""]
)
def test_a_prefer_that_does_not_parse_is_ignored(world: World, value: str) -> None:
    answer = world.post(headers={"Prefer": value})
    assert answer.status == 202 and "preference-applied" not in answer.headers and not world.slept


def test_cancel_of_a_waiting_run_ends_it(world: World) -> None:
    run_id = world.post({"function": "echo", "delay_seconds": 60}).json["id"]
    answer = world.call("POST", "/runs/{run_id}/cancel", run_id=run_id)
    assert answer.status == 202 and answer.json["status"] == "cancelled"
    assert f"once_{answer.json['cancelled_by']}_" in world.token
    again = world.call("POST", "/runs/{run_id}/cancel", run_id=run_id)
    assert again.status == 409 and again.json["run_status"] == "cancelled"


def test_a_failed_run_can_be_sent_again_and_a_succeeded_one_cannot(world: World) -> None:
    failed = world.post({"function": "fail"}).json["id"]
    world.deliver(failed, fail)
    again = world.call("POST", "/runs/{run_id}/retry", run_id=failed)
    assert again.status == 202 and again.json["status"] == "queued" and len(world.targets.fired) == 2
    done = world.post().json["id"]
    world.deliver(done, echo)
    assert world.call("POST", "/runs/{run_id}/retry", run_id=done).status == 409


def test_if_failed_rerun_sends_a_failed_run_again_by_repeating_the_start(world: World) -> None:
    body = {"function": "fail", "if_failed": "rerun"}
    run_id = world.post(body, headers=KEY).json["id"]
    world.deliver(run_id, fail)
    again = world.post(body, headers=KEY)
    assert again.status == 202 and again.json["id"] == run_id and again.json["status"] == "queued"


def test_a_delayed_run_is_scheduled_and_asks_to_look_later(world: World) -> None:
    answer = world.post({"function": "echo", "delay_seconds": 30.0})
    assert answer.json["status"] == "scheduled" and answer.headers["retry-after"] == "30"
    assert not world.targets.fired


def test_the_functions_are_told_with_their_limits(world: World) -> None:
    listed = world.call("GET", "/functions").json["functions"]
    assert [f["name"] for f in listed] == ["echo", "fail", "plain", "strict"]
    one = world.call("GET", "/functions/{name}", name="echo").json
    assert one["target"] == "t-echo" and one["mode"] == "tracked" and one["retry"]["max_attempts"] == 1
    assert world.call("GET", "/functions/{name}", name="nope").status == 404


def test_health_needs_no_token_and_tells_each_part(world: World) -> None:
    answer = world.call("GET", "/healthz", token=None)
    assert answer.status == 200 and set(answer.json["parts"].values()) == {"ok"}


def test_health_asks_the_parts_once_in_five_seconds_and_tells_a_failure_and_its_end(world: World) -> None:
    asked = []

    def tokens() -> None:
        asked.append(1)
        if len(asked) == 2:
            raise StoreUnavailable("away", "Throttling")

    health = Health()
    found = [health.of({"tokens": tokens}, now_ms)["tokens"] for now_ms in (0, 10, 4_999, 5_000, 9_999, 10_000)]
    assert found == ["ok", "ok", "ok", "failing", "failing", "ok"] and len(asked) == 3
    before = len(world.engine.calls), world.tokens.reads
    for _ in range(20):
        assert world.call("GET", "/healthz", token=None).status == 200
    assert (len(world.engine.calls), world.tokens.reads) == (before[0] + 1, before[1] + 1)


def test_an_input_that_is_gone_before_its_run_is_404_and_says_so(world: World) -> None:
    run_id = world.post({"function": "echo", "input": [n * 7919 for n in range(300)]}).json["id"]
    for key in [key for key in world.bench.table.items if key[1].startswith("input#")]:
        del world.bench.table.items[key]
    answer = world.get(run_id, "/input")
    assert answer.status == 404 and "not kept any more" in answer.json["detail"]


QUEUE = "arn:aws:sqs:us-east-1:111122223333:results"


def test_a_callback_may_be_an_arn_that_the_stage_allows_the_tenant(world: World) -> None:
    allowed = {QUEUE: ("demo",), f"{QUEUE}-2": ("umbrella",)}
    world.service = structs.replace(
        world.service, settings=structs.replace(world.service.settings, callback_targets=allowed)
    )
    world.backend = structs.replace(world.backend, service=world.service)
    asked = {"function": "echo", "callback": {"url": QUEUE}}
    assert world.post(asked).json["callback"] == {"url": QUEUE, "status": "pending", "attempts": 0}
    for arn in (f"{QUEUE}-2", f"{QUEUE}-3", "arn:", "arn:aws:lambda:us-east-1:111122223333:function:f"):
        answer = world.post({"function": "echo", "callback": {"url": arn}})
        assert answer.status == 422 and answer.json["errors"][0]["pointer"] == "/callback/url", arn


def test_callback_null_is_none_and_another_request_than_an_absent_one(world: World) -> None:
    run = world.post({"function": "echo", "callback": None}, headers=KEY)
    assert run.status == 202 and run.json["callback"] is None
    assert world.post({"function": "echo", "callback": None}, headers=KEY).json["id"] == run.json["id"]
    assert world.post({"function": "echo"}, headers=KEY).status == 422


TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_the_trace_is_kept_and_what_is_none_is_ignored(world: World) -> None:
    run_id = world.post(headers={"traceparent": TRACE, "tracestate": ["a=1", "b=2"]}).json["id"]
    assert world.head(run_id).traceparent == TRACE
    assert json.loads(world.targets.fired[-1][1])["invoke_once"]["tracestate"] == "a=1,b=2"
    wrong: list[str | list[str]] = [
        "", "x", TRACE + "0", TRACE.upper(), TRACE.replace("00f067aa0ba902b7", "0" * 16), "ff" + TRACE[2:],
        [TRACE, TRACE],
    ]  # fmt: skip
    for none in wrong:
        answer = world.post(headers={"traceparent": none, "tracestate": "a=1"})
        assert answer.status == 202 and world.head(answer.json["id"]).traceparent is None
        assert "trace" not in str(json.loads(world.targets.fired[-1][1]))
