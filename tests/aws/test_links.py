"""Links to S3 go to the Region's host: the one without a Region redirects, and the signature is broken by that."""

from __future__ import annotations

from urllib.parse import urlsplit

import boto3
import pytest

from infra.ship.artifacts import Artifacts
from infra.ship.names import Names
from invoke_once.store.objects import S3Objects

REGIONS = ("eu-central-1", "ap-southeast-7", "me-central-1")


@pytest.mark.parametrize("region", REGIONS)
def test_a_link_to_a_payload_and_the_template_s_address_name_the_region(
    monkeypatch: pytest.MonkeyPatch, region: str
) -> None:
    from invoke_once.store import aws

    for name, value in (("AWS_DEFAULT_REGION", region), ("AWS_REGION", region), ("AWS_ACCESS_KEY_ID", "a"),
                        ("AWS_SECRET_ACCESS_KEY", "b")):  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    aws.session.cache_clear()
    link = S3Objects("bucket-of-ours").url("echo/out/k.json", 300)
    aws.session.cache_clear()
    assert urlsplit(link).netloc == f"bucket-of-ours.s3.{region}.amazonaws.com"
    session = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name=region)
    artifacts = Artifacts(session, None, Names("s", "111122223333", region))
    assert urlsplit(artifacts.url("k")).netloc == f"{artifacts.name}.s3.{region}.amazonaws.com"
