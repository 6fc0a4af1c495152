"""Unit: a CSV in S3. The client is a stand-in that answers as S3 does, and breaks off where it is told to."""

from __future__ import annotations

import io
from typing import Any

import pytest
from botocore.exceptions import ClientError, IncompleteReadError

from chalicelib.jobs.csv_profile import profile
from chalicelib.jobs.csv_profile.s3 import open_uri, split

ROWS = 20_000
CSV = "id,word\n" + "".join(f"{i},w{i % 50}\n" for i in range(ROWS))


class Broken(io.BytesIO):
    """A body whose connection breaks after so many bytes."""

    def __init__(self, body: bytes, breaks_after: int) -> None:
        super().__init__(body)
        self._left = breaks_after

    def read(self, size: int | None = -1) -> bytes:
        if self._left <= 0:
            raise IncompleteReadError(actual_bytes=0, expected_bytes=1)
        chunk = super().read(min(size or 0, self._left))
        self._left -= len(chunk)
        return chunk


class OneObject:
    """S3 with one object, s3://box/a.csv."""

    def __init__(self, body: bytes, breaks_after: int = 1 << 40, refuses: str | None = None) -> None:
        self.body, self.etag, self.calls = body, '"v1"', list[dict[str, str]]()
        self._breaks_after, self._refuses = breaks_after, refuses

    def get_object(self, **asked: str) -> dict[str, Any]:
        self.calls.append(asked)
        if self._refuses or (asked["Bucket"], asked["Key"]) != ("box", "a.csv"):
            raise ClientError({"Error": {"Code": self._refuses or "NoSuchKey"}}, "GetObject")
        if asked.get("IfMatch", self.etag) != self.etag:
            raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "GetObject")
        first = int(asked.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        rest = self.body[first:]
        return {"Body": Broken(rest, self._breaks_after), "ContentLength": len(rest), "ETag": self.etag}


def test_an_object_is_read_with_one_request() -> None:
    s3 = OneObject(CSV.encode())
    found = profile(open_uri("s3://box/a.csv", s3))
    assert (found["rows"], found["columns"][1]["distinct"]) == (ROWS, 50)
    assert s3.calls == [{"Bucket": "box", "Key": "a.csv"}]


def test_an_empty_object_has_no_rows() -> None:
    assert profile(open_uri("s3://box/a.csv", OneObject(b""))) == {"rows": 0, "columns": []}


def test_a_broken_connection_is_taken_up_at_the_next_byte() -> None:
    s3 = OneObject(CSV.encode(), breaks_after=30_000)
    found = profile(open_uri("s3://box/a.csv", s3))
    assert (found["rows"], found["columns"][0]["max"]) == (ROWS, ROWS - 1)
    assert [call.get("Range") for call in s3.calls[:3]] == [None, "bytes=30000-", "bytes=60000-"]
    assert all(call["IfMatch"] == s3.etag for call in s3.calls[1:])


def test_a_connection_that_keeps_breaking_is_an_error() -> None:
    s3 = OneObject(CSV.encode(), breaks_after=0)
    with pytest.raises(IncompleteReadError):
        profile(open_uri("s3://box/a.csv", s3))
    assert len(s3.calls) == 4


def test_a_connection_that_breaks_after_the_last_byte_does_no_harm() -> None:
    s3 = OneObject(CSV.encode(), breaks_after=len(CSV.encode()))
    assert profile(open_uri("s3://box/a.csv", s3))["rows"] == ROWS
    assert len(s3.calls) == 1


def test_an_answer_from_another_byte_than_the_next_is_refused() -> None:
    class WithoutRanges(OneObject):
        def get_object(self, **asked: str) -> dict[str, Any]:
            return super().get_object(**{name: value for name, value in asked.items() if name != "Range"})

    with pytest.raises(OSError, match="did not resume at byte 30000 of"):
        profile(open_uri("s3://box/a.csv", WithoutRanges(CSV.encode(), breaks_after=30_000)))


def test_half_of_one_object_is_never_joined_to_half_of_another() -> None:
    s3 = OneObject(CSV.encode(), breaks_after=30_000)
    source = open_uri("s3://box/a.csv", s3)
    s3.etag = '"v2"'
    with pytest.raises(ValueError, match=r"s3://box/a\.csv was replaced while it was being read"):
        profile(source)


@pytest.mark.parametrize(
    ("refusal", "sentence"),
    [
        ("NoSuchKey", "s3://box/a.csv does not exist"),
        ("NoSuchBucket", "s3://box/a.csv does not exist"),
        ("AccessDenied", "s3://box/a.csv does not exist, or this function may not read it"),
    ],
)
def test_a_refusal_is_told_in_a_sentence(refusal: str, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        open_uri("s3://box/a.csv", OneObject(b"", refuses=refusal))
    assert str(caught.value) == sentence


def test_other_errors_of_s3_stay_what_they_are() -> None:
    with pytest.raises(ClientError, match="SlowDown"):
        open_uri("s3://box/a.csv", OneObject(b"", refuses="SlowDown"))


@pytest.mark.parametrize(
    "uri", ["", "a.csv", "http://box/a.csv", "s3:/box/a.csv", "s3://box", "s3://box/", "s3:///a.csv"]
)
def test_what_is_no_s3_uri_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="must look like s3://bucket/key"):
        split(uri)


def test_a_key_is_taken_as_it_is() -> None:
    assert split("s3://box/a b/ü%20+.csv?x#y") == ("box", "a b/ü%20+.csv?x#y")
