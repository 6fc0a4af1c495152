"""What a new deployment needs before its first request: the master key, and a token for its first person.

Both are made once and found again: a second deploy changes neither.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from chalicelib.keyring import Keyring, create
from chalicelib.tokens import SCOPES, DynamoTokens, TokenCache, issue
from invoke_once.store.connection import Connection


class StackParameter:
    """The master key's SecureString, by the deployer's credentials (a `chalicelib.keyring.Parameter`)."""

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


def token(dynamodb: Any, table: str, tenant: str, scopes: Sequence[str] = SCOPES) -> str:
    """A new token, stored as a hash; what is returned is shown once and kept nowhere."""
    return issue(DynamoTokens(table, Connection(client=dynamodb)), tenant, scopes, _now_ms())[1]


def token_is_valid(dynamodb: Any, table: str, given: str) -> bool:
    """Whether this token of an earlier deploy still opens all of the service: a scope may have come since."""
    found = TokenCache(DynamoTokens(table, Connection(client=dynamodb)), _now_ms).check(given)
    return found is not None and set(SCOPES) <= set(found.scopes)


def has_tokens(dynamodb: Any, table: str) -> bool:
    """Whether anybody has a token yet."""
    return bool(dynamodb.scan(TableName=table, Limit=1)["Items"])


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
