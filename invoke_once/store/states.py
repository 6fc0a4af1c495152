"""Checkpoints: JSON text kept in the head, in an item of its own, or in S3, and read again by the next leg or attempt.

    head     while head and state stay within 1 KB: a write is then one unit, as without
    item     up to 8 KB packed, `state#LEASE#NUMBER`
    S3       what is larger, FUNCTION/state/…

Each is written once, under its lease and number, before the head that names it; the name holds its hash.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from invoke_once.errors import PayloadCorrupt
from invoke_once.life.conditions import equals
from invoke_once.life.head import Head
from invoke_once.life.move import Arm, Move
from invoke_once.life.moves import DAY_S
from invoke_once.store.payloads import Payloads, checked, fits_an_item, item_size, pack, sha, unpack

MAX_STATE_BYTES = 256 * 1024  #: of its JSON text
HEAD_BYTES = 1024  #: of a head that is written for one unit
RENEW_EVERY_MS = 43_200_000  #: a run's payloads live a day longer than it needs; half of it is left for a leg


def keep(
    payloads: Payloads, head: Head, text: bytes, number: int, at_ms: int, told: Mapping[str, Any], *, head_only: bool
) -> dict[str, Any] | None:
    """Put the state where it fits and return the head's fields for it. `told`: what else the head has got by now.

    `head_only`: None where it does not fit the head.
    """
    fields = {
        "state_size": len(text), "state_lease": head.lease_id, "state_at": at_ms,
        "state_leg": head.leg,
    }  # fmt: skip
    packed = pack(text)
    now = (
        {k: v for k, v in head.item().items() if v is not None}
        | dict(told)
        | fields
        | {"state_seq": number, "state": packed}
    )
    now.pop("state_ref", None)
    if item_size(now) <= HEAD_BYTES:
        return fields | {"state": packed}
    if head_only:
        return None
    name = f"{head.lease_id}#{number:06}"
    if fits_an_item(packed, text):
        part = f"state#{name}"
        item = {"run_id": head.run_id, "part": part, "state": packed, "expires_at": head.expires_at}
        payloads.store.put_part(Move("state", head.run_id, (), item, part=part, replace=True))
        return fields | {"state_ref": f"item:{name}:{sha(text)}"}
    key = f"{head.function}/state/{head.run_id}/{head.generation}/{head.lease_id}-{number}.json"
    payloads.objects.put(key, text)
    return fields | {"state_ref": f"s3:{key}:{sha(text)}"}


def read(payloads: Payloads, head: Head) -> bytes | None:
    """The JSON text of the newest checkpoint, checked against its hash; None: there is none.

    Raises `PayloadCorrupt` where it is gone or changed.
    """
    if head.state is not None:
        return unpack(head.state)
    if head.state_ref is None:
        return None
    kind, name, expected = _place(head)
    if kind == "s3":
        return checked(payloads.objects.get(name), expected)
    item = payloads.store.part(head.run_id, f"state#{name}")
    if item is None:
        raise PayloadCorrupt("the stored checkpoint is missing")
    return checked(unpack(item["state"]), expected)


def renew(payloads: Payloads, head: Head, expires_at: int) -> None:
    """Let a state of its own live until `expires_at` (s). What is gone already stays gone."""
    if head.state_ref is None:
        return
    kind, name, _ = _place(head)
    if kind == "s3":
        payloads.renew_object(name)
        return
    there = (Arm("still there", equals("run_id", head.run_id)),)
    part = f"state#{name}"
    payloads.store.put_part(Move("state", head.run_id, there, {"expires_at": expires_at}, part=part))


def outlive(payloads: Payloads, head: Head, not_before: int) -> None:
    """Let input and state of their own live until a leg or attempt that begins at `not_before` has ended."""
    expires_at = outlives(head, not_before)
    if expires_at is not None:
        payloads.renew_input(head, expires_at)
        renew(payloads, head, expires_at)


def last_until(payloads: Payloads, head: Head, expires_at: int) -> None:
    """The same for a run that is kept longer (`expires_at`, s) than its head says: one write in half a day of it."""
    every_s = RENEW_EVERY_MS // 1000
    if expires_at // every_s != head.expires_at // every_s:
        payloads.renew_input(head, expires_at)
        renew(payloads, head, expires_at)


def outlives(head: Head, not_before: int) -> int | None:
    """Until when (s) what the run needs has to be kept for a leg or attempt that begins at `not_before`.

    None: what is kept lasts. Asked at each end of a leg, it answers once in half a day of the run's life.
    """
    before = head.attempt_started_at or head.created_at
    if (not_before - head.created_at) // RENEW_EVERY_MS == (before - head.created_at) // RENEW_EVERY_MS:
        return None
    return (not_before + head.queue_ms) // 1000 + DAY_S + head.retention_s


def _place(head: Head) -> tuple[str, str, str]:
    kind, _, rest = (head.state_ref or "").partition(":")
    name, _, expected = rest.rpartition(":")
    return kind, name, expected
