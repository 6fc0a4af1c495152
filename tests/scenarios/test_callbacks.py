"""Callbacks as docs/how-to/callbacks.md tells them, on the whole service: stream, queue, a real receiver."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import pytest

from tests.receiver import Receiver
from tests.service import Service, until


def start(service: Service, receiver: Receiver, function: str = "echo", input: Any = 1, **more: Any) -> str:
    answer = service.start(function, input, key=uuid.uuid4().hex, callback={"url": receiver.url}, **more)
    assert answer.status_code in (200, 202), answer.text
    return str(answer.json()["id"])


def seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def callback(service: Service, run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = service.run(run_id)["callback"]
    return found


def log(service: Service, run_id: str) -> list[dict[str, Any]]:
    answer = service.req("GET", f"/runs/{run_id}/deliveries")
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["deliveries"]
    return rows


def test_the_end_of_a_run_is_told_at_once_signed_and_with_its_result(service: Service) -> None:
    with Receiver() as receiver:
        run_id = start(service, receiver, input={"greeting": "grüezi ☃"})
        (hit,) = receiver.wait()
        event = hit.event(service.deployed.webhook_secret)
        until(lambda: callback(service, run_id)["status"] == "delivered")

    run = service.run(run_id)
    assert event["type"] == "run.succeeded" and event["timestamp"] == run["finished_at"]
    told = event["data"] | {"links": run["links"]}
    assert told == run | {"callback": {"url": receiver.url, "status": "pending", "attempts": 0}}
    assert event["data"]["output"] == {"greeting": "grüezi ☃"}
    assert hit.at_s - seconds(run["finished_at"]) < 5
    assert run["callback"] == {"url": receiver.url, "status": "delivered", "attempts": 1}


def test_a_failed_run_is_told_with_its_error(service: Service) -> None:
    with Receiver() as receiver:
        run_id = start(service, receiver, "fail", {"message": "no luck", "times": 9})
        (hit,) = receiver.wait()
    event = hit.event(service.deployed.webhook_secret)
    assert (event["type"], event["data"]["id"]) == ("run.failed", run_id)
    assert event["data"]["error"]["message"] == "no luck" and event["data"]["output"] is None


def test_a_cancelled_run_is_told_though_it_never_ran(service: Service) -> None:
    with Receiver() as receiver:
        run_id = start(service, receiver, delay_seconds=600)
        assert service.req("POST", f"/runs/{run_id}/cancel").status_code == 202
        (hit,) = receiver.wait()
    assert hit.event(service.deployed.webhook_secret)["type"] == "run.cancelled"


def test_a_large_output_is_left_to_its_link(service: Service) -> None:
    with Receiver() as receiver:
        start(service, receiver, input={"__size": 200_000})
        (hit,) = receiver.wait()
    data = hit.event(service.deployed.webhook_secret)["data"]
    assert len(hit.body) < 20_000 and data["output"] is None
    answer = service.req("GET", data["links"]["output"], follow_redirects=True)
    assert len(answer.json()) == 200_000


def test_a_failure_is_tried_again_after_five_seconds_with_the_same_id_and_a_new_signature(service: Service) -> None:
    with Receiver(plan=(500, 200)) as receiver:
        run_id = start(service, receiver)
        first, second = receiver.wait(2)
        until(lambda: callback(service, run_id) == {"url": receiver.url, "status": "delivered", "attempts": 2})

    for hit in (first, second):
        assert hit.event(service.deployed.webhook_secret)["data"]["id"] == run_id
    assert first.webhook_id == second.webhook_id
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    assert 5 <= second.at_s - first.at_s < 12
    one, two = log(service, run_id)
    assert (one["status_code"], two["status_code"]) == (500, 200)
    assert one["webhook_id"] == two["webhook_id"] == first.webhook_id
    assert one["error"] == "the receiver answered 500" and two["error"] is None
    assert 5 <= seconds(one["next_at"]) - seconds(one["at"]) < 7 and two["next_at"] is None


def test_sent_again_it_comes_again_under_the_same_id(service: Service) -> None:
    with Receiver() as receiver:
        run_id = start(service, receiver)
        receiver.wait()
        until(lambda: callback(service, run_id)["status"] == "delivered")
        answer = service.req("POST", f"/runs/{run_id}/deliveries")
        assert answer.status_code == 202, answer.text
        first, again = receiver.wait(2)
        until(lambda: callback(service, run_id) == {"url": receiver.url, "status": "delivered", "attempts": 2})
    assert first.webhook_id == again.webhook_id
    assert again.event(service.deployed.webhook_secret)["data"]["id"] == run_id
    assert [row["status_code"] for row in log(service, run_id)] == [200, 200]


def test_gone_means_no_more(service: Service) -> None:
    with Receiver(plan=(410,)) as receiver:
        run_id = start(service, receiver)
        receiver.wait()
        until(lambda: callback(service, run_id) == {"url": receiver.url, "status": "failed", "attempts": 1})
    (row,) = log(service, run_id)
    assert (row["status_code"], row["next_at"]) == (410, None)


@pytest.mark.parametrize("status", [301, 307])
def test_a_redirect_is_not_followed(service: Service, status: int) -> None:
    with Receiver() as inner, Receiver(plan=(status,), headers={"Location": inner.url}) as receiver:
        run_id = start(service, receiver)
        receiver.wait()
        until(lambda: callback(service, run_id)["attempts"] == 1)
        assert inner.hits == []
    assert log(service, run_id)[0]["error"] == "redirects are not followed"


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "https://[::ffff:169.254.169.254]/",
        "https://0xa9fea9fe/",
        "https://10.0.0.1/",
        "https://user:pw@example.com/",
        "ftp://example.com/x",
        "https://metadata.google.internal./",
        "",
        5,
        None,
    ],
)
def test_a_url_that_points_inside_is_refused_before_anything_is_stored(service: Service, url: Any) -> None:
    key = uuid.uuid4().hex
    answer = service.start("echo", 1, key=key, callback={"url": url})
    assert answer.status_code in (400, 422), answer.text
    (error,) = answer.json()["errors"]
    assert error["pointer"] == "/callback/url"
    found = service.req("GET", "/runs", params={"key": key, "function": "echo"})
    assert found.json()["runs"] == []


def test_a_callback_to_the_service_itself_is_refused(service: Service) -> None:
    answer = service.start("echo", 1, callback={"url": service.url + "/runs"})
    assert answer.status_code == 422 and "this service" in answer.text


def test_a_run_without_a_callback_has_nothing_to_send_again(service: Service) -> None:
    run = service.do("echo", 1)
    assert run["callback"] is None and log(service, run["id"]) == []
    assert service.req("POST", f"/runs/{run['id']}/deliveries").status_code == 409
