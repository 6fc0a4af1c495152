"""What an error says beside its text: whether a repetition may help, and what Lambda's report of it still tells."""

from __future__ import annotations

import pytest

from invoke_once.errors import (
    AttemptSuperseded,
    ContinueLater,
    InvokeOnceError,
    NoCurrentRun,
    NotClaimed,
    RecordedFailure,
    StillRunning,
    StoreUnavailable,
    recorded_failure,
)

FOR_GOOD = (
    "AccessDenied", "AccessDeniedException", "AllAccessDisabled", "EntityTooLarge", "InvalidAccessKeyId",
    "InvalidBucketName", "KMS.DisabledException", "NoSuchBucket", "ParamValidationError", "PermanentRedirect",
    "ResourceNotFoundException", "SignatureDoesNotMatch", "UnrecognizedClientException", "ValidationException",
)  # fmt: skip
PASSING = ("", "InternalServerError", "ReadTimeoutError", "SlowDown", "ThrottlingException")


def test_the_code_tells_whether_a_repetition_may_help() -> None:
    told = {code: StoreUnavailable("DynamoDB refused AccessDenied", code).for_good for code in (*FOR_GOOD, *PASSING)}
    assert told == dict.fromkeys(FOR_GOOD, True) | dict.fromkeys(PASSING, False)


def test_an_error_without_words_of_its_own_says_what_its_kind_means() -> None:
    assert str(InvokeOnceError()) == "Something in invoke-once went wrong."
    assert str(InvokeOnceError("the words")) == "the words"
    told = "Another attempt has taken this run over; nothing this one does will be recorded."
    assert str(AttemptSuperseded()) == told
    wordless = type("Wordless", (InvokeOnceError,), {"__doc__": None})
    assert str(wordless()) == "Wordless"


def test_the_end_of_a_leg_tells_when_the_next_begins_and_who_asked_for_it() -> None:
    ending = ContinueLater()
    assert (ending.after_s, ending.asked) == (0, True)
    assert str(ending) == "This leg of the run ends here; another one goes on with the newest state. Let it pass."
    later = ContinueLater(90, asked=False)
    assert (later.after_s, later.asked) == (90, False)


def test_where_no_run_can_be_meant_the_error_says_how_many_are_at_work_and_what_to_do() -> None:
    told = (
        "{} being worked at in this process: call current_run() in the handler, and start a thread's work with "
        "contextvars.copy_context().run(function, …)"
    )
    assert str(NoCurrentRun(0)) == told.format("no run is")
    assert str(NoCurrentRun(2)) == told.format("several runs are")


def test_a_call_that_did_not_wait_to_the_end_names_the_run() -> None:
    error = StillRunning("run_a")
    assert (error.run_id, str(error)) == ("run_a", "the first call still runs as run_a")


def test_a_recorded_failure_is_raised_under_the_first_name_with_the_first_words() -> None:
    error = recorded_failure("ValueError", "")
    assert isinstance(error, RecordedFailure)
    assert (type(error).__name__, type(error).__module__, str(error)) == ("ValueError", "builtins", "")
    assert str(recorded_failure("Odd", "no rows")) == "no rows"


@pytest.mark.parametrize("lease_id", ["", "b2f0c1"])
@pytest.mark.parametrize("code", ["AccessDeniedException", "ReadTimeoutError"])
def test_what_lambda_reports_of_a_claim_is_read_back(lease_id: str, code: str) -> None:
    why = f"DynamoDB refused UpdateItem: {code}"
    error = NotClaimed(lease_id, why, code)
    read = NotClaimed.read(str(error))
    assert read is not None
    assert (read.lease_id, read.code, read.for_good) == (lease_id, code, error.for_good)
    assert str(read) == f"not claimed{' (lease b2f0c1)' if lease_id else ''}: DynamoDB refused UpdateItem: {code}"


@pytest.mark.parametrize("text", ["", "no", "not claimed", "not claimed(x): y", "RuntimeError: not claimed: no"])
def test_another_error_is_not_read_as_one(text: str) -> None:
    assert NotClaimed.read(text) is None
