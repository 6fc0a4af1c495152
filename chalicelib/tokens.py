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
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from msgspec import Struct, structs
from pynamodb.attributes import ListAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model

from invoke_once.store.connection import Connection, described, errors_as_ours

SCOPES = ("runs:read", "runs:write", "admin", "operator")
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


class TenantTokens(GlobalSecondaryIndex["TokenModel"]):
    class Meta:
        index_name = "by_tenant"
        projection = AllProjection()

    tenant = UnicodeAttribute(hash_key=True)
    id = UnicodeAttribute(range_key=True)


class TokenModel(Model):
    """An item of the tokens table, whatever its name. TTL on `expires_at`, in seconds."""

    id = UnicodeAttribute(hash_key=True)
    by_tenant = TenantTokens()
    tenant = UnicodeAttribute()
    scopes: ListAttribute[Any] = ListAttribute(of=UnicodeAttribute)
    hash = UnicodeAttribute()
    created_at_ms = NumberAttribute()
    expires_at = NumberAttribute(null=True)

    @classmethod
    def of(cls, token: Token) -> TokenModel:
        return cls(**structs.asdict(token) | {"scopes": list(token.scopes)})

    def token(self) -> Token:
        return Token(**self.attribute_values | {"scopes": tuple(self.scopes)})


class DynamoTokens:
    """The tokens table, over the connection that the runs table has."""

    def __init__(self, name: str, connection: Connection) -> None:
        self._name, self._connection = name, connection
        connection.add_meta_table(described(name, TokenModel))

    def get(self, token_id: str) -> Token | None:
        with errors_as_ours("GetItem"):
            item = self._connection.get_item(self._name, token_id, consistent_read=True).get("Item")
        return TokenModel.from_raw_data(item).token() if item else None

    def put(self, token: Token) -> None:
        with errors_as_ours("PutItem"):
            self._connection.put_item(self._name, token.id, attributes=TokenModel.of(token).serialize())

    def delete(self, token_id: str) -> None:
        with errors_as_ours("DeleteItem"):
            self._connection.delete_item(self._name, token_id)

    def of_tenant(self, tenant: str, limit: int, after: str | None) -> list[Token]:
        last = None if after is None else {"tenant": {"S": tenant}, "id": {"S": after}}
        with errors_as_ours("Query"):
            answer = self._connection.query(
                self._name, tenant, index_name="by_tenant", limit=limit, exclusive_start_key=last
            )
        return [TokenModel.from_raw_data(item).token() for item in answer.get("Items", [])]
