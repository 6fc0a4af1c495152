"""Large payloads in S3."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from invoke_once.errors import PayloadCorrupt, StoreUnavailable
from invoke_once.store.aws import client


class S3Objects:
    """One bucket. The client is made at the first large payload: small runs never pay for it."""

    def __init__(self, bucket: str, *, endpoint_url: str | None = None) -> None:
        self._bucket = bucket
        self._endpoint_url = endpoint_url

    @cached_property
    def _client(self) -> Any:
        return client(
            "s3", endpoint_url=self._endpoint_url, connect_timeout=2, read_timeout=20,
            retries={"mode": "standard", "total_max_attempts": 3}, signature_version="s3v4",
            # virtual: with the Region's host; the one without redirects, and the signature breaks
            s3={"addressing_style": "path" if self._endpoint_url else "virtual"},
        )  # fmt: skip

    def put(self, key: str, data: bytes) -> None:
        self._call("put_object", Key=key, Body=data, ContentType="application/json")

    def get(self, key: str) -> bytes:
        body: bytes = self._call("get_object", Key=key)["Body"].read()
        return body

    def url(self, key: str, seconds: int) -> str:
        params = {"Bucket": self._bucket, "Key": key, "ResponseContentType": "application/json"}
        return str(self._client.generate_presigned_url("get_object", Params=params, ExpiresIn=seconds))

    def _call(self, operation: str, **request: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(Bucket=self._bucket, **request)
            return answer
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "unknown")
            if code == "NoSuchKey":
                raise PayloadCorrupt("the stored payload is missing") from None
            raise StoreUnavailable(f"S3 refused {operation}: {code}", code) from error
        except (BotoCoreError, OSError) as error:
            name = type(error).__name__
            raise StoreUnavailable(f"S3 did not answer {operation}: {name}", name) from error
