"""The bucket of what was deployed: zips and templates under names made of their content, and a record of each deploy.

HASH-NAME             a zip, a template
deploys/TIME.json     {"at", "content", "template", "parameters"}: what `make rollback` deploys again
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from botocore.config import Config

from infra.ship.names import Names
from infra.template.storage import tls_only

DEPLOYS = "deploys/"


@dataclass(frozen=True)
class Deploy:
    """One deploy that succeeded. `at`: milliseconds since 1970; `template`: its key in the bucket."""

    at: int
    content: str
    template: str
    parameters: Mapping[str, str]


class Artifacts:
    """One stack's bucket. `endpoint`: the emulator's, or None."""

    def __init__(self, session: Any, endpoint: str | None, names: Names) -> None:
        style = {"addressing_style": "path" if endpoint else "virtual"}  # virtual: the Region's host
        config = Config(s3=style, signature_version="s3v4")
        self._s3 = session.client("s3", endpoint_url=endpoint, config=config)
        self._local, self.name, self._region = endpoint is not None, names.artifacts, names.region

    def ensure(self) -> None:
        """The bucket is there: private, encrypted (S3 does), and on AWS TLS only."""
        if self.exists():
            return
        where = (
            {} if self._region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": self._region}}
        )
        self._s3.create_bucket(Bucket=self.name, **where)
        closed = dict.fromkeys(
            ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
        )
        self._s3.put_public_access_block(Bucket=self.name, PublicAccessBlockConfiguration=closed)
        if not self._local:  # the emulator speaks http
            whole = f"arn:{self._s3.meta.partition}:s3:::{self.name}"
            self._s3.put_bucket_policy(Bucket=self.name, Policy=json.dumps(tls_only([whole, f"{whole}/*"])))

    def exists(self) -> bool:
        return self.name in [found["Name"] for found in self._s3.list_buckets()["Buckets"]]

    def put(self, file: Path) -> str:
        """The key of this file's content in the bucket; it is sent only if it is not there."""
        return self.put_bytes(file.read_bytes(), file.name)

    def put_bytes(self, data: bytes, name: str) -> str:
        key = f"{hashlib.sha256(data).hexdigest()[:20]}-{name}"
        try:
            self._s3.head_object(Bucket=self.name, Key=key)
        except self._s3.exceptions.ClientError:
            self._s3.put_object(Bucket=self.name, Key=key, Body=data)
        return key

    def url(self, key: str) -> str:
        """Where CloudFormation finds it."""
        url: str = self._s3.generate_presigned_url("get_object", Params={"Bucket": self.name, "Key": key})
        return url.partition("?")[0]

    def remember(self, deploy: Deploy) -> None:
        body = json.dumps(asdict(deploy)).encode()
        self._s3.put_object(Bucket=self.name, Key=f"{DEPLOYS}{deploy.at}.json", Body=body)

    def deploys(self) -> Iterator[Deploy]:
        """Newest first; each is read when it is asked for."""
        if not self.exists():
            return
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=DEPLOYS)
        for key in sorted((item["Key"] for page in pages for item in page.get("Contents", [])), reverse=True):
            yield Deploy(**json.loads(self._s3.get_object(Bucket=self.name, Key=key)["Body"].read()))
