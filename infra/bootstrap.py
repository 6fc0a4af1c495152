"""What a new deployment needs before its first request: the master key, and a token for its first person.

Both are made once and found again: a second deploy changes neither.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from typing import Any

from chalicelib.secrets import Keyring, create

SCOPES = ["runs:read", "runs:write", "admin"]


class StackParameter:
    """The master key's SecureString, by the deployer's credentials (a `chalicelib.secrets.Parameter`)."""

    def __init__(self, ssm: Any, name: str) -> None:
        self._ssm, self._name = ssm, name

    def read(self) -> str:
        return str(self._ssm.get_parameter(Name=self._name, WithDecryption=True)["Parameter"]["Value"])

    def create(self, value: str) -> bool:
        try:
            self._ssm.put_parameter(Name=self._name, Type="SecureString", Value=value, Overwrite=False)
        except self._ssm.exceptions.ParameterAlreadyExists:
            return False
        return True

    def replace(self, value: str) -> None:
        self._ssm.put_parameter(Name=self._name, Type="SecureString", Value=value, Overwrite=True)


def keyring(ssm: Any, name: str) -> Keyring:
    """The stack's keys; the master key is made if it is missing."""
    parameter = StackParameter(ssm, name)
    create(parameter, _now_ms())
    return Keyring(parameter)


def webhook_secret(keys: Keyring, tenant: str) -> str:
    """The tenant's current signing secret."""
    return str(keys.secrets_for(tenant, _now_ms())[0])


def token(dynamodb: Any, table: str, tenant: str, scopes: list[str]) -> str:
    """A new token, stored as a hash; what is returned is shown once and kept nowhere."""
    token_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32).replace("_", "-")
    item = {
        "id": {"S": token_id},
        "tenant": {"S": tenant},
        "scopes": {"L": [{"S": scope} for scope in scopes]},
        "hash": {"S": _hash(secret)},
        "created_at_ms": {"N": str(_now_ms())},
    }
    dynamodb.put_item(TableName=table, Item=item)
    return f"once_{token_id}_{secret}"


def token_is_valid(dynamodb: Any, table: str, given: str) -> bool:
    """Whether this token of an earlier deploy still opens the service."""
    kind, _, rest = given.partition("_")
    token_id, _, secret = rest.partition("_")
    if kind != "once" or not secret:
        return False
    item = dynamodb.get_item(TableName=table, Key={"id": {"S": token_id}}, ConsistentRead=True).get(
        "Item", {}
    )
    return hmac.compare_digest(item.get("hash", {}).get("S", ""), _hash(secret))


def has_tokens(dynamodb: Any, table: str) -> bool:
    """Whether anybody has a token yet."""
    return bool(dynamodb.scan(TableName=table, Limit=1)["Items"])


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
