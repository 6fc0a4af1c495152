"""Events of every release so far, and what an older wrapper needs of the events fired today."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chalicelib.destinations import reports
from invoke_once.handler.envelope import envelope_of, fired_event, merged_event
from tests.fixtures.records.make import LARGE, Maker

EVENTS = Path(__file__).parent.parent / "fixtures" / "events"
RELEASES = sorted(directory.name for directory in EVENTS.glob("v*"))


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> Path:
    return EVENTS / str(request.param)


def event(release: Path, name: str) -> Any:
    return json.loads((release / f"{name}.json").read_text())


@pytest.mark.parametrize("name", ["tracked", "tracked-by-reference", "unwrapped"])
def test_an_event_that_waits_in_lambdas_queue_over_a_deploy_is_understood(release: Path, name: str) -> None:
    meta = event(release, name)["invoke_once"]
    found = envelope_of(event(release, name))
    assert found is not None
    assert {key: getattr(found, key) for key in meta if key != "v"} == {k: v for k, v in meta.items() if k != "v"}


@pytest.mark.parametrize("name", ["tracked", "tracked-by-reference", "unwrapped"])
def test_members_of_a_later_release_are_passed_over(release: Path, name: str) -> None:
    told = event(release, name)
    later = told | {"invoke_once": told["invoke_once"] | {"v": 99, "colour": "blue"}}
    assert envelope_of(later) == envelope_of(told)


def test_an_event_fired_today_has_all_that_an_older_wrapper_reads(release: Path) -> None:
    make = Maker()
    head = make.start()
    now = json.loads(fired_event(head, b'{"a":1}', make.clock()))
    assert kinds(now["invoke_once"]).items() >= kinds(event(release, "tracked")["invoke_once"]).items()
    assert now["invoke_once"]["v"] == event(release, "tracked")["invoke_once"]["v"] and now["input"] == {"a": 1}
    large = make.start(LARGE)
    by_reference = json.loads(fired_event(large, b'"' + b"x" * 950_000 + b'"', make.clock()))["invoke_once"]
    assert kinds(by_reference).items() >= kinds(event(release, "tracked-by-reference")["invoke_once"]).items()
    launched = make.claimed(mode="destination")
    merged = json.loads(merged_event(launched, b'{"a":1}'))
    assert kinds(merged["invoke_once"]).items() >= kinds(event(release, "unwrapped")["invoke_once"]).items()


@pytest.mark.parametrize("text", [b"[1]", b"7", b'"{}"', b""])
def test_an_input_that_takes_no_member_is_not_sent_to_an_unwrapped_function(text: bytes) -> None:
    with pytest.raises(ValueError, match="is an object"):
        merged_event(Maker().claimed(mode="destination"), text)


def kinds(meta: dict[str, Any]) -> dict[str, type]:
    return {name: type(value) for name, value in meta.items()}


def test_an_invocation_record_that_was_retried_over_a_deploy_is_read(release: Path) -> None:
    found = reports.read(event(release, "invocation-record"))
    assert found.succeeded and found.response == {"rows": 1}
    envelope = envelope_of(found.payload)
    assert envelope is not None and envelope.lease_id and envelope.attempt == 1


def test_wake_messages_and_attends_event_name_the_run(release: Path) -> None:
    (message,) = event(release, "wake-message")["Records"]
    assert json.loads(message["body"]).keys() == event(release, "attend").keys() == {"run_id"}
