"""A CSV in S3 as a `Source`: one GET, its body read as it is needed, resumed if a connection breaks."""

from __future__ import annotations

import functools
from typing import Any

from chalicelib.jobs.csv_profile.source import Source

READ_TRIES = 4
ABSENT = {"NoSuchKey", "NoSuchBucket", "404"}
DENIED = {"AccessDenied", "403"}


def open_uri(uri: str, client: Any = None) -> Source:
    """The object at `s3://bucket/key`; ValueError where there is none, or none this function may read."""
    bucket, key = split(uri)
    body = ObjectBody(client or s3_client(), bucket, key)
    return Source(body.read, body.size)


def split(uri: str) -> tuple[str, str]:
    """The bucket and the key of an S3 URI. The key is taken as it is: S3 URIs are not percent-encoded."""
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket or not key:
        raise ValueError(f"`uri` must look like s3://bucket/key, not {uri[:200]!r}")
    return bucket, key


class ObjectBody:
    """The bytes of one version of an object.

    A long read outlives connections. botocore tries a request again, but not the body of an answer it has
    begun to hand out, so this does: from the next byte, and only if the object is still the one that was
    opened (If-Match).
    """

    def __init__(self, client: Any, bucket: str, key: str) -> None:
        self._client, self._where = client, {"Bucket": bucket, "Key": key}
        answer = self._get()
        self._body, self._etag = answer["Body"], answer["ETag"]
        self.size, self._position = int(answer["ContentLength"]), 0

    def read(self, size: int) -> bytes:
        if self._position == self.size:
            return b""  # there is no byte left to resume from, should the connection break now
        for tries_left in reversed(range(READ_TRIES)):
            try:
                chunk: bytes = self._body.read(size)
                break
            except _broken_reads():
                if not tries_left:
                    raise
                self._resume()
        self._position += len(chunk)
        return chunk

    def _resume(self) -> None:
        answer = self._get(Range=f"bytes={self._position}-", IfMatch=self._etag)
        if int(answer["ContentLength"]) != self.size - self._position:
            raise OSError(f"S3 did not resume at byte {self._position} of {self.size}")
        self._body = answer["Body"]

    def _get(self, **more: str) -> Any:
        from botocore.exceptions import ClientError

        try:
            return self._client.get_object(**self._where, **more)
        except ClientError as error:
            raise self._explained(error) from error

    def _explained(self, error: Any) -> Exception:
        """S3's refusal as a sentence about the URI; anything else as it is."""
        code, uri = error.response["Error"]["Code"], f"s3://{self._where['Bucket']}/{self._where['Key']}"
        if code in ABSENT:
            return ValueError(f"{uri} does not exist")
        if code in DENIED:
            return ValueError(f"{uri} does not exist, or this function may not read it")
        if code in {"PreconditionFailed", "412"}:
            return ValueError(f"{uri} was replaced while it was being read")
        return error  # type: ignore[no-any-return]


@functools.cache
def _broken_reads() -> tuple[type[Exception], ...]:
    from botocore.exceptions import IncompleteReadError, ReadTimeoutError, ResponseStreamingError

    return IncompleteReadError, ReadTimeoutError, ResponseStreamingError, ConnectionError


@functools.cache
def s3_client() -> Any:
    import botocore.session  # only for a `uri`: a CSV in the input needs no AWS client

    return botocore.session.get_session().create_client("s3")
