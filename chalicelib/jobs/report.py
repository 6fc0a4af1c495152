"""The sample `report`, a job as one would write it: profile a CSV of any size, in bounded memory.

    {"csv": "a,b\\n1,x\\n"}  or  {"uri": "s3://bucket/key"}
    -> {"rows": 1, "columns": [{"name": "a", "type": "integer", "nulls": 0, "distinct": 1, "min": 1, …}, …]}

An EventBridge rule may fire it: the input is then the event's `detail`, or the object that S3's own event is
about. How the profile is made is in `csv_profile`.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import Any

from chalicelib.jobs import inputs
from chalicelib.jobs.csv_profile import Source, profile
from invoke_once import Run, current_run, tracked


@tracked
def handler(event: object, _context: object) -> dict[str, Any]:
    return report(event, current_run())


def report(event: object, run: Run, s3: Callable[[], Any] | None = None) -> dict[str, Any]:
    """The profile of the CSV that the event names. ValueError or TypeError says what is wrong with either."""
    given = request(event)
    if "uri" in given:
        only_its_own(inputs.text(given, "uri"), run.tenant)
    source = source_of(given, s3 or s3_client)

    def tell(rows: int) -> None:
        run.check()
        read = f"{source.position / 1e6:.1f} of {source.size / 1e6:.1f} MB read"
        run.progress(source.position / max(source.size, 1), f"{rows:,} {'row' if rows == 1 else 'rows'}, {read}")

    encoding = inputs.text(given, "encoding") if "encoding" in given else None
    result = profile(source, encoding, delimiter(given), tell)
    print(f"report: {result['rows']} rows, {len(result['columns'])} columns, {source.size} bytes")
    return result


def request(event: object) -> dict[str, Any]:
    """The request itself, taken out of an EventBridge event where it came in one."""
    given = inputs.members(event, "`csv` or `uri`")
    if not ("detail" in given and "detail-type" in given):
        return given
    detail = inputs.members(given["detail"], "`csv` or `uri` as its `detail`")
    match detail:
        case {"bucket": {"name": str(bucket)}, "object": {"key": str(key)}}:  # "Object Created", from S3
            return {"uri": f"s3://{bucket}/{key}"}
    return detail


def only_its_own(uri: str, tenant: str) -> None:
    """Raises ValueError for an object that is not under the tenant's own prefix: the role reads for all of them.

    The function's own tenant (functions.toml) may read whatever its role may.
    """
    key = uri.partition("://")[2].partition("/")[2]
    if tenant != os.environ.get("ONCE_TENANT", tenant) and not key.startswith(f"{tenant}/"):
        raise ValueError(f"a CSV of tenant {tenant} has a key that begins with {tenant}/")


def source_of(given: dict[str, Any], s3: Callable[[], Any]) -> Source:
    if ("csv" in given) == ("uri" in given):
        raise ValueError("the input needs either `csv`, the CSV's text, or `uri`, where it lies: s3://bucket/key")
    if "uri" in given:
        return opened(inputs.text(given, "uri"), s3)
    if not isinstance(given["csv"], str):
        raise TypeError(f"`csv` must be a string, not {inputs.kind(given['csv'])}")
    body = given["csv"].encode(errors="replace")  # half a surrogate pair, which JSON can hold, becomes a question mark
    return Source(io.BytesIO(body).read, len(body))


def opened(uri: str, s3: Callable[[], Any]) -> Source:
    """The object at `s3://bucket/key`, read as it is needed. The key is taken as it is, without percent-decoding."""
    from botocore.exceptions import ClientError

    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket or not key:
        raise ValueError(f"`uri` must look like s3://bucket/key, not {uri[:200]!r}")
    if bucket == os.environ.get("ONCE_BUCKET"):  # with other runs' inputs in it: callers may not read what we may
        raise ValueError(f"{uri} lies in the service's own bucket: put the CSV into another")
    try:
        answer = s3().get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "NoSuchBucket", "AccessDenied"):
            raise ValueError(f"{uri} does not exist, or this function may not read it") from error
        raise
    return Source(answer["Body"].read, int(answer["ContentLength"]))


def s3_client() -> Any:
    from invoke_once.store.aws import client  # only for a `uri`: a CSV in the input needs no AWS client

    return client("s3")


def delimiter(given: dict[str, Any]) -> str | None:
    """The delimiter that was asked for; None to find it out."""
    if "delimiter" not in given:
        return None
    one = inputs.text(given, "delimiter")
    if len(one) != 1 or one in '"\r\n':
        raise ValueError(f"`delimiter` must be one character, and no quote or line end, not {one[:20]!r}")
    return one
