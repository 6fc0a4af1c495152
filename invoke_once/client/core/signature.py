"""A call with an AWS signature (SigV4) for API Gateway, by botocore and the credentials that it finds.

Only `tokens.from_iam` comes here: botocore is imported then, and nobody else needs it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from invoke_once.client.core.effects import Call
from invoke_once.errors import ConfigurationError

_SERVICE = "execute-api"
_HOST = re.compile(r"\A[a-z0-9-]+\.execute-api\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?\Z")


def signed(call: Call, session: Any = None) -> Call:
    """The call, signed. `session`: of boto3 or botocore; by default one of the environment.

    Raises ConfigurationError: botocore is not installed, there are no credentials, no Region is known. The Region is
    the URL's, or that of the session where the API has a domain of its own.
    """
    try:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.exceptions import BotoCoreError
        from botocore.session import get_session
    except ImportError:
        raise ConfigurationError("an AWS signature needs botocore: pip install botocore") from None
    chosen = session if session is not None else get_session()
    try:
        credentials = chosen.get_credentials()
        frozen = credentials.get_frozen_credentials() if credentials is not None else None
    except BotoCoreError as error:
        raise ConfigurationError(f"no AWS credentials: {error}") from None
    if frozen is None:
        raise ConfigurationError("no AWS credentials: botocore found none in the environment, files or roles")
    body = call.body or b""
    request = AWSRequest(call.method, call.url, {"Host": urlsplit(call.url).netloc}, body)
    SigV4Auth(frozen, _SERVICE, _region(call.url, chosen)).add_auth(request)
    return replace(call, headers={**call.headers, **dict(request.headers.items())})


def _region(url: str, session: Any) -> str:
    host = _HOST.match(urlsplit(url).hostname or "")
    if host is not None:
        return host[1]
    found = session.region_name if hasattr(session, "region_name") else session.get_config_variable("region")
    if not found:
        raise ConfigurationError("no AWS Region: set AWS_REGION to that of the service")
    return str(found)
