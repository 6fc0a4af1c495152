"""What an error says beside its text: whether a repetition may help, and what Lambda's report of it still tells."""

from __future__ import annotations

import pytest

from invoke_once.errors import NotClaimed, StoreUnavailable


@pytest.mark.parametrize(
    ("code", "for_good"),
    [("AccessDeniedException", True), ("KMS.DisabledException", True), ("ParamValidationError", True),
     ("ThrottlingException", False), ("ReadTimeoutError", False), ("", False)],
)  # fmt: skip
def test_the_code_tells_whether_a_repetition_may_help(code: str, for_good: bool) -> None:
    assert StoreUnavailable("DynamoDB refused AccessDenied", code).for_good is for_good


@pytest.mark.parametrize("lease_id", ["", "b2f0c1"])
@pytest.mark.parametrize("code", ["AccessDeniedException", "ReadTimeoutError"])
def test_what_lambda_reports_of_a_claim_is_read_back(lease_id: str, code: str) -> None:
    why = f"DynamoDB refused UpdateItem: {code}"
    error = NotClaimed(lease_id, why, code)
    read = NotClaimed.read(str(error))
    assert read is not None
    assert (read.lease_id, read.for_good, str(read)) == (lease_id, error.for_good, str(error))


@pytest.mark.parametrize("text", ["", "no", "not claimed", "not claimed(x): y", "RuntimeError: not claimed: no"])
def test_another_error_is_not_read_as_one(text: str) -> None:
    assert NotClaimed.read(text) is None
