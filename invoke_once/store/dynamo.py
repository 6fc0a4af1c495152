"""The DynamoDB engine under `store.Store`, on pynamodb. The one place where AWS's errors become ours.

pynamodb's model is the legend of names and types, and makes tables; it hides ALL_OLD on `Model.save` and `update`,
and its `UpdateError` is the same for a lost race and for throttling. So requests are built in `expressions.py` and
sent by botocore, and the winner is read from its `ClientError`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, cast, get_type_hints

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.attributes import (
    Attribute,
    BinaryAttribute,
    BooleanAttribute,
    NumberAttribute,
    UnicodeAttribute,
)
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from invoke_once.errors import StoreUnavailable
from invoke_once.life.head import INDEX_KEYS, Head
from invoke_once.life.move import Move
from invoke_once.store import expressions, plain_json
from invoke_once.store.aws import client
from invoke_once.store.store import Item, Key, Unwritten, Written

#: Fields of the other parts of a run's collection (`records.py`).
PART_FIELDS: Mapping[str, type] = {
    "token": str,
    "delivery_attempt": int,
    "at": int,
    "previous": str,
    "sequence": int,
    "failures": int,
    "closed_until": int,
    "pause_ms": int,
}
#: DynamoDB answers in milliseconds; a request that hangs is given up long before a caller would.
CONNECT_TIMEOUT_S, READ_TIMEOUT_S, RETRIES = 1, 3, 3


def _attribute(kind: type, **options: Any) -> Attribute[Any]:
    if kind is bool:
        return BooleanAttribute(null=True)
    if kind is bytes:
        return BinaryAttribute(null=True, legacy_encoding=False)
    if kind in (int, float):
        return NumberAttribute(null=True, **options)
    return UnicodeAttribute(null=not options, **options)


def _field_types() -> dict[str, type]:
    hints = get_type_hints(Head)
    kinds = {f.name: hints[f.name] for f in fields(Head)}
    plain = {
        name: next(a for a in getattr(kind, "__args__", (kind,)) if a is not type(None)) for name, kind in kinds.items()
    }
    return plain | dict(PART_FIELDS)


def _index(name: str) -> GlobalSecondaryIndex[Any]:
    shard, at = INDEX_KEYS[name]
    meta = type("Meta", (), {"index_name": name, "projection": KeysOnlyProjection()})
    body = {"Meta": meta, shard: UnicodeAttribute(hash_key=True), at: NumberAttribute(range_key=True)}
    return cast(GlobalSecondaryIndex[Any], type(f"{name}_index", (GlobalSecondaryIndex,), body)())


def _model(table_name: str, host: str | None, region: str | None) -> type[Model]:
    """The pynamodb model, made from `records.Head`: one legend, no twin."""
    options = {"table_name": table_name, "host": host, "region": region, "billing_mode": "PAY_PER_REQUEST"}
    body: dict[str, Any] = {name: _attribute(kind) for name, kind in _field_types().items()}
    body |= {"run_id": UnicodeAttribute(hash_key=True), "part": UnicodeAttribute(range_key=True)}
    body |= {f"{name}_index": _index(name) for name in INDEX_KEYS}
    return cast(type[Model], type("RunItem", (Model,), body | {"Meta": type("Meta", (), options)}))


class DynamoTable:
    """The runs table. Thread-safe; one botocore client, made at the first request."""

    def __init__(self, table_name: str, *, host: str | None = None, region: str | None = None) -> None:
        self.name = table_name
        self.model = _model(table_name, host, region)
        self._types = self.model.get_attributes()
        self._client: Any = None

    def write(self, move: Move) -> Written | Unwritten:
        """One conditional PutItem or UpdateItem; one write unit per started KB, and one per changed index entry."""
        request = (expressions.put if move.replace else expressions.update)(self.name, move, self._types)
        operation = "PutItem" if move.replace else "UpdateItem"
        try:
            answer = self._send(operation, request)
        except _ConditionFailed as refused:
            return Unwritten(self._item(refused.found))
        if move.known is not None:
            return Written(move.changed(move.known))
        return Written(move.set if move.replace else self._item(answer.get("Attributes", {})))

    def get(self, run_id: str, part: str, *, consistent: bool = True) -> Item | None:
        key = {"run_id": {"S": run_id}, "part": {"S": part}}
        answer = self._send("GetItem", {"TableName": self.name, "Key": key, "ConsistentRead": consistent})
        return self._item(answer["Item"]) if answer.get("Item") else None

    def get_many(self, run_ids: Sequence[str]) -> list[Item]:
        wanted: list[dict[str, Any]] = [{"run_id": {"S": r}, "part": {"S": "head"}} for r in dict.fromkeys(run_ids)]
        found: list[Item] = []
        while wanted:
            answer = self._send("BatchGetItem", {"RequestItems": {self.name: {"Keys": wanted}}})
            found += [self._item(raw) for raw in answer.get("Responses", {}).get(self.name, [])]
            wanted = answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
        return found

    def parts(self, run_id: str, prefix: str) -> list[Item]:
        found: list[Item] = []
        request: dict[str, Any] = {
            "TableName": self.name,
            "ConsistentRead": True,
            "KeyConditionExpression": "run_id = :r AND begins_with(part, :p)",
            "ExpressionAttributeValues": {":r": {"S": run_id}, ":p": {"S": prefix}},
        }
        while True:
            answer = self._send("Query", request)
            found += [self._item(raw) for raw in answer.get("Items", [])]
            if "LastEvaluatedKey" not in answer:
                return found
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def index(
        self, name: str, shard: str, *, low: int, high: int, limit: int, newest_first: bool, after: Key | None
    ) -> list[Key]:
        hash_name, range_name = INDEX_KEYS[name]
        request: dict[str, Any] = {
            "TableName": self.name,
            "IndexName": name,
            "Limit": limit,
            "ScanIndexForward": not newest_first,
            "KeyConditionExpression": "#h = :h AND #r BETWEEN :low AND :high",
            "ExpressionAttributeNames": {"#h": hash_name, "#r": range_name},
            "ExpressionAttributeValues": {":h": {"S": shard}, ":low": {"N": str(low)}, ":high": {"N": str(high)}},
        }
        if after is not None:
            request["ExclusiveStartKey"] = {
                "run_id": {"S": after.run_id}, "part": {"S": after.part},
                hash_name: {"S": after.shard}, range_name: {"N": str(after.at)},
            }  # fmt: skip
        rows = self._send("Query", request).get("Items", [])
        return [Key(r["run_id"]["S"], shard, int(r[range_name]["N"]), r["part"]["S"]) for r in rows]

    def _item(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        return expressions.plain(raw, self._types)

    def send(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """One request on this client, to any table: a second client would cost a cold start tens of ms."""
        return self._send(operation, request)

    def connect(self) -> Any:
        """The client, made at the first call; pynamodb's own connection has it too."""
        if self._client is None:
            connection = self.model._get_connection().connection
            if connection._client is None:
                connection._client = client(
                    "dynamodb", endpoint_url=connection.host, region=connection.region,
                    connect_timeout=CONNECT_TIMEOUT_S, read_timeout=READ_TIMEOUT_S,
                    retries={"total_max_attempts": 1 + RETRIES, "mode": "standard"},
                )  # fmt: skip
            plain_json.use(connection._client.meta.events)
            self._client = connection._client
        return self._client

    def _send(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return cast(dict[str, Any], getattr(self.connect(), xform_name(operation))(**request))
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "unknown")
            if code == "ConditionalCheckFailedException":
                raise _ConditionFailed(cast(Any, error.response).get("Item") or {}) from None
            raise StoreUnavailable(f"DynamoDB refused {operation}: {code}") from error
        except BotoCoreError as error:
            raise StoreUnavailable(f"DynamoDB did not answer {operation}: {type(error).__name__}") from error


class _ConditionFailed(Exception):
    def __init__(self, found: Mapping[str, Any]) -> None:
        super().__init__("the guard did not hold")
        self.found = found
