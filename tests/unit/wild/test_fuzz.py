"""Handlers as they come: whatever one returns, raises, says or prints, its run ends with an outcome."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from invoke_once import current_run, tracked
from invoke_once.testing import Bench
from tests.unit.wild import values


class Mute(Exception):
    def __str__(self) -> str:
        raise ValueError


#: What a body does on its way: (what, with which text).
acts = st.lists(st.tuples(st.sampled_from(["tell", "print", "close", "check"]), values.texts), max_size=4)
raised = st.one_of(
    st.none(), st.none(),
    st.builds(lambda kind, text: kind(text), st.sampled_from([ValueError, Mute, SystemExit]), values.texts),
    st.builds(lambda text: ExceptionGroup("several", [ValueError(text), Mute(text)]), values.texts),
)  # fmt: skip
sources = st.sampled_from(["aws:sqs", "aws:kinesis", "aws:dynamodb", "aws:s3", ""])
named = st.one_of(values.texts, st.none(), st.integers(0, 3), st.sampled_from(["m1", "m2"]))
replies = st.one_of(
    values.returned,
    st.lists(st.one_of(named, st.fixed_dictionaries({"itemIdentifier": named})), max_size=3).map(
        lambda found: {"batchItemFailures": found}
    ),
)


def act(what: str, text: str) -> None:
    if what == "tell":
        current_run().progress(0.5, text)
    elif what == "print":
        with contextlib.suppress(ValueError, UnicodeError):
            print(json.dumps({"event": "claimed", "run_id": text}))
    elif what == "close":
        sys.stdout.close()
    else:
        current_run().check()


def records(source: str) -> dict[str, Any]:
    inside = {"sequenceNumber": "m1", "SequenceNumber": "m1"}
    return {"Records": [{"eventSource": source, "messageId": name, "eventID": name, "kinesis": inside,
                         "dynamodb": inside} for name in ("m1", "m2")]}  # fmt: skip


@settings(max_examples=250, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(
    acts=acts, error=raised, reply=replies, event=st.one_of(values.events, sources.map(records)), direct=st.booleans()
)
def test_every_run_ends_with_an_outcome(acts: Any, error: Any, reply: Any, event: Any, direct: bool) -> None:
    bench = Bench()

    @tracked
    def handler(_event: Any, _context: Any) -> Any:
        for what, text in acts:
            act(what, text)
            bench.clock.step(2_000)
        if error is not None:
            raise error
        return reply

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        if direct:
            with contextlib.suppress(BaseException):
                bench.call(handler, event)
        else:
            bench.run(handler, event)
    runs = bench.runs()
    assert runs and all(run.status in ("succeeded", "failed") for run in runs), [run.status for run in runs]
    for run in runs:
        assert (run.error is None) == (run.status == "succeeded")
        texts = [getattr(run.head, name) for name in type(run.head).__slots__]
        for text in (text for text in texts if isinstance(text, str)):
            text.encode("utf-8")
