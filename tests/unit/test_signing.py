"""Signatures: the published vector, the official library both ways, and every way a message can be wrong."""

import base64
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from invoke_once.errors import SignatureError
from invoke_once.signing import sign, verify

# The vector that the Standard Webhooks libraries of all languages carry in their own tests.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MSG_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
AT_S = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
HEADERS = {"webhook-id": MSG_ID, "webhook-timestamp": str(AT_S), "webhook-signature": SIGNATURE}
OTHER = "whsec_" + base64.b64encode(b"another key of 32 bytes, exactly").decode()


def at(seconds: float):
    return lambda: seconds


def changed(**headers: str | None) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {name: value for name, value in (HEADERS | named).items() if value is not None}


def test_the_published_vector_is_signed_to_the_byte() -> None:
    assert sign(SECRET, MSG_ID, AT_S, BODY) == SIGNATURE


def test_the_published_vector_verifies_and_gives_the_event() -> None:
    assert verify(SECRET, HEADERS, BODY, now=at(AT_S)) == {"test": 2432232314}


@pytest.mark.parametrize("kind", [bytes.decode, bytearray, memoryview], ids=["text", "bytearray", "memoryview"])
def test_the_body_may_be_text_or_any_bytes_and_header_names_in_any_case(kind: Any) -> None:
    shouting = {name.upper(): value for name, value in HEADERS.items()}
    assert verify(SECRET, shouting, kind(BODY), now=at(AT_S)) == {"test": 2432232314}


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.binary(min_size=24, max_size=64))
def test_the_official_library_accepts_what_we_sign(text: str, key: bytes) -> None:
    secret, body = "whsec_" + base64.b64encode(key).decode(), json.dumps({"text": text}, ensure_ascii=False)
    stamp = int(time.time())
    signature = sign(secret, "msg_1", stamp, body.encode())
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(stamp), "webhook-signature": signature}
    assert Webhook(secret).verify(body.encode(), headers) == {"text": text}


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.binary(min_size=24, max_size=64))
def test_we_accept_what_the_official_library_signs(text: str, key: bytes) -> None:
    secret, body = "whsec_" + base64.b64encode(key).decode(), json.dumps({"text": text}, ensure_ascii=False)
    signature = Webhook(secret).sign("msg_1", datetime.fromtimestamp(AT_S, UTC), body)
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(AT_S), "webhook-signature": signature}
    assert verify(secret, headers, body, now=at(AT_S)) == {"text": text}


def test_the_official_library_refuses_what_we_sign_with_another_secret() -> None:
    stamp = int(time.time())
    headers = {
        "webhook-id": "m",
        "webhook-timestamp": str(stamp),
        "webhook-signature": sign(OTHER, "m", stamp, b"{}"),
    }
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(b"{}", headers)


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        pytest.param(HEADERS, b'{"test": 2432232315}', id="the body was changed"),
        pytest.param(changed(webhook_id="msg_other"), BODY, id="the id was changed"),
        pytest.param(changed(webhook_timestamp=str(AT_S + 1)), BODY, id="the timestamp was changed"),
        pytest.param(changed(webhook_id=None), BODY, id="no id"),
        pytest.param(changed(webhook_id=""), BODY, id="an empty id"),
        pytest.param(changed(webhook_timestamp=None), BODY, id="no timestamp"),
        pytest.param(changed(webhook_signature=None), BODY, id="no signature"),
        pytest.param(changed(webhook_signature="v1"), BODY, id="a signature without a comma"),
        pytest.param(changed(webhook_signature="v1,"), BODY, id="an empty v1 signature"),
        pytest.param(
            changed(webhook_signature=SIGNATURE.replace("v1,", "v2,")),
            BODY,
            id="a signature of another version",
        ),
        pytest.param(changed(webhook_signature="v1,§§§"), BODY, id="a signature that is not base64"),
        pytest.param(changed(webhook_signature=f"{SIGNATURE[:20]}§{SIGNATURE[20:]}"), BODY, id="junk in its base64"),
        pytest.param(
            changed(webhook_signature=f"{SIGNATURE[:20]}\x00{SIGNATURE[20:]}"), BODY, id="a NUL in its base64"
        ),
        pytest.param(changed(webhook_signature=f"{SIGNATURE[:20]}!{SIGNATURE[20:]}"), BODY, id="a mark in its base64"),
        pytest.param(changed(webhook_signature=SIGNATURE[:20]), BODY, id="a signature cut short"),
        pytest.param(changed(webhook_timestamp=f"{AT_S}000"), BODY, id="a timestamp in milliseconds"),
        pytest.param(changed(webhook_timestamp=f"{AT_S}.5"), BODY, id="a timestamp with a fraction"),
        pytest.param(changed(webhook_timestamp="１６１４２６５３３０"), BODY, id="a timestamp in other digits"),
        pytest.param(changed(webhook_timestamp="now"), BODY, id="a timestamp that is a word"),
        pytest.param({}, BODY, id="no headers at all"),
        pytest.param(HEADERS, b"", id="an empty body"),
        pytest.param(HEADERS, b"\xff\xfe", id="a body that is not UTF-8"),
        pytest.param(HEADERS, '"\ud800"', id="a body with a lone surrogate"),
    ],
)
def test_it_is_a_signature_error_when(headers: dict[str, str], body: bytes | str) -> None:
    with pytest.raises(SignatureError):
        verify(SECRET, headers, body, now=at(AT_S))


@given(
    st.dictionaries(st.sampled_from(list(HEADERS)), st.text() | st.sampled_from([*HEADERS.values()])),
    st.binary() | st.text(),
)
def test_whatever_is_received_the_only_error_is_a_signature_error(headers: dict[str, str], body: bytes | str) -> None:
    try:
        verify(SECRET, headers, body, now=at(AT_S))
    except SignatureError:
        return
    assert headers == HEADERS and body in (BODY, BODY.decode())


@pytest.mark.parametrize("seconds", [-300, 300])
def test_a_message_is_accepted_to_the_last_second_of_the_tolerance(seconds: int) -> None:
    assert verify(SECRET, HEADERS, BODY, now=at(AT_S + seconds))


@pytest.mark.parametrize(("seconds", "word"), [(-300.1, "new"), (300.1, "old")])
def test_a_message_is_refused_just_past_the_tolerance(seconds: float, word: str) -> None:
    with pytest.raises(SignatureError, match=word):
        verify(SECRET, HEADERS, BODY, now=at(AT_S + seconds))


def test_while_a_secret_rotates_either_one_is_enough_on_both_sides() -> None:
    both = f"{sign(OTHER, MSG_ID, AT_S, BODY)} v1a,skipped {SIGNATURE}"
    for secrets in (SECRET, OTHER, [OTHER, SECRET], [SECRET]):
        assert verify(secrets, changed(webhook_signature=both), BODY, now=at(AT_S))


def test_no_secret_at_all_accepts_nothing() -> None:
    with pytest.raises(SignatureError):
        verify([], HEADERS, BODY, now=at(AT_S))


@pytest.mark.parametrize(
    ("headers", "body", "why"),
    [
        (HEADERS, b"{}", "no signature matches: wrong secret, or the message was changed on its way"),
        (changed(webhook_id=""), BODY, "missing header webhook-id"),
        (changed(webhook_timestamp=None), BODY, "missing header webhook-timestamp"),
        (changed(webhook_signature=""), BODY, "missing header webhook-signature"),
        ({}, BODY, "missing header webhook-id, webhook-timestamp, webhook-signature"),
        (changed(webhook_timestamp="now"), BODY, "webhook-timestamp is not a number of seconds since 1970"),
        (changed(webhook_timestamp=str(AT_S - 301)), BODY, "webhook-timestamp is too old by more than 300 s"),
        (changed(webhook_timestamp=str(AT_S + 301)), BODY, "webhook-timestamp is too new by more than 300 s"),
        (
            changed(webhook_id="\ud800"),
            BODY,
            "no signature matches: wrong secret, or the message was changed on its way",
        ),
        (HEADERS, "\ud800", "no signature matches: wrong secret, or the message was changed on its way"),
        (HEADERS, None, "the body is no bytes: pass it as it was received, before any JSON is parsed"),
    ],
)
def test_a_refusal_says_what_is_wrong(headers: dict[str, str], body: Any, why: str) -> None:
    with pytest.raises(SignatureError) as refused:
        verify(SECRET, headers, body, now=at(AT_S))
    assert str(refused.value) == why


def test_a_key_has_24_to_64_bytes_with_or_without_the_padding_of_its_base64() -> None:
    for size in (24, 25, 26, 64):
        text = base64.b64encode(b"k" * size).decode()
        signed = {sign(f"whsec_{text}", "m", AT_S, b"{}"), sign(f"whsec_{text.rstrip('=')}", "m", AT_S, b"{}")}
        assert signed == {sign(text, "m", AT_S, b"{}")}
    for size in (23, 65):
        with pytest.raises(SignatureError, match="not a webhook secret: whsec_ and the base64 of 24 to 64 bytes"):
            sign("whsec_" + base64.b64encode(b"k" * size).decode(), "m", AT_S, b"{}")


def test_an_id_of_256_characters_is_signed() -> None:
    assert sign(SECRET, "x" * 256, AT_S, BODY).startswith("v1,")


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64!", "whsec_" + "A" * 88, None])
def test_a_secret_that_anybody_could_guess_or_that_is_none_is_refused(secret: str) -> None:
    with pytest.raises(SignatureError, match="24 to 64 bytes"):
        verify([secret], HEADERS, BODY, now=at(AT_S))
    with pytest.raises(SignatureError):
        sign(secret, MSG_ID, AT_S, BODY)


@pytest.mark.parametrize("msg_id", ["", "a.b", "a b", "a\r\nx: y", "é", "x" * 257])
def test_an_id_that_could_be_read_in_two_ways_is_never_signed(msg_id: str) -> None:
    with pytest.raises(SignatureError):
        sign(SECRET, msg_id, AT_S, BODY)


@pytest.mark.parametrize("body", [b"[]", b"1", b"not json", b"[" * 100_000])
def test_a_signed_body_that_is_no_object_is_a_signature_error(body: bytes) -> None:
    headers = changed(webhook_signature=sign(SECRET, MSG_ID, AT_S, body))
    with pytest.raises(SignatureError, match="not a JSON object"):
        verify(SECRET, headers, body, now=at(AT_S))


@pytest.mark.parametrize("body", [None, 7, {"type": "run.succeeded"}, [], object()])
def test_a_body_that_is_none_is_one_refusal(body: Any) -> None:
    with pytest.raises(SignatureError):
        verify("whsec_" + "A" * 32, {}, body)
