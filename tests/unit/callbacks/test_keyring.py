"""Where webhook secrets come from: derived, cached, rotated, and never shown by accident."""

import base64
import json
import traceback
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from chalicelib.keyring import (
    OVERLAP_MS,
    Keyring,
    MasterKeys,
    RotatedAlready,
    Secret,
    create,
    hkdf,
    rotate,
)
from invoke_once.errors import ConfigurationError, StoreUnavailable
from invoke_once.signing import sign, verify

NOW_MS = 1_700_000_000_000
DAY_S = 86_400


class KeptInMemory:
    """A parameter that counts its readers and can be made to fail."""

    def __init__(self, value: str | None = None) -> None:
        self.value, self.reads = value, 0
        self.failure: Exception | None = None

    def read(self) -> str:
        self.reads += 1
        if self.failure is not None:
            raise self.failure
        if self.value is None:
            raise ConfigurationError("there is none")
        return self.value

    def create(self, value: str) -> bool:
        made = self.value is None
        self.value = self.value or value
        return made

    def replace(self, value: str) -> None:
        self.value = value


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Random:
    """Keys of 32 bytes that differ: 0x01…, 0x02…"""

    def __init__(self) -> None:
        self._next = count(1)

    def __call__(self, size: int) -> bytes:
        return bytes([next(self._next)]) * size


@pytest.fixture
def random() -> Random:
    return Random()


@pytest.fixture
def parameter(random: Random) -> KeptInMemory:
    kept = KeptInMemory()
    assert create(kept, NOW_MS, random)
    return kept


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keyring(parameter: KeptInMemory, clock: Clock) -> Keyring:
    return Keyring(parameter, clock)


def test_hkdf_is_that_of_rfc_5869() -> None:
    info, salt = bytes(range(0xF0, 0xFA)), bytes(range(13))
    expected = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
    assert hkdf(b"\x0b" * 22, info, salt).hex() == expected


def test_a_secret_is_the_same_everywhere_and_for_ever(keyring: Keyring) -> None:
    """Receivers hold it: a release that derives another one would break them all."""
    assert keyring.secrets_for("demo", NOW_MS) == ["whsec_UDFiDCbGG/vDOB5hksgcUShkmGA8msw4vgzZrPgprY0="]


def test_a_secret_is_a_standard_webhooks_secret(keyring: Keyring) -> None:
    (secret,) = keyring.secrets_for("demo", NOW_MS)
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert Webhook(secret)


@given(st.text(), st.text())
def test_two_tenants_never_share_a_secret(one: str, other: str) -> None:
    kept = KeptInMemory()
    create(kept, NOW_MS, Random())
    ring = Keyring(kept)
    assert (ring.secrets_for(one, NOW_MS) == ring.secrets_for(other, NOW_MS)) == (one == other)


def test_a_purpose_gives_a_key_of_its_own(keyring: Keyring) -> None:
    keys = {keyring.derive_valid(purpose, NOW_MS)[0] for purpose in ("cursors", "other", "webhook/demo")}
    (secret,) = keyring.secrets_for("demo", NOW_MS)
    assert len(keys) == 3 and all(len(key) == 32 for key in keys)
    assert base64.b64decode(secret.removeprefix("whsec_")) not in keys


def test_the_first_key_is_made_once_and_never_replaced(parameter: KeptInMemory, random: Random) -> None:
    before = parameter.value
    assert not create(parameter, NOW_MS + 1, random)
    assert parameter.value == before


# Rotation.


def test_after_a_rotation_both_secrets_sign_for_a_day_and_a_receiver_may_hold_either(
    parameter: KeptInMemory, keyring: Keyring, clock: Clock, random: Random
) -> None:
    (old,) = keyring.secrets_for("demo", NOW_MS)
    rotate(parameter, NOW_MS, random)
    clock.now_s += 301

    both = keyring.secrets_for("demo", NOW_MS + OVERLAP_MS - 1)
    assert both[1:] == [old] and both[0] != old
    headers = {
        "webhook-id": "m",
        "webhook-timestamp": "1700000000",
        "webhook-signature": " ".join(sign(secret, "m", 1_700_000_000, b"{}") for secret in both),
    }
    for held in both:
        assert verify(held, headers, b"{}", now=lambda: 1_700_000_000) == {}
    assert keyring.secrets_for("demo", NOW_MS + OVERLAP_MS) == both[:1]


def test_whoever_verifies_our_own_marks_takes_the_key_before_for_a_day(
    parameter: KeptInMemory, keyring: Keyring, clock: Clock, random: Random
) -> None:
    (before,) = keyring.derive_valid("cursors", NOW_MS)
    rotate(parameter, NOW_MS, random)
    clock.now_s += 301
    new, old = keyring.derive_valid("cursors", NOW_MS + 1)
    assert new != old == before
    assert keyring.derive_valid("cursors", NOW_MS + OVERLAP_MS) == [new]


def test_a_second_rotation_within_a_day_is_refused_unless_forced(parameter: KeptInMemory, random: Random) -> None:
    first = rotate(parameter, NOW_MS, random)
    before = parameter.value
    with pytest.raises(RotatedAlready):
        rotate(parameter, NOW_MS + OVERLAP_MS - 1, random)
    assert parameter.value == before
    forced = rotate(parameter, NOW_MS + 1, random, force=True)
    assert (forced.current.version, forced.previous) == (3, first.current)
    later = rotate(parameter, NOW_MS + 1 + OVERLAP_MS, random)
    assert (later.current.version, later.previous) == (4, forced.current)


def test_what_is_kept_is_read_back_the_same(parameter: KeptInMemory, random: Random) -> None:
    rotated = rotate(parameter, NOW_MS, random)
    assert MasterKeys.parse(parameter.read()) == rotated
    kept = json.loads(parameter.read())
    assert kept["current"]["version"] == 2 and kept["previous"]["version"] == 1
    assert kept["current"]["since"] == "2023-11-14T22:13:20.000+00:00"


# The cache.


def test_the_parameter_is_read_once_in_five_minutes(parameter: KeptInMemory, keyring: Keyring, clock: Clock) -> None:
    for clock.now_s in (1000, 1299.9):
        keyring.secrets_for("demo", NOW_MS)
    assert parameter.reads == 1
    clock.now_s = 1300
    keyring.secrets_for("demo", NOW_MS)
    assert parameter.reads == 2


@pytest.mark.parametrize("failure", [StoreUnavailable(), ConfigurationError()])
def test_while_it_cannot_be_read_the_last_keys_go_on_for_a_day(
    parameter: KeptInMemory, keyring: Keyring, clock: Clock, failure: Exception
) -> None:
    known = keyring.secrets_for("demo", NOW_MS)
    parameter.failure = failure
    clock.now_s += DAY_S
    assert keyring.secrets_for("demo", NOW_MS) == known
    reads = parameter.reads
    clock.now_s += 29
    assert keyring.secrets_for("demo", NOW_MS) == known
    assert parameter.reads == reads, "a store in trouble is asked every 30 s, not with every callback"
    clock.now_s += 1
    with pytest.raises(type(failure)):
        keyring.secrets_for("demo", NOW_MS)


def test_after_trouble_fresh_keys_are_taken(
    parameter: KeptInMemory, keyring: Keyring, clock: Clock, random: Random
) -> None:
    known = keyring.secrets_for("demo", NOW_MS)
    parameter.failure = StoreUnavailable()
    clock.now_s += 301
    assert keyring.secrets_for("demo", NOW_MS) == known
    parameter.failure = None
    rotate(parameter, NOW_MS, random)
    clock.now_s += 30
    assert len(keyring.secrets_for("demo", NOW_MS)) == 2


def test_without_any_key_the_trouble_is_told(clock: Clock) -> None:
    with pytest.raises(ConfigurationError):
        Keyring(KeptInMemory(), clock).derive_valid("cursors", NOW_MS)


# Nothing leaks.

CANARY = base64.b64encode(b"canary" * 6).decode()
SINCE = "2024-01-01T00:00:00Z"


@pytest.mark.parametrize(
    "value",
    [
        CANARY,
        "null",
        "[]",
        json.dumps({"current": None}),
        json.dumps({"current": {"version": 1, "key": CANARY}}),
        json.dumps({"current": {"version": 1, "key": CANARY + "!", "since": SINCE}}),
        json.dumps({"current": {"version": 1, "key": "c2hvcnQ=", "since": SINCE}}),
        json.dumps({"current": {"version": "x", "key": CANARY, "since": SINCE}}),
        json.dumps({"current": {"version": 1, "key": CANARY, "since": "yesterday"}}),
    ],
)
def test_a_value_that_is_none_is_refused_without_repeating_it(value: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Keyring(KeptInMemory(value)).derive_valid("cursors", NOW_MS)
    assert CANARY[:8] not in "".join(traceback.format_exception(refused.value))


def test_no_repr_shows_a_key_or_a_secret(parameter: KeptInMemory, keyring: Keyring, random: Random) -> None:
    keys = rotate(parameter, NOW_MS, random)
    secrets = keyring.secrets_for("demo", NOW_MS)
    shown = f"{keys!r} {keys} {secrets!r} {keyring!r} {Secret('whsec_abc')!r}"
    assert "\\x02" not in shown and "abc" not in shown
    assert not any(str(secret)[6:] in shown for secret in secrets)
