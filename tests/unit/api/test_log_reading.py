"""Reading logs at their limits: which line is whose, what is asked of CloudWatch, what fits a page."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from chalicelib.api import log_lines, log_reader
from chalicelib.api.log_lines import Claim
from chalicelib.api.log_reader import Logs, Page, Position, Search
from chalicelib.api.problems import InvalidCursor
from invoke_once.errors import StoreUnavailable
from invoke_once.life.head import Head

RUN, OTHER = "run_" + "a" * 26, "run_" + "b" * 26
TOKEN, ELSE = "tokentoken22", "othertoken33"
ID = "5a0f8f8e-0000-4000-8000-000000000001"
CLAIM = Claim(2, "stream", 1_000, ID, 3, 1)


def head(**more: Any) -> Head:
    return Head(RUN, "demo", "echo", "running", "g", 0, 9, 9, **{"attempt": 2, "claim_token": TOKEN} | more)


def line(**more: Any) -> dict[str, Any]:
    return {"event": "claimed", "run_id": RUN, "attempt": 1, "claim": TOKEN} | more


def test_a_line_is_json_from_its_first_brace_if_that_comes_early_and_it_is_short() -> None:
    assert log_lines.parsed('2026 INFO {"a":1}') == {"a": 1}
    assert log_lines.parsed(" " * 199 + '{"a":1}') == {"a": 1}
    assert log_lines.parsed(" " * 200 + '{"a":1}') == {}
    for size, found in ((16_384, True), (16_385, False)):
        assert bool(log_lines.parsed('{"a":"' + "x" * (size - 8) + '"}')) is found
    assert [log_lines.parsed(text) for text in ("", "x", "[{}]", "{", "1")] == [{}, {}, {}, {}, {}]


def test_whose_line_it_is() -> None:
    assert log_lines.is_own(line(), head()) and log_lines.is_own(line(attempt=2), head())
    assert log_lines.is_own(line(attempt=2), head(), 2) and not log_lines.is_own(line(), head(), 2)
    for wrong in ({"attempt": 0}, {"attempt": 3}, {"attempt": True}, {"attempt": "1"}, {"run_id": OTHER},
                  {"event": 7}, {"claim": ELSE}, {"claim": None}):  # fmt: skip
        assert not log_lines.is_own(line(**wrong), head()), wrong
    assert log_lines.is_own(line(claim=None), head(claim_token=None)), "of a wrapper before there were tokens"


def test_a_claim_says_where_its_attempt_began() -> None:
    def claimed(**more: Any) -> Claim | None:
        event = {"message": json.dumps(line(**more)), "logStreamName": "s", "timestamp": 7}
        return log_lines.claim_of(event, head())

    assert claimed() == Claim(1, "s", 7, "", 1, 0)
    assert claimed(attempt=2, request_id=ID, leg=3, legs=1) == Claim(2, "s", 7, ID, 3, 1)
    assert claimed(attempt=2, request_id=ID, leg=3, legs=1).attempt_number == 1  # type: ignore[union-attr]
    assert claimed(request_id=7, leg=0, legs=-1) == claimed(leg=True, legs="1") == Claim(1, "s", 7, "", 1, 0)
    assert claimed(leg=2) == Claim(1, "s", 7, "", 2, 0) and claimed(legs=1) == Claim(1, "s", 7, "", 1, 1)
    assert claimed(event="attempt_ended") is None and claimed(run_id=OTHER) is None


def test_where_an_attempt_s_log_ends() -> None:
    for event, over in (("attempt_ended", True), ("outcome_refused", True), ("claimed", False), ("progress", False)):
        assert log_lines.ends(line(event=event, attempt=2), head(), CLAIM) is over
    assert not log_lines.ends(line(event="attempt_ended", attempt=1), head(), CLAIM)
    another = ID[:-1] + "2"

    def border(text: str, claim: Claim = CLAIM) -> bool:
        return log_lines.is_platforms(text, log_lines.parsed(text), claim)

    unknown = Claim(2, "stream", 1_000)
    for what, mine, theirs in (("START", False, True), ("END", True, False), ("REPORT", True, False)):
        text = f"{what} RequestId: "
        assert (border(f"{text}{ID}\tDuration"), border(f"{text}{another} x")) == (mine, theirs)
        assert border(text + another, unknown)
        assert not border(f"{text}{ID}x") and not border(f"a {text}{ID}")
    for kind, mine, theirs in (("start", False, True), ("runtimeDone", True, False), ("report", True, False)):
        told = [json.dumps({"type": f"platform.{kind}", "record": {"requestId": one}}) for one in (ID, another)]
        assert [border(text) for text in told] == [mine, theirs]
    for record in (None, {}, {"requestId": 7}):
        assert not border(json.dumps({"type": "platform.report", "record": record}))
    assert not border(json.dumps({"type": "platform.init", "record": {"requestId": ID}}))


def test_another_run_s_claim() -> None:
    def foreign(of: Head | None = None, **more: Any) -> Any:
        return log_lines.foreign_claim(line(**{"run_id": OTHER, "claim": ELSE} | more), of or head())

    assert foreign() == (OTHER, ELSE) and foreign(run_id=RUN) == (RUN, ELSE)
    for wrong in ({"event": "x"}, {"run_id": 7}, {"run_id": "run_x"}, {"claim": None}, {"claim": "A" * 12},
                  {"claim": TOKEN}):  # fmt: skip
        assert foreign(**wrong) is None, wrong
    old = head(claim_token=None)
    assert foreign(old) == (OTHER, "") and foreign(old, run_id=RUN) is None


def test_a_line_of_ours_is_shown_without_its_metrics_and_its_proof() -> None:
    metrics = {"_aws": {"CloudWatchMetrics": [{"Metrics": [{"Name": "Claimed"}]}]}, "Claimed": 1, "stack": "s"}
    own = line(attempt=2, request_id=ID, text="é") | metrics
    text = f'{{"event": "claimed", "run_id": "{RUN}", "attempt": 2, "text": "é"}}'
    assert log_lines.readable("as it was", own, head(), CLAIM) == text
    assert log_lines.readable("as it was", own | {"attempt": 1}, head(), CLAIM) == "as it was"
    for odd in ({}, [], None, {"CloudWatchMetrics": [{}]}):
        shown = json.loads(log_lines.readable("", line(attempt=2, _aws=odd), head(), CLAIM))
        assert shown == {"event": "claimed", "run_id": RUN, "attempt": 2}


def test_a_page_is_full_at_its_bytes_and_at_its_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    event = {"time": "t", "message": "x" * 100, "attempt": 1, "leg": 1}
    size = len(json.dumps(json.dumps(event))) + 1
    page = Page(10, room=2 * size)
    assert [page.add(event) for _ in range(3)] == [True, True, False] and page.events == [event] * 2
    page = Page(2)
    assert [page.add(event) for _ in range(3)] == [True, True, False] and page.room == 4_000_000 - 2 * size
    monkeypatch.setattr(log_reader, "PAGE_BYTES", size)
    page = Page(2, room=size)
    assert page.add(event) and page.events == [event] and page.room == 0
    monkeypatch.setattr(log_reader, "PAGE_BYTES", size - 1)
    page = Page(2, room=size)
    assert page.add(event)
    assert page.events == [event | {"message": f"{'x' * ((size - 1) // 20)} … (cut: 100 characters)"}]
    assert not page.add(event), "only the first may be cut"


class CloudWatch:
    """Answers in turn, and keeps what it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.asked = list(answers), list[dict[str, Any]]()

    def _next(self, **asked: Any) -> Any:
        self.asked.append(asked)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    filter_log_events = get_log_events = _next


def logs(client: CloudWatch) -> Logs:
    return Logs(client, "/aws/lambda/f", lambda run_id, token: True)


def test_what_is_asked_of_cloudwatch_to_find_claims() -> None:
    event = {"message": json.dumps(line()), "logStreamName": "s", "timestamp": 7}
    client = CloudWatch({"events": [event], "nextToken": "t1"}, {"events": [event | {"timestamp": 8}]})
    search = Search(5, 90)
    assert logs(client).claims(head(), search) == [Claim(1, "s", 7, "", 1, 0)] and search.token is None
    first = {"logGroupName": "/aws/lambda/f", "filterPattern": f'"{RUN}"', "startTime": 5, "endTime": 90}
    assert client.asked == [first, first | {"nextToken": "t1"}]
    endless = CloudWatch({"nextToken": "more"})
    search = Search(5)
    assert logs(endless).claims(head(), search) == [] and search.token == "more"
    assert len(endless.asked) == 10 and "endTime" not in endless.asked[0]


def test_what_is_asked_of_cloudwatch_to_read_an_attempt() -> None:
    def told(text: str) -> dict[str, Any]:
        return {"message": f"{text}\n", "timestamp": 1_800_000_000_000}

    claim = told(json.dumps(line(attempt=2)))
    client = CloudWatch({"events": [told("before"), claim, told("one")], "nextForwardToken": "f1"},
                        {"events": [], "nextForwardToken": "f1"})  # fmt: skip
    at, page = Position(Search(0)), Page(7)
    assert logs(client).read(head(), CLAIM, at, page) == "dry"
    asked = {"logGroupName": "/aws/lambda/f", "logStreamName": "stream", "startTime": 1_000, "startFromHead": True,
             "limit": 7}  # fmt: skip
    assert client.asked == [asked, asked | {"nextToken": "f1"}] and (at.token, at.skip, at.begun) == ("f1", 0, True)
    one = {"time": "2027-01-15T08:00:00.000Z", "message": "one", "attempt": 1, "leg": 3}
    assert page.events[1:] == [one] and len(page.events) == 2
    at, page = Position(Search(0), begun=True), Page(1)
    both = CloudWatch({"events": [told("one"), told("two")], "nextForwardToken": "f1"})
    assert logs(both).read(head(), CLAIM, at, page) == "more" and (at.skip, at.token) == (1, None)
    page = Page(1)
    end = CloudWatch({"events": [told("one"), told(json.dumps(line(event="attempt_ended", attempt=2)))]})
    assert logs(end).read(head(), CLAIM, at, page) == "over" and at.skip == 2
    foreign = CloudWatch({"events": [told(json.dumps(line(run_id=OTHER, claim=ELSE)))]})
    assert logs(foreign).read(head(), CLAIM, Position(Search(0), begun=True), Page(9)) == "over"

    class Endless(CloudWatch):
        def get_log_events(self, **asked: Any) -> Any:
            self.asked.append(asked)
            return {"events": [], "nextForwardToken": f"f{len(self.asked)}"}

    endless = Endless({})
    assert logs(endless).read(head(), CLAIM, Position(Search(0)), Page(9)) == "more" and len(endless.asked) == 20


def test_what_cloudwatch_refuses() -> None:
    def error(code: str | None) -> ClientError:
        return ClientError({"Error": {"Code": code} if code else {}}, "FilterLogEvents")  # type: ignore[arg-type,misc]

    none = logs(CloudWatch(error("ResourceNotFoundException")))
    assert none.claims(head(), Search(0)) == []
    assert none.read(head(), CLAIM, Position(Search(0)), Page(1)) == "dry"
    with pytest.raises(InvalidCursor) as forgotten:
        logs(CloudWatch(error("InvalidParameterException"))).claims(head(), Search(0, token="t"))
    assert forgotten.value.detail == "The log does not know this position any more: begin anew."
    for failure, told in (
        (error("InvalidParameterException"), "CloudWatch Logs refused filter_log_events: InvalidParameterException"),
        (error(None), "CloudWatch Logs refused filter_log_events: unknown"),
        (ReadTimeoutError(endpoint_url="x"), "CloudWatch Logs did not answer: ReadTimeoutError"),
    ):
        with pytest.raises(StoreUnavailable) as refused:
            logs(CloudWatch(failure)).claims(head(), Search(0))
        assert str(refused.value) == told
