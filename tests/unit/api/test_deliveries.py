"""The log of a callback, and sending it again."""

from __future__ import annotations

from chalicelib.callbacks.deliver import Sender, deliver
from chalicelib.callbacks.webhook import Outcome
from tests.unit.api.world import World

BODY = {"function": "echo", "callback": {"url": "https://example.com/hook?x=1"}}


def ended(world: World, status_code: int) -> str:
    run_id: str = world.post(BODY).json["id"]
    world.deliver(run_id)
    attempt(world, run_id, status_code)
    return run_id


def attempt(world: World, run_id: str, status_code: int) -> None:
    outcome = Outcome(status_code, None if status_code < 300 else f"the receiver answered {status_code}", 12)
    means = Sender(secrets_for=lambda _tenant, _now: ["whsec_" + "A" * 32], send=lambda *_: outcome)
    deliver(world.service, world.head(run_id), means)


def test_a_run_tells_of_its_callback(world: World) -> None:
    run_id = world.post(BODY).json["id"]
    expected = {"url": "https://example.com/hook?x=1", "status": "pending", "attempts": 0}
    assert world.get(run_id).json["callback"] == expected
    assert world.get(run_id).json["links"]["deliveries"].endswith("/deliveries")
    world.deliver(run_id)
    attempt(world, run_id, 204)
    assert world.get(run_id).json["callback"] == expected | {"status": "delivered", "attempts": 1}


def test_each_attempt_is_a_row(world: World) -> None:
    run_id = ended(world, 500)
    rows = world.get(run_id, "/deliveries").json["deliveries"]
    assert len(rows) == 1 and rows[0]["status_code"] == 500 and rows[0]["next_at"]
    assert world.get(world.post().json["id"], "/deliveries").json == {"deliveries": []}


def test_sending_again_keeps_the_webhook_id(world: World) -> None:
    run_id = ended(world, 200)
    answer = world.call("POST", "/runs/{run_id}/deliveries", run_id=run_id)
    assert answer.status == 202 and answer.json["callback"]["status"] == "pending"
    world.clock.step(1_000)
    attempt(world, run_id, 200)
    rows = world.get(run_id, "/deliveries").json["deliveries"]
    assert len(rows) == 2 and len({row["webhook_id"] for row in rows}) == 1
    assert [row["status_code"] for row in rows] == [200, 200]


def test_nothing_can_be_sent_before_the_end_nor_without_a_callback(world: World) -> None:
    for body in (BODY, {"function": "echo"}):
        run_id = world.post(body).json["id"]
        answer = world.call("POST", "/runs/{run_id}/deliveries", run_id=run_id)
        assert answer.status == 409 and answer.json["run_status"] == "queued"


def test_a_callback_url_is_kept_in_its_normal_form(world: World) -> None:
    answer = world.post({"function": "echo", "callback": {"url": "HTTPS://Example.com:443/a b".replace(" ", "%20")}})
    assert answer.json["callback"]["url"] == "https://example.com/a%20b"
