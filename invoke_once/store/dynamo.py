"""The DynamoDB engine under `store.Store`: pynamodb's model, expressions and connection.

Two requests go to the client themselves. A move's write, because a refusal has to bring the winner (ALL_OLD), and
pynamodb's own `save` and `update` do not pass it on. BatchGetItem's repetition, because `Model.batch_get` repeats
unprocessed keys at once and for ever.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, cast

from botocore.exceptions import ClientError

from invoke_once import log
from invoke_once.errors import StoreUnavailable
from invoke_once.life.head import HEAD, INDEX_KEYS
from invoke_once.life.move import Move
from invoke_once.store import expressions
from invoke_once.store.connection import Connection, code_of, described, errors_as_ours
from invoke_once.store.models import RunModel
from invoke_once.store.store import Item, Key, Unwritten, Written

#: Waits before the keys that a BatchGetItem left unread are asked for again, in seconds, each with jitter.
BATCH_PAUSES_S = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
#: Requests whose text is kept; a process makes some dozens.
SHAPES = 500


class DynamoTable:
    """The runs table. Thread-safe; one client, made at the first request."""

    def __init__(
        self, table_name: str, *, host: str | None = None, region: str | None = None,
        connection: Connection | None = None, sleep: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        self.name = table_name
        self.connection = connection or Connection(host=host, region=region)
        self.connection.add_meta_table(described(table_name, RunModel))
        self._sleep = sleep
        self._made: dict[Hashable, dict[str, Any]] = {}

    def write(self, move: Move) -> Written | Unwritten:
        """One conditional PutItem or UpdateItem; one write unit per started KB, and one per changed index entry."""
        client = self.connection.client
        operation, send = ("PutItem", client.put_item) if move.replace else ("UpdateItem", client.update_item)
        with errors_as_ours(operation):
            try:
                answer = send(**self.request(move))
            except ClientError as error:
                if code_of(error) != "ConditionalCheckFailedException":
                    raise
                return Unwritten(plain(error.response.get("Item") or {}))
        if move.known is not None:
            return Written(move.changed(move.known))
        return Written(move.set if move.replace else plain(answer.get("Attributes", {})))

    def request(self, move: Move) -> dict[str, Any]:
        """The arguments of the client's `put_item` or `update_item`.

        pynamodb makes the text of expressions, once for all moves of one shape; their values differ.
        """
        shape, values = expressions.shape(move), expressions.values(move)
        made = self._made.get(shape)
        if made is None:
            made = self._make(move)
            if made.pop("ExpressionAttributeValues", {}) != values:
                raise AssertionError(f"move {move.letter}: other values than pynamodb's")
            if len(self._made) < SHAPES:
                self._made[shape] = made
        key = {"run_id": {"S": move.run_id}, "part": {"S": move.part}}
        what = {"Item": key | stored(move.set)} if move.replace else {"Key": key}
        return {**made, **what, **({"ExpressionAttributeValues": values} if values else {})}

    def _make(self, move: Move) -> dict[str, Any]:
        condition = expressions.guard(move.guard)
        return self.connection.get_operation_kwargs(
            self.name, move.run_id, move.part, key="Item" if move.replace else "Key",
            actions=None if move.replace else expressions.actions(move), condition=condition,
            return_values="ALL_NEW" if move.known is None and not move.replace else None,
            return_values_on_condition_failure=None if condition is None else "ALL_OLD",
        )  # fmt: skip

    def get(self, run_id: str, part: str, *, consistent: bool = True) -> Item | None:
        with errors_as_ours("GetItem"):
            answer = self.connection.get_item(self.name, run_id, part, consistent_read=consistent)
        return plain(answer["Item"]) if answer.get("Item") else None

    def get_many(self, run_ids: Sequence[str], part: str = HEAD) -> list[Item]:
        """Keys that DynamoDB leaves unread are asked for again, later and later, and not for ever."""
        wanted = [{"run_id": {"S": run_id}, "part": {"S": part}} for run_id in dict.fromkeys(run_ids)]
        found: list[Item] = []
        for pause in (*BATCH_PAUSES_S, None):
            with errors_as_ours("BatchGetItem"):
                answer = self.connection.batch_get_item(self.name, cast(Any, wanted)) if wanted else {}
            found += [plain(raw) for raw in answer.get("Responses", {}).get(self.name, [])]
            wanted = answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
            if not wanted:
                return found
            if pause is not None:
                self._sleep(pause * (0.5 + random.random()))
        raise StoreUnavailable(f"DynamoDB left {len(wanted)} of {len(run_ids)} keys unread, again and again")

    def parts(self, run_id: str, prefix: str) -> list[Item]:
        found: list[Item] = []
        after: Any = None
        while True:
            with errors_as_ours("Query"):
                answer = self.connection.query(
                    self.name, run_id, RunModel.part.startswith(prefix), consistent_read=True, exclusive_start_key=after
                )
            found += [plain(raw) for raw in answer.get("Items", [])]
            after = answer.get("LastEvaluatedKey")
            if not after:
                return found

    def index(
        self, name: str, shard: str, *, low: int, high: int, limit: int, newest_first: bool, after: Key | None
    ) -> list[Key]:
        hash_name, range_name = INDEX_KEYS[name]
        with errors_as_ours("Query"):
            answer = self.connection.query(
                self.name, shard, expressions.attribute(range_name).between(low, high), index_name=name, limit=limit,
                scan_index_forward=not newest_first,
                exclusive_start_key=after and stored({
                    "run_id": after.run_id, "part": after.part, hash_name: after.shard, range_name: after.at,
                }),
            )  # fmt: skip
        rows = answer.get("Items", [])
        return [Key(r["run_id"]["S"], shard, _whole(r[range_name]["N"]), r["part"]["S"]) for r in rows]


def stored(values: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """An item as DynamoDB keeps it; None is left out.

    By each attribute, as the model's own way looks at every attribute it declares, and an item has a fifth of them.
    """
    return {name: expressions.wired(name, value) for name, value in values.items() if value is not None}


def plain(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The values of the attributes that this version knows; others are left out."""
    known = expressions.ATTRIBUTES
    return {
        name: kind.deserialize(kind.get_value(value))
        for name, value in raw.items()
        if (kind := known.get(name)) is not None and "NULL" not in value
    }


def _whole(number: str) -> int:
    """A time of an index, in ms. An odd one, which nothing of ours writes, is of a run like any other, and is told."""
    if number.isdecimal():
        return int(number)
    log.event("odd_time", level="ERROR", value=number[:40], metrics={"OddTimes": 1})
    return math.ceil(float(number))
