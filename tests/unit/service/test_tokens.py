"""Tokens: what one is made of, who is let in until when, how long an answer is remembered, what the table is asked."""

from __future__ import annotations

import re
import secrets
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.functions import Function
from chalicelib.tokens import SCOPES, DynamoTokens, Token, TokenCache, issue
from infra import stages
from infra.template import storage
from invoke_once.errors import StoreUnavailable
from invoke_once.store.connection import Connection
from invoke_once.testing import Clock

NOW = 1_800_000_000_999
ID, SECRET = "0123456789abcdef", "a-secret-of-forty-three-characters-12345678"
HASH = "1c2ad1879804665256b3345b5d9ef54e26866e0a2d5b4c9de7f1e1ad697d2ba6"  # SHA-256 of it
TOKEN = Token(ID, "demo", ("runs:read", "admin"), HASH, NOW, 1_800_000_060)
ITEM = {
    "id": {"S": ID},
    "tenant": {"S": "demo"},
    "scopes": {"L": [{"S": "runs:read"}, {"S": "admin"}]},
    "hash": {"S": HASH},
    "created_at_ms": {"N": "1800000000999"},
    "expires_at": {"N": "1800000060"},
}


class Kept:
    """Tokens in memory; counts who is looked up."""

    def __init__(self, *tokens: Token) -> None:
        self.tokens, self.read = {token.id: token for token in tokens}, list[str]()

    def get(self, token_id: str) -> Token | None:
        self.read.append(token_id)
        return self.tokens.get(token_id)

    def put(self, token: Token) -> None:
        self.tokens[token.id] = token

    def delete(self, token_id: str) -> None: ...

    def of_tenant(self, tenant: str, limit: int, after: str | None) -> list[Token]:
        return []


def test_a_token_is_64_random_bits_of_an_id_and_256_of_a_secret_of_which_the_hash_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(secrets, "token_hex", lambda size: asked.append(size) or ID)
    monkeypatch.setattr(secrets, "token_urlsafe", lambda size: asked.append(size) or SECRET.replace("-", "_"))
    kept = Kept()
    token, text = issue(kept, "demo", ["admin", "runs:read", "unknown"], NOW, 60)
    assert (token, text) == (TOKEN, f"once_{ID}_{SECRET}")
    assert asked == [8, 32] and kept.tokens == {ID: TOKEN}


def test_one_that_is_not_said_to_end_does_not() -> None:
    token, text = issue(Kept(), "demo", SCOPES, NOW)
    assert re.fullmatch(r"once_[0-9a-f]{16}_[A-Za-z0-9-]{43}", text)
    assert (token.expires_at, token.scopes) == (None, ("runs:read", "runs:write", "admin", "operator"))
    assert not token.expired(10**15)


@pytest.mark.parametrize(("now_ms", "expired"), [(1_800_000_059_999, False), (1_800_000_060_000, True)])
def test_one_that_ends_does_so_at_its_second(now_ms: int, expired: bool) -> None:
    assert TOKEN.expired(now_ms) is expired
    assert TokenCache(Kept(TOKEN), lambda: now_ms).check(f"once_{ID}_{SECRET}") == (None if expired else TOKEN)


@pytest.mark.parametrize(
    ("text", "looked_up"),
    [("", False), (f"once_{ID}", False), (f"ONCE_{ID}_{SECRET}", False), (f"once_{ID}_{SECRET}\n", False),
     (f"once_{ID}_{SECRET[:-1]}", True), (f"once_{ID}_{SECRET[:-1]}9", True), (f"once_{'f' * 16}_{SECRET}", True)],
)  # fmt: skip
def test_what_is_no_token_opens_nothing_and_only_what_looks_like_one_is_looked_up(text: str, looked_up: bool) -> None:
    kept = Kept(TOKEN)
    assert TokenCache(kept, lambda: NOW).check(text) is None
    assert bool(kept.read) is looked_up


def test_an_unknown_token_is_none_whatever_its_secret_is() -> None:
    assert TokenCache(Kept(), lambda: NOW).check(f"once_{ID}_{SECRET}") is None


def test_a_token_and_its_absence_are_remembered_for_fifty_seconds() -> None:
    clock, kept = Clock(NOW), Kept(TOKEN)
    cache = TokenCache(kept, clock)
    good, unknown = f"once_{ID}_{SECRET}", f"once_{'f' * 16}_{SECRET}"
    assert (cache.check(good), cache.check(unknown)) == (TOKEN, None)
    clock.step(49_999)
    assert (cache.check(good), cache.check(unknown), kept.read) == (TOKEN, None, [ID, "f" * 16])
    clock.step(1)
    kept.tokens.clear()
    assert (cache.check(good), kept.read) == (None, [ID, "f" * 16, ID])


def test_a_process_that_revokes_one_forgets_it_at_once() -> None:
    kept = Kept(TOKEN)
    cache = TokenCache(kept, lambda: NOW)
    assert cache.check(f"once_{ID}_{SECRET}") == TOKEN
    kept.tokens.clear()
    cache.forget("unknown")
    cache.forget(ID)
    assert cache.check(f"once_{ID}_{SECRET}") is None


def test_no_more_than_ten_thousand_are_remembered() -> None:
    kept = Kept()
    cache = TokenCache(kept, lambda: NOW)
    for number in range(10_000):
        cache.check(f"once_{number:08}_{SECRET}")
    cache.check(f"once_00000000_{SECRET}")
    assert len(kept.read) == 10_000
    cache.check(f"once_99999999_{SECRET}")
    cache.check(f"once_00000000_{SECRET}")
    assert kept.read[10_000:] == ["99999999", "00000000"]


# The table


class Asked(Connection):
    """What pynamodb would send, and the answer to it."""

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(client=object())
        self.answer, self.requests = answer, list[tuple[str, dict[str, Any]]]()

    def dispatch(self, operation_name: str, operation_kwargs: dict[str, Any]) -> dict[str, Any]:
        self.requests.append((operation_name, operation_kwargs))
        if "Error" in self.answer:
            raise ClientError(self.answer, operation_name)  # type: ignore[arg-type]
        return self.answer


def test_a_token_is_read_consistently_so_that_one_that_was_just_made_is_there() -> None:
    asked = Asked({"Item": ITEM})
    assert DynamoTokens("tokens", asked).get(ID) == TOKEN
    assert asked.requests == [("GetItem", {"TableName": "tokens", "Key": {"id": {"S": ID}}, "ConsistentRead": True})]
    assert DynamoTokens("tokens", Asked({})).get(ID) is None
    endless = {name: value for name, value in ITEM.items() if name != "expires_at"}
    found = DynamoTokens("tokens", Asked({"Item": endless})).get(ID)
    assert found is not None and found.expires_at is None


def test_a_token_is_kept_and_deleted() -> None:
    asked = Asked({})
    table = DynamoTokens("tokens", asked)
    table.put(TOKEN)
    table.put(Token(ID, "demo", ("admin",), HASH, 5))
    table.delete(ID)
    endless = {name: value for name, value in ITEM.items() if name != "expires_at"}
    endless |= {"scopes": {"L": [{"S": "admin"}]}, "created_at_ms": {"N": "5"}}
    assert asked.requests == [
        ("PutItem", {"TableName": "tokens", "Item": ITEM}),
        ("PutItem", {"TableName": "tokens", "Item": endless}),
        ("DeleteItem", {"TableName": "tokens", "Key": {"id": {"S": ID}}}),
    ]


@pytest.mark.parametrize(
    ("after", "start"),
    [(None, {}), ("aaaa", {"ExclusiveStartKey": {"tenant": {"S": "demo"}, "id": {"S": "aaaa"}}})],
)
def test_a_tenant_s_tokens_come_from_their_index_after_the_one_that_is_told(
    after: str | None, start: dict[str, Any]
) -> None:
    asked = Asked({"Items": [ITEM]})
    assert DynamoTokens("tokens", asked).of_tenant("demo", 7, after) == [TOKEN]
    wanted = {
        "TableName": "tokens",
        "IndexName": "by_tenant",
        "Limit": 7,
        "KeyConditionExpression": "#0 = :0",
        "ExpressionAttributeNames": {"#0": "tenant"},
        "ExpressionAttributeValues": {":0": {"S": "demo"}},
    }
    assert asked.requests == [("Query", wanted | start)]
    assert DynamoTokens("tokens", Asked({})).of_tenant("demo", 7, after) == []


def test_the_index_is_that_of_the_table_which_is_deployed() -> None:
    keys = [{"AttributeName": "tenant", "KeyType": "HASH"}, {"AttributeName": "id", "KeyType": "RANGE"}]
    wanted = {
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "tenant", "AttributeType": "S"},
        ],
        "GlobalSecondaryIndexes": [{"IndexName": "by_tenant", "KeySchema": keys}],
    }
    asked = Asked({})
    DynamoTokens("tokens", asked)
    told = asked.get_meta_table("tokens").data
    told["GlobalSecondaryIndexes"][0]["KeySchema"].sort(key=lambda key: key["KeyType"])
    assert told == {"TableName": "tokens", **wanted}
    deployed = storage.resources(stages.load("local"), [Function("f", target="f")])["Tokens"]["Properties"]
    (index,) = deployed["GlobalSecondaryIndexes"]
    del index["Projection"]
    assert {name: deployed[name] for name in wanted} == wanted


@pytest.mark.parametrize(
    ("operation", "ask"),
    [
        ("GetItem", lambda table: table.get(ID)),
        ("PutItem", lambda table: table.put(TOKEN)),
        ("DeleteItem", lambda table: table.delete(ID)),
        ("Query", lambda table: table.of_tenant("demo", 5, None)),
    ],
)
def test_a_table_that_refuses_is_told_by_operation_and_code(operation: str, ask: Any) -> None:
    table = DynamoTokens("tokens", Asked({"Error": {"Code": "ThrottlingException", "Message": "words"}}))
    with pytest.raises(StoreUnavailable) as told:
        ask(table)
    assert str(told.value) == f"DynamoDB refused {operation}: ThrottlingException"
