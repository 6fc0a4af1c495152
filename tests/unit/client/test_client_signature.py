"""A token fetched with AWS credentials: the signature is what AWS would compute, and the old token stays at home."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import subprocess
import sys
from typing import Any

import httpx
import pytest
from botocore.session import Session

from invoke_once.client import Once
from invoke_once.client.aio import AsyncOnce
from invoke_once.errors import ConfigurationError

URL = "https://abc123.execute-api.eu-west-1.amazonaws.com/api"
MADE = {"id": "4f2k", "token": "once_4f2k_secret", "tenant": "shop", "expires_at": "2026-01-01T01:00:00.000Z"}


def session(secret: str = "secret", token: str | None = "sts") -> Any:
    found = Session()
    found.set_credentials("AKIA", secret, token)
    return found


class Gateway:
    """Answers as the service does, and keeps the request."""

    def __init__(self) -> None:
        self.seen: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        return httpx.Response(201, json=MADE)


def expected(request: httpx.Request, secret: str, region: str) -> str:
    """The signature of Signature Version 4, step by step as AWS's guide has it."""
    scope = request.headers["authorization"].split("Credential=AKIA/")[1].split(",")[0]
    names = request.headers["authorization"].split("SignedHeaders=")[1].split(",")[0]
    headers = "".join(f"{name}:{request.headers[name]}\n" for name in names.split(";"))
    digest = hashlib.sha256(request.content).hexdigest()
    canonical = "\n".join([request.method, request.url.raw_path.decode(), "", headers, names, digest])
    day, in_region, service, end = scope.split("/")
    assert (in_region, service, end) == (region, "execute-api", "aws4_request")
    text = "\n".join([
        "AWS4-HMAC-SHA256", request.headers["x-amz-date"], scope, hashlib.sha256(canonical.encode()).hexdigest()
    ])  # fmt: skip
    key = b"AWS4" + secret.encode()
    for part in (day, in_region, service, end):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize("seconds", [None, 600])
def test_the_call_is_signed_for_the_service_s_region(seconds: int | None) -> None:
    gateway = Gateway()
    with Once(URL, "once_old_token", transport=httpx.MockTransport(gateway)) as once:
        assert once.tokens.from_iam(seconds, session=session()) == MADE
    (request,) = gateway.seen
    assert request.headers["authorization"].endswith("Signature=" + expected(request, "secret", "eu-west-1"))
    assert request.headers["x-amz-security-token"] == "sts"
    assert "host" in request.headers["authorization"].split("SignedHeaders=")[1]
    assert json.loads(request.content or b"{}") == ({"expires_in_seconds": 600} if seconds else {})
    assert "once_old_token" not in str(request.headers)


def test_the_awaiting_client_does_the_same() -> None:
    gateway = Gateway()

    async def ask() -> Any:
        async with AsyncOnce(URL, transport=httpx.MockTransport(gateway)) as once:
            return await once.tokens.from_iam(session=session())

    assert asyncio.run(ask()) == MADE
    assert gateway.seen[0].headers["authorization"].startswith("AWS4-HMAC-SHA256 ")


def test_a_domain_of_one_s_own_takes_the_session_s_region(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway, own = Gateway(), session(token=None)
    with Once("https://once.example.com", transport=httpx.MockTransport(gateway)) as once:
        monkeypatch.delenv("AWS_REGION", raising=False)
        monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
        monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
        with pytest.raises(ConfigurationError, match="no AWS Region"):
            once.tokens.from_iam(session=session())
        own.set_config_variable("region", "us-west-2")
        once.tokens.from_iam(session=own)
    (request,) = gateway.seen
    assert request.headers["authorization"].endswith("Signature=" + expected(request, "secret", "us-west-2"))


def test_without_credentials_nothing_is_sent() -> None:
    class Nobody:
        def get_credentials(self) -> None:
            return None

    gateway = Gateway()
    with (
        Once(URL, transport=httpx.MockTransport(gateway)) as once,
        pytest.raises(ConfigurationError, match="found none"),
    ):
        once.tokens.from_iam(session=Nobody())
    assert gateway.seen == []


def test_the_client_does_without_botocore_until_it_is_asked_to_sign() -> None:
    source = (
        "import sys; sys.modules['botocore.auth'] = None\n"
        "from invoke_once.client import Once\n"
        "from invoke_once.errors import ConfigurationError\n"
        "assert not any(name.partition('.')[0] in ('botocore', 'boto3') for name in sys.modules if sys.modules[name])\n"
        "try: Once('http://127.0.0.1:1').tokens.from_iam()\n"
        "except ConfigurationError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "an AWS signature needs botocore: pip install botocore"
