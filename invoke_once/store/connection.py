"""DynamoDB by pynamodb's low-level connection, on this process's one boto3 session. AWS's errors become ours here.

`Model.get`, `query` and `batch_get` would each go over a client of pynamodb's own session, one a model: 95 ms more of
every cold start (docs/explanation/decisions). So the models declare the tables, and a connection asks them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb import connection
from pynamodb.attributes import Attribute
from pynamodb.connection.base import MetaTable
from pynamodb.exceptions import PynamoDBConnectionError
from pynamodb.indexes import GlobalSecondaryIndex
from pynamodb.models import Model

from invoke_once.errors import StoreUnavailable
from invoke_once.store import aws

#: DynamoDB answers in milliseconds; a request that hangs is given up long before a caller would.
CONNECT_TIMEOUT_S, READ_TIMEOUT_S, TRIES = 1, 3, 4


class Connection(connection.Connection):
    """pynamodb's, with a client that is given or made at the first request. Thread-safe; for any number of tables."""

    def __init__(self, *, host: str | None = None, region: str | None = None, client: Any = None) -> None:
        super().__init__(host=host, region=region)
        self._made = client
        self._making = threading.Lock()

    @property
    def client(self) -> Any:
        with self._making:
            if self._made is None:
                self._made = aws.client(
                    "dynamodb", endpoint_url=self.host, region=self.region, parameter_validation=False,
                    connect_timeout=CONNECT_TIMEOUT_S, read_timeout=READ_TIMEOUT_S,
                    retries={"total_max_attempts": TRIES, "mode": "standard"},
                )  # fmt: skip
            return self._made

    def warm(self) -> None:
        """Make the client now: the dearest thing that a first request needs."""
        assert self.client


def described(table: str, model: type[Model]) -> MetaTable:
    """What a connection has to know of `table` to ask it: its keys and indexes, as `model` declares them."""
    indexes = [found for found in vars(model).values() if isinstance(found, GlobalSecondaryIndex)]
    groups = [model.get_attributes().values(), *(index.Meta.attributes.values() for index in indexes)]
    keys = {key.attr_name: key.attr_type for group in groups for key in group if key.is_hash_key or key.is_range_key}
    return MetaTable({
        "TableName": table,
        "KeySchema": _key_schema(groups[0]),
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, kind in keys.items()],
        "GlobalSecondaryIndexes": [
            {"IndexName": index.Meta.index_name, "KeySchema": _key_schema(index.Meta.attributes.values())}
            for index in indexes
        ],
    })  # fmt: skip


def _key_schema(attributes: Iterable[Attribute[Any]]) -> list[dict[str, str]]:
    return [{"AttributeName": attribute.attr_name, "KeyType": "HASH" if attribute.is_hash_key else "RANGE"}
            for attribute in attributes if attribute.is_hash_key or attribute.is_range_key]  # fmt: skip


@contextmanager
def errors_as_ours(operation: str) -> Iterator[None]:
    """Inside, what botocore and pynamodb raise becomes `StoreUnavailable`."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise unavailable(operation, error) from error
    except PynamoDBConnectionError as error:
        raise unavailable(operation, error.cause or error) from error


def unavailable(operation: str, error: Exception) -> StoreUnavailable:
    if isinstance(error, ClientError):
        return StoreUnavailable(f"DynamoDB refused {operation}: {code_of(error)}", code_of(error))
    name = type(error).__name__
    return StoreUnavailable(f"DynamoDB did not answer {operation}: {name}", name)


def code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "unknown"))
