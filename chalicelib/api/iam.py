"""Callers whom API Gateway knows by their AWS signature, where the stage has `callers = "iam"`: who is which tenant's.

The gateway has checked the signature and the principal's right to call before the service is asked. It says who it was
in `requestContext.identity.userArn`, which no caller can set (API Gateway Developer Guide, "$context variables").
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from chalicelib.tokens import Token
from invoke_once.errors import ConfigurationError

#: A session of a role. It names the role without the role's path.
_SESSION = re.compile(r"(arn:[a-z-]+):sts::(\d{12}):assumed-role/([\w+=,.@-]+)/[\w+=,.@-]+")

Callers = Mapping[str, Token]


def callers(env: Mapping[str, str]) -> Callers | None:
    """ONCE_IAM_CALLERS, `[[ARN, tenant, [scope …]] …]`: whose each principal is. None: callers have tokens."""
    text = env.get("ONCE_IAM_CALLERS")
    if not text:
        return None
    try:
        listed = json.loads(text)
        return {named(arn): Token(arn, str(tenant), tuple(scopes), "", 0) for arn, tenant, scopes in listed}
    except (ValueError, TypeError):
        raise ConfigurationError("ONCE_IAM_CALLERS is not a JSON array of [ARN, tenant, scopes]") from None


def caller(known: Callers, context: Mapping[str, Any]) -> Token | None:
    """The caller of a request that the gateway has let through; None: nobody's principal."""
    arn = (context.get("identity") or {}).get("userArn")
    if not isinstance(arn, str):
        return None
    session = _SESSION.fullmatch(arn)
    return known.get(f"{session[1]}:iam::{session[2]}:role/{session[3]}" if session else arn)


def named(arn: str) -> str:
    """A principal as a call names it: a role without its path, anything else as it is written."""
    principal, slash, path = arn.partition(":role/")
    return f"{principal}{slash}{path.rpartition('/')[2]}" if slash else arn
