"""What a new deployment needs before its first request: the master key, and a token for its first person.

Both are made once and found again: a second deploy changes neither. `make bootstrap STAGE=…` makes them for a stack
that a pipeline of your own has deployed from the template. No secret is printed: the first token is a SecureString,
`/STACK/first-token`, and in a file for its owner alone.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chalicelib.keyring import Keyring, create
from chalicelib.tokens import SCOPES, DynamoTokens, TokenCache, issue
from infra import stages
from infra.paths import LOCAL
from infra.ship.account import on_aws, plainly
from infra.ship.env_files import write_private
from infra.ship.stack import Stack
from infra.stages import Stage
from invoke_once.store.connection import Connection


class StackParameter:
    """The master key's SecureString, by the deployer's credentials (a `chalicelib.keyring.Parameter`)."""

    def __init__(self, ssm: Any, name: str, kms_key_arn: str = "") -> None:
        self._ssm, self._name = ssm, name
        self._how = {"Type": "SecureString"} | ({"KeyId": kms_key_arn} if kms_key_arn else {})

    def read(self) -> str:
        return str(self._ssm.get_parameter(Name=self._name, WithDecryption=True)["Parameter"]["Value"])

    def create(self, value: str) -> bool:
        try:
            self._ssm.put_parameter(Name=self._name, Value=value, Overwrite=False, **self._how)
        except self._ssm.exceptions.ParameterAlreadyExists:
            return False
        return True

    def replace(self, value: str) -> None:
        self._ssm.put_parameter(Name=self._name, Value=value, Overwrite=True, **self._how)


def keyring(ssm: Any, name: str, kms_key_arn: str = "") -> Keyring:
    """The stack's keys; the master key is made if it is missing."""
    parameter = StackParameter(ssm, name, kms_key_arn)
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


def bootstrap(stack: Stack, stage: Stage, directory: Path = LOCAL) -> list[str]:
    """Both are there; where the first token is, in words, and no secret."""
    ssm, (master_key, first_token) = stack.client("ssm"), stack.names.parameters
    keyring(ssm, master_key, stage.kms_key_arn)
    dynamodb, table = stack.client("dynamodb"), stack.names.tables[1]
    if has_tokens(dynamodb, table):
        return ["tokens are there already: `once tokens create` makes more"]
    made, file = token(dynamodb, table, "admin"), directory / f"{stack.name}.env"
    StackParameter(ssm, first_token, stage.kms_key_arn).replace(made)
    write_private(file, {"ONCE_URL": stack.outputs()["EndpointURL"].rstrip("/"), "ONCE_TOKEN": made})
    return [f"the first token, of the tenant admin, is in {file} (mode 600) and in the parameter {first_token}"]


def main() -> None:
    stage = stages.load(sys.argv[1] if len(sys.argv) > 1 else stages.LOCAL)
    if stage.local:
        raise stages.StageProblem("the stage `local` is the emulator: `make up` does all of it")
    print("\n".join(bootstrap(on_aws(stage), stage)))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    sys.exit(plainly(main))
