"""What a handler says and raises: kept, cut, cleaned, and never a reason to lose a run."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from invoke_once import current_run, log, tracked
from invoke_once.handler import outcomes
from invoke_once.store import texts
from invoke_once.testing import Bench

ODD = b"caf\xe9.csv".decode("utf-8", "surrogateescape")


class Silent(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no")


class Quits(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)


def failing(error: BaseException) -> Callable[[Any, Any], Any]:
    @tracked
    def handler(_event: Any, _context: Any) -> None:
        raise error

    return handler


@pytest.mark.parametrize(
    ("text", "kept"),
    [("plain", "plain"), ("é", "é"), ("\ud83d\ude00", "😀"), ("a\ud83db", "a\ufffdb"), ("\udce9", "\ufffd"), ("", "")],
)
def test_a_text_is_made_such_that_utf8_carries_it(text: str, kept: str) -> None:
    assert texts.clean(text, 100) == kept


@pytest.mark.parametrize("error", [Silent("x"), Quits("x")])
def test_an_error_whose_text_cannot_be_made_keeps_its_type_and_its_frames(error: BaseException) -> None:
    told = Bench().run(failing(error)).error
    assert told is not None
    assert (told["type"], told["message"]) == (type(error).__name__, "(its text could not be made)")
    assert "raise error" in told["trace"]


@pytest.mark.parametrize("message", ["x" * 300_000, "line\n" * 100_000, ODD * 99_999])
def test_a_long_message_costs_no_frame(message: str) -> None:
    told = Bench().run(failing(ValueError(message))).error
    assert told is not None
    assert len(told["message"]) <= texts.MESSAGE_CHARS and len(told["trace"]) <= texts.TRACE_CHARS
    assert "raise error" in told["trace"]


def test_many_notes_and_a_deep_recursion_cost_no_frame() -> None:
    def down(levels: int) -> None:
        if levels:
            return down(levels - 1)
        error = ValueError("deep")
        for number in range(9_999):
            error.add_note(f"note {number}")
        raise error

    @tracked
    def handler(_event: Any, _context: Any) -> None:
        down(500)

    told = Bench().run(handler).error
    assert told is not None and "raise error" in told["trace"] and len(told["trace"]) <= texts.TRACE_CHARS


def test_the_cause_is_kept_beside_the_error() -> None:
    @tracked
    def handler(_event: Any, _context: Any) -> None:
        try:
            raise KeyError("k" * 9_999)
        except KeyError as error:
            raise ValueError("v" * 9_999) from error

    told = Bench().run(handler).error
    assert told is not None and "KeyError: 'kkk" in told["trace"] and "ValueError: vvv" in told["trace"]


@pytest.mark.parametrize(
    ("body", "raises"),
    [("raise ValueError('x' * 300_000)", True), ("int('x')", False), ("(_ for _ in ()).throw(KeyError(1))", False)],
)
def test_without_a_source_a_frame_still_says_whether_it_raised(body: str, raises: bool) -> None:
    names: dict[str, Any] = {}
    exec(compile(f"def handler():\n    {body}\n", "<no such file>", "exec"), names)
    with pytest.raises((ValueError, KeyError)) as caught:
        names["handler"]()
    told = texts.trace_of(caught.value)
    assert told is not None
    assert 'File "<no such file>", line 2, in handler' in told
    assert ("    raise ValueError  # its source is not at hand\n" in told) == raises


def test_an_error_that_was_never_raised_has_no_frame_and_a_trace() -> None:
    assert texts.trace_of(ValueError("x")) == "ValueError: x\n"


def test_a_progress_message_of_any_text_costs_no_outcome() -> None:
    @tracked
    def handler(_event: Any, _context: Any) -> int:
        current_run().progress(0.1, "a")
        current_run().progress(0.9, ODD)
        current_run().progress(message=Silent())  # type: ignore[arg-type]
        current_run().progress(message=ODD)
        return 1

    run = Bench().run(handler)
    assert (run.status, run.head.message) == ("succeeded", "caf\ufffd.csv")


def test_every_text_of_an_error_is_clean() -> None:
    told = Bench().run(failing(ValueError(ODD))).error
    assert told is not None and told["message"] == "caf\ufffd.csv"
    json.dumps(told, ensure_ascii=False).encode()


@pytest.mark.parametrize("close", ["stdout", "both", "gone", "raises"])
def test_a_closed_output_stops_no_later_run(close: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Raises(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    @tracked
    def first(_event: Any, _context: Any) -> int:
        for stream in [sys.stdout, *([sys.stderr] if close == "both" else [])]:
            stream.close()
        return 1

    ran: list[Any] = []

    @tracked
    def second(event: Any, _context: Any) -> int:
        ran.append(event)
        return 2

    bench = Bench()
    monkeypatch.setattr(sys, "stdout", {"gone": None, "raises": Raises()}.get(close, io.StringIO()))
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    one = "succeeded" if close != "gone" else "failed"
    assert [bench.run(first).status, bench.run(second).status] == [one, "succeeded"]
    assert ran == [None]


def test_a_line_goes_to_standard_error_where_standard_output_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed, other = io.StringIO(), io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)
    monkeypatch.setattr(sys, "stderr", other)
    log.event("claimed", run_id="run_a", reason=ODD)
    assert json.loads(other.getvalue())["run_id"] == "run_a"
    log.event("claimed", reason=Silent())  # cannot be told at all


def test_a_failing_run_leaves_one_line_with_its_error(capsys: pytest.CaptureFixture[str]) -> None:
    run = Bench().run(failing(ValueError("no such column")))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (told,) = [line for line in lines if line["event"] == "attempt_failed"]
    assert (told["level"], told["error_type"], told["message"]) == ("ERROR", "ValueError", "no such column")
    assert "raise error" in told["trace"] and told["run_id"] == run.id and told["claim"] == run.head.claim_token


def test_lines_of_a_claim_carry_the_token_that_the_head_keeps(capsys: pytest.CaptureFixture[str]) -> None:
    run = Bench().run(tracked(lambda event, _context: event))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["claimed", "attempt_ended"]
    assert {line["claim"] for line in lines} == {run.head.claim_token}


def test_what_is_raised_always_becomes_an_outcome() -> None:
    class Odd(type):
        @property
        def __name__(cls) -> str:  # type: ignore[override]
            raise RuntimeError

    class Raised(Exception, metaclass=Odd):
        pass

    assert outcomes.raised(Raised()).error_type == texts.UNMADE
