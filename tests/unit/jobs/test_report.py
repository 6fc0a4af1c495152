"""Unit: the sample `report`. What it takes, what it refuses, what it tells on the way."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.jobs import report as job
from chalicelib.jobs.report import report
from invoke_once import RunCancelled
from invoke_once.testing import Bench

CSV = "a,b\n1,x\n3,\n"


def event_of(detail: Any) -> dict[str, Any]:
    return {"version": "0", "id": "e1", "detail-type": "t", "source": "s", "resources": [], "detail": detail}


def no_uri() -> Any:
    raise AssertionError("S3 was asked")


class S3:
    """One object, s3://box/in/a.csv; what it was asked for."""

    def __init__(self, body: bytes, refuses: str = "NoSuchKey") -> None:
        self.body, self.refuses, self.asked = body, refuses, list[dict[str, str]]()

    def get_object(self, **asked: str) -> dict[str, Any]:
        self.asked.append(asked)
        if (asked["Bucket"], asked["Key"]) != ("box", "in/a.csv"):
            raise ClientError({"Error": {"Code": self.refuses}}, "GetObject")
        return {"Body": io.BytesIO(self.body), "ContentLength": len(self.body)}


def test_a_csv_in_the_input_is_profiled(run: Any) -> None:
    found = report({"csv": CSV}, run, no_uri)
    assert found["rows"] == 2
    assert found["columns"][0] == {
        "name": "a", "type": "integer", "nulls": 0, "distinct": 2, "min": 1, "max": 3, "mean": 2.0,
    }  # fmt: skip


def test_an_event_of_a_rule_carries_the_request_as_its_detail(run: Any) -> None:
    assert report(event_of({"csv": CSV}), run, no_uri) == report({"csv": CSV}, run, no_uri)


def test_s3_s_own_event_names_the_object(run: Any) -> None:
    s3 = S3(CSV.encode())
    detail = {"bucket": {"name": "box"}, "object": {"key": "in/a.csv", "size": 11}}
    assert report(event_of(detail), run, lambda: s3)["rows"] == 2
    assert s3.asked == [{"Bucket": "box", "Key": "in/a.csv"}]


@pytest.mark.parametrize("code", ["NoSuchKey", "NoSuchBucket", "AccessDenied"])
def test_an_object_that_is_not_there_or_not_ours_is_told_as_such(run: Any, code: str) -> None:
    with pytest.raises(ValueError, match=r"^s3://box/other does not exist, or this function may not read it$"):
        report({"uri": "s3://box/other"}, run, lambda: S3(b"", code))


def test_what_s3_cannot_do_now_is_its_own_error(run: Any) -> None:
    with pytest.raises(ClientError, match="SlowDown"):
        report({"uri": "s3://box/other"}, run, lambda: S3(b"", "SlowDown"))


@pytest.mark.parametrize(
    ("event", "error", "sentence"),
    [
        ({}, ValueError, "the input needs either `csv`, the CSV's text, or `uri`"),
        ({"csv": CSV, "uri": "s3://b/k"}, ValueError, "the input needs either `csv`"),
        (event_of({}), ValueError, "the input needs either `csv`"),
        (None, TypeError, "the input must be an object with `csv` or `uri`, not null"),
        ([CSV], TypeError, "not an array"),
        (event_of("x"), TypeError, "as its `detail`, not a string"),
        ({"csv": 7}, TypeError, "`csv` must be a string, not a number"),
        ({"csv": None}, TypeError, "`csv` must be a string, not null"),
        ({"uri": {}}, TypeError, "`uri` must be a string, not an object"),
        ({"uri": "https://b/k"}, ValueError, "`uri` must look like s3://bucket/key, not 'https://b/k'"),
        ({"csv": CSV, "delimiter": ",,"}, ValueError, "`delimiter` must be one character"),
        ({"csv": CSV, "delimiter": '"'}, ValueError, "`delimiter` must be one character"),
        ({"csv": CSV, "encoding": 8}, TypeError, "`encoding` must be a string"),
    ],
)
def test_what_is_wrong_with_an_input_is_told_in_a_sentence(
    run: Any, event: Any, error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error) as caught:
        report(event, run, no_uri)
    assert sentence in str(caught.value)


def test_the_service_s_own_bucket_is_not_read_for_a_caller(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONCE_BUCKET", "payloads")
    with pytest.raises(ValueError, match="lies in the service's own bucket"):
        report({"uri": "s3://payloads/someone-elses"}, run, no_uri)


def large(rows: int) -> S3:
    body = b"id,word\n" + b"".join(b"%d,word-%d\n" % (i, i % 100) for i in range(rows))
    return S3(body)


def test_progress_grows_with_the_bytes_read_and_ends_at_one(run: Any) -> None:
    report({"uri": "s3://box/in/a.csv"}, run, lambda: large(100_000))
    fractions = [fraction for fraction, _ in run.told]
    assert len(fractions) >= 5
    assert fractions == sorted(fractions)
    assert fractions[0] < 0.4
    assert fractions[-1] == 1.0
    assert run.told[-1][1] == "100,000 rows, 1.4 of 1.4 MB read"


def test_a_cancel_ends_it_after_the_batch_at_hand(make_run: Any) -> None:
    run = make_run(cancelled_after_checks=2)
    with pytest.raises(RunCancelled):
        report({"uri": "s3://box/in/a.csv"}, run, lambda: large(100_000))
    assert len(run.told) == 2


def test_half_a_surrogate_pair_in_the_input_does_no_harm(run: Any) -> None:
    found = report({"csv": "a\n\ud83d\n"}, run, no_uri)
    assert json.dumps(found, ensure_ascii=False).encode()
    assert found["columns"][0]["min"] == "?"


def test_as_a_run_it_succeeds_with_its_profile_and_fails_with_its_sentence() -> None:
    bench = Bench(function="report")
    good, bad = bench.run(job.handler, {"csv": CSV}), bench.run(job.handler, {"csv": 7})
    assert (good.status, good.output["rows"], good.progress) == ("succeeded", 2, 1.0)
    assert (bad.status, bad.error["message"]) == ("failed", "`csv` must be a string, not a number")  # type: ignore[index]


def test_a_tenant_reads_what_its_own_prefix_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONCE_TENANT", "demo")
    job.only_its_own("s3://box/anything", "demo")
    job.only_its_own("s3://box/acme/a.csv", "acme")
    for uri in (
        "s3://box/demo/a.csv",
        "s3://acme/a.csv",
        "s3://box/acmeother/a.csv",
        "s3://box//acme/a.csv",
        "s3://box",
    ):
        with pytest.raises(ValueError, match="acme/"):
            job.only_its_own(uri, "acme")
