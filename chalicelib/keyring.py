"""The webhook secrets of all tenants, derived from one master key that Parameter Store keeps encrypted.

    parameter (SecureString)   {"current": {"version", "key", "since"}, "previous": {…} | null}
        ── HKDF-SHA256 ──▶     whsec_… of a tenant, of a version      (no secret of its own is stored)
        ── HKDF-SHA256 ──▶     keys for other purposes, such as signing cursors

After a rotation both versions are valid for a day: messages carry both signatures, and receivers change at
leisure. The parameter is read at most every five minutes; while Parameter Store does not answer, the keys
last read serve on for a day, as long as the previous one could. Nothing is logged, and `repr` masks.
"""

import base64
import hashlib
import hmac
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, Protocol

from invoke_once.errors import ConfigurationError, InvokeOnceError, StoreUnavailable
from invoke_once.signing import PREFIX
from invoke_once.store.aws import client

OVERLAP_MS: Final = 24 * 3_600_000
FRESH_S: Final = 300
_TRY_AGAIN_S: Final = 30
_STALE_S: Final = 86_400
_KEY_BYTES: Final = 32
_SALT: Final = b"invoke-once"


class Secret(str):
    """Text that is shown once, to whom it belongs: `repr`, and so a trace or a dataclass, masks it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret('whsec_…')"


class RotatedAlready(InvokeOnceError):
    """The last rotation is less than a day old: another now would end a secret that is still in use."""


class Parameter(Protocol):
    """Where the master key lies. `read` raises ConfigurationError (there is none) or StoreUnavailable."""

    def read(self) -> str: ...

    def create(self, value: str) -> bool:
        """False if there is one already, which stays."""
        ...

    def replace(self, value: str) -> None: ...


@dataclass(frozen=True, slots=True)
class MasterKey:
    version: int
    since_ms: int
    key: bytes = field(repr=False)

    def derive(self, label: str) -> bytes:
        return hkdf(self.key, f"v{self.version}/{label}".encode())

    def as_json(self) -> dict[str, Any]:
        since = datetime.fromtimestamp(self.since_ms / 1000, UTC).isoformat(timespec="milliseconds")
        return {"version": self.version, "key": base64.b64encode(self.key).decode(), "since": since}


@dataclass(frozen=True, slots=True)
class MasterKeys:
    current: MasterKey
    previous: MasterKey | None = None

    def valid(self, now_ms: int) -> list[MasterKey]:
        """The current key, then the previous one for a day after the rotation."""
        if self.previous is None or now_ms - self.current.since_ms >= OVERLAP_MS:
            return [self.current]
        return [self.current, self.previous]

    def rotated(self, now_ms: int, key: bytes) -> "MasterKeys":
        return MasterKeys(MasterKey(self.current.version + 1, now_ms, key), self.current)

    def dump(self) -> str:
        previous = self.previous and self.previous.as_json()
        return json.dumps({"current": self.current.as_json(), "previous": previous})

    @classmethod
    def parse(cls, text: str) -> "MasterKeys":
        """Raises ConfigurationError without a word of what was read."""
        try:
            value = json.loads(text)
            previous = value.get("previous")
            return cls(_master_key(value["current"]), _master_key(previous) if previous else None)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise ConfigurationError("the master key's parameter does not hold what it should") from None


def _master_key(value: dict[str, Any]) -> MasterKey:
    key = base64.b64decode(value["key"], validate=True)
    if len(key) < _KEY_BYTES:
        raise ValueError("a short key")
    since = datetime.fromisoformat(value["since"])
    return MasterKey(int(value["version"]), round(1000 * since.timestamp()), key)


def hkdf(key: bytes, info: bytes, salt: bytes = _SALT) -> bytes:
    """32 bytes that tell nothing of `key` (RFC 5869 with SHA-256; its first block is all that is needed)."""
    extracted = hmac.digest(salt, key, hashlib.sha256)
    return hmac.digest(extracted, info + b"\x01", hashlib.sha256)


class Keyring:
    """The keys of one parameter, cached. `clock`: seconds that only ever go up."""

    def __init__(self, parameter: Parameter, clock: Callable[[], float] = time.monotonic) -> None:
        self._parameter, self._clock = parameter, clock
        self._keys: MasterKeys | None = None
        self._read_s = self._look_again_s = 0.0

    def secrets_for(self, tenant: str, now_ms: int) -> list[Secret]:
        """The tenant's secrets, the current one first: sign with all of them, show the first."""
        derived = [key.derive(f"webhook/{tenant}") for key in self._current_keys().valid(now_ms)]
        return [Secret(PREFIX + base64.b64encode(key).decode()) for key in derived]

    def derive_valid(self, purpose: str, now_ms: int) -> list[bytes]:
        """Keys of 32 bytes for marks of our own, such as cursors: the current one, which signs, and while a rotation
        is young the one before it: whoever verifies takes either."""
        return [key.derive(f"purpose/{purpose}") for key in self._current_keys().valid(now_ms)]

    def _current_keys(self) -> MasterKeys:
        if self._keys is None or self._clock() >= self._look_again_s:
            self._keys = self._read(self._keys)
        return self._keys

    def _read(self, last: MasterKeys | None) -> MasterKeys:
        try:
            keys = MasterKeys.parse(self._parameter.read())
        except InvokeOnceError:
            if last is None or self._clock() - self._read_s > _STALE_S:
                raise
            self._look_again_s = self._clock() + _TRY_AGAIN_S
            return last
        self._read_s = self._clock()
        self._look_again_s = self._read_s + FRESH_S
        return keys


def create(parameter: Parameter, now_ms: int, random: Callable[[int], bytes] = os.urandom) -> bool:
    """Make the first master key, once: one that exists is never touched. True if it was made now."""
    return parameter.create(MasterKeys(MasterKey(1, now_ms, random(_KEY_BYTES))).dump())


def rotate(
    parameter: Parameter,
    now_ms: int,
    random: Callable[[int], bytes] = os.urandom,
    *,
    force: bool = False,
) -> MasterKeys:
    """Replace the master key; the one before stays valid for a day. For an operator, one at a time.

    Raises RotatedAlready within a day of the last rotation, unless `force`: that ends a leaked key at once.
    """
    keys = MasterKeys.parse(parameter.read())
    if len(keys.valid(now_ms)) > 1 and not force:
        raise RotatedAlready
    rotated = keys.rotated(now_ms, random(_KEY_BYTES))
    parameter.replace(rotated.dump())
    return rotated


class SsmParameter:
    """A SecureString of AWS Systems Manager. The client is made at the first use."""

    def __init__(self, name: str) -> None:
        self._name = name

    def read(self) -> str:
        answer = self._call("get_parameter", WithDecryption=True)
        if answer is None:
            raise ConfigurationError(f"there is no parameter {self._name}: deploy makes it, once")
        return str(answer["Parameter"]["Value"])

    def create(self, value: str) -> bool:
        return self._call("put_parameter", Value=value, Type="SecureString", Overwrite=False) is not None

    def replace(self, value: str) -> None:
        self._call("put_parameter", Value=value, Type="SecureString", Overwrite=True)

    def _call(self, operation: str, **request: Any) -> dict[str, Any] | None:
        """The answer; None where there is no such parameter, or there is one already."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = getattr(_ssm(), operation)(Name=self._name, **request)
        except ClientError as err:
            code = err.response.get("Error", {}).get("Code", "unknown")
            if code in ("ParameterNotFound", "ParameterAlreadyExists"):
                return None
            raise StoreUnavailable(f"Parameter Store refused {operation}: {code}") from None
        except (BotoCoreError, OSError) as err:
            raise StoreUnavailable(f"Parameter Store did not answer: {type(err).__name__}") from None
        return answer


@cache
def _ssm() -> Any:
    retries = {"mode": "standard", "total_max_attempts": 3}
    return client("ssm", connect_timeout=2, read_timeout=3, retries=retries)


@cache
def keyring() -> Keyring:
    """The service's own, of the parameter that ONCE_MASTER_KEY names."""
    name = os.environ.get("ONCE_MASTER_KEY")
    if not name:
        raise ConfigurationError("ONCE_MASTER_KEY is not set: the name of the master key's parameter")
    return Keyring(SsmParameter(name))


def secrets_for(tenant: str, now_ms: int) -> list[Secret]:
    """See `Keyring.secrets_for`."""
    return keyring().secrets_for(tenant, now_ms)
