"""Callers whom API Gateway knows by their AWS signature: the roles and users that the stage lists, each with a tenant.

The gateway asks for SigV4 on `POST /iam-tokens` alone (infra/template/gateway.py) and says in `requestContext.identity`
who signed; nothing that a caller sends gets there. Names of roles and of users are unique in an account, whatever their
path, so account, kind and name say who it is: the ARN of a role's session has no path.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from chalicelib.api.problems import UnknownCaller
from invoke_once.errors import ConfigurationError

VARIABLE = "ONCE_IAM_CALLERS"
#: (account, "role" or "user", name)
Who: TypeAlias = tuple[str, str, str]


class Caller(Struct, frozen=True, forbid_unknown_fields=True):
    """A role or user of `iam_callers` in infra/stages.toml."""

    arn: str
    tenant: str
    scopes: tuple[str, ...]


def callers(text: str) -> dict[Who, Caller]:
    """ONCE_IAM_CALLERS, a JSON list of `Caller`. Raises ConfigurationError."""
    try:
        found = msgspec.json.decode(text or "[]", type=list[Caller])
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"{VARIABLE}: {error}") from None
    return {who(caller.arn): caller for caller in found}


@cache
def of_stage() -> dict[Who, Caller]:
    return callers(os.environ.get(VARIABLE, ""))


def identified(known: Mapping[Who, Caller], context: Mapping[str, Any]) -> Caller:
    """Who called, by the request's context. Raises UnknownCaller."""
    identity = context.get("identity")
    arn = identity.get("userArn") if isinstance(identity, Mapping) else None
    caller = known.get(who(arn)) if isinstance(arn, str) else None
    if caller is None:
        raise UnknownCaller
    return caller


def who(arn: str) -> Who:
    """Of a role or user (`…iam::ACCOUNT:role/PATH/NAME`), of a role's session (`…sts::ACCOUNT:assumed-role/NAME/S`)."""
    service, _, account, resource = (arn.split(":", 5) + [""] * 6)[2:6]
    kind, *names = resource.split("/")
    if (service, kind) == ("sts", "assumed-role") and len(names) == 2:
        return account, "role", names[0]
    if service == "iam" and kind in ("role", "user") and names:
        return account, kind, names[-1]
    return account, "", resource
