"""Bearer tokens: `once_<id>_<secret>`. Stored: the SHA-256 of the secret, a tenant, scopes, an expiry.

The secret has 256 random bits, so a plain hash is enough: there is nothing to guess from a list of likely ones.
A token is looked up by its id, with one read that a process then remembers for less than a minute: that is how
long a revoked token may still be taken.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

SCOPES = ("runs:read", "runs:write", "admin")
CACHE_MS = 50_000
_CACHED_TOKENS = 10_000
_FORM = re.compile(r"once_([a-z0-9]{8,32})_([A-Za-z0-9-]{20,128})")


class Token(Struct, frozen=True):
    """What is stored of a token. `hash` is the secret's SHA-256 in hex; `expires_at` is in seconds."""

    id: str
    tenant: str
    scopes: tuple[str, ...]
    hash: str
    created_at_ms: int
    expires_at: int | None = None

    def expired(self, now_ms: int) -> bool:
        return self.expires_at is not None and self.expires_at * 1000 <= now_ms


class TokenTable(Protocol):
    """Where tokens lie. Raises `StoreUnavailable` alone."""

    def get(self, token_id: str) -> Token | None: ...

    def put(self, token: Token) -> None: ...

    def delete(self, token_id: str) -> None: ...

    def of_tenant(self, tenant: str, limit: int, after: str | None) -> list[Token]:
        """In the order of their ids, after the id `after`; fewer than `limit` means the end."""
        ...


def issue(
    table: TokenTable, tenant: str, scopes: Sequence[str], now_ms: int, expires_in_s: int | None = None
) -> tuple[Token, str]:
    """Make and keep a token. Returns it and its text, which is shown once and kept nowhere."""
    token_id = secrets.token_hex(8)
    secret = secrets.token_urlsafe(32).replace("_", "-")
    expires_at = None if expires_in_s is None else now_ms // 1000 + expires_in_s
    token = Token(token_id, tenant, tuple(s for s in SCOPES if s in scopes), _hash(secret), now_ms, expires_at)
    table.put(token)
    return token, f"once_{token_id}_{secret}"


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


class TokenCache:
    """Checks tokens, remembering what was read for `CACHE_MS`, also that there is no such token."""

    def __init__(self, table: TokenTable, now_ms: Callable[[], int]) -> None:
        self.table = table
        self._now_ms = now_ms
        self._known: dict[str, tuple[int, Token | None]] = {}

    def check(self, text: str) -> Token | None:
        """The token behind `text`, or None: malformed, unknown, another secret, revoked or expired."""
        form = _FORM.fullmatch(text)
        token = self._find(form[1]) if form else None
        good = form is not None and hmac.compare_digest(token.hash if token else "", _hash(form[2]))
        return token if token is not None and good and not token.expired(self._now_ms()) else None

    def forget(self, token_id: str) -> None:
        """After a revocation by this very process."""
        self._known.pop(token_id, None)

    def _find(self, token_id: str) -> Token | None:
        now_ms = self._now_ms()
        read_ms, token = self._known.get(token_id, (now_ms - CACHE_MS, None))
        if now_ms - read_ms < CACHE_MS:
            return token
        token = self.table.get(token_id)
        if len(self._known) >= _CACHED_TOKENS:
            self._known.clear()
        self._known[token_id] = (now_ms, token)
        return token


class Sender(Protocol):
    """Sends one DynamoDB request. Raises `StoreUnavailable` alone."""

    def send(self, operation: str, request: dict[str, Any]) -> dict[str, Any]: ...


class DynamoTokens:
    """The tokens table: `id` is its key; index `by_tenant` (tenant, id) carries everything. TTL on `expires_at`."""

    def __init__(self, name: str, sender: Any) -> None:
        self._name = name
        self._sender: Sender = sender

    def get(self, token_id: str) -> Token | None:
        request = {"TableName": self._name, "Key": {"id": {"S": token_id}}, "ConsistentRead": True}
        item = self._sender.send("GetItem", request).get("Item")
        return _token(item) if item else None

    def put(self, token: Token) -> None:
        self._sender.send("PutItem", {"TableName": self._name, "Item": item_of(token)})

    def delete(self, token_id: str) -> None:
        self._sender.send("DeleteItem", {"TableName": self._name, "Key": {"id": {"S": token_id}}})

    def of_tenant(self, tenant: str, limit: int, after: str | None) -> list[Token]:
        request: dict[str, Any] = {
            "TableName": self._name,
            "IndexName": "by_tenant",
            "Limit": limit,
            "KeyConditionExpression": "tenant = :t",
            "ExpressionAttributeValues": {":t": {"S": tenant}},
        }
        if after is not None:
            request["ExclusiveStartKey"] = {"tenant": {"S": tenant}, "id": {"S": after}}
        return [_token(item) for item in self._sender.send("Query", request).get("Items", [])]


def item_of(token: Token) -> dict[str, Any]:
    """The token as DynamoDB keeps it."""
    item: dict[str, Any] = {
        "id": {"S": token.id},
        "tenant": {"S": token.tenant},
        "scopes": {"L": [{"S": scope} for scope in token.scopes]},
        "hash": {"S": token.hash},
        "created_at_ms": {"N": str(token.created_at_ms)},
    }
    return item if token.expires_at is None else item | {"expires_at": {"N": str(token.expires_at)}}


def _token(item: Mapping[str, Any]) -> Token:
    scopes = tuple(scope["S"] for scope in item["scopes"]["L"])
    expires_at = int(item["expires_at"]["N"]) if "expires_at" in item else None
    created_ms = int(item["created_at_ms"]["N"])
    return Token(item["id"]["S"], item["tenant"]["S"], scopes, item["hash"]["S"], created_ms, expires_at)
