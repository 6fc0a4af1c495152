"""The runs table as pynamodb knows it: attributes and indexes. `life/head.py` says what each of them means.

A test keeps the attributes and `records.Head` the same. Every one may be absent but the keys.
"""

from __future__ import annotations

import os

from pynamodb.attributes import Attribute, BinaryAttribute, BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model


def _text() -> Attribute[str]:
    return UnicodeAttribute(null=True)


def _number() -> Attribute[float]:
    return NumberAttribute(null=True)


def _bytes() -> Attribute[bytes]:
    return BinaryAttribute(null=True, legacy_encoding=False)


def _flag() -> Attribute[bool]:
    return BooleanAttribute(null=True)


class DueIndex(GlobalSecondaryIndex["RunModel"]):
    class Meta:
        index_name = "due"
        projection = KeysOnlyProjection()

    due_shard = UnicodeAttribute(hash_key=True)
    due_at = NumberAttribute(range_key=True)


class TenantIndex(GlobalSecondaryIndex["RunModel"]):
    class Meta:
        index_name = "by_tenant"
        projection = KeysOnlyProjection()

    tenant_shard = UnicodeAttribute(hash_key=True)
    created_at = NumberAttribute(range_key=True)


class FailedIndex(GlobalSecondaryIndex["RunModel"]):
    class Meta:
        index_name = "failed"
        projection = KeysOnlyProjection()

    failed_shard = UnicodeAttribute(hash_key=True)
    created_at = NumberAttribute(range_key=True)


class WaitingIndex(GlobalSecondaryIndex["RunModel"]):
    class Meta:
        index_name = "waiting"
        projection = KeysOnlyProjection()

    wait_shard = UnicodeAttribute(hash_key=True)
    created_at = NumberAttribute(range_key=True)


class RunModel(Model):
    """An item of the runs table: a head, or another part of a run's collection."""

    class Meta:
        table_name = os.environ.get("ONCE_RUNS_TABLE", "")
        billing_mode = "PAY_PER_REQUEST"

    run_id = UnicodeAttribute(hash_key=True)
    part = UnicodeAttribute(range_key=True)

    due = DueIndex()
    by_tenant = TenantIndex()
    failed = FailedIndex()
    waiting = WaitingIndex()

    tenant = _text()
    function = _text()
    status = _text()
    generation = _text()
    created_at = _number()
    expires_at = _number()
    queue_until = _number()
    queue_ms = _number()
    retention_s = _number()
    version = _number()
    key = _text()
    fingerprint = _text()
    mode = _text()
    direct = _flag()
    attempt = _number()
    max_attempts = _number()
    extra_attempts = _number()
    backoff_ms = _number()
    max_backoff_ms = _number()
    jitter = _flag()
    on_lost = _text()
    on_timeout = _text()
    max_legs = _number()
    leg = _number()
    legs = _number()
    between_legs = _flag()
    state = _bytes()
    state_ref = _text()
    state_size = _number()
    state_seq = _number()
    state_lease = _text()
    state_at = _number()
    state_leg = _number()
    lease_id = _text()
    lease_until = _number()
    claim_token = _text()
    fired_at = _number()
    request_id = _text()
    not_before = _number()
    started_at = _number()
    attempt_started_at = _number()
    finished_at = _number()
    settled_by = _text()
    progress = _number()
    message = _text()
    cancel_requested = _flag()
    cancelled_by = _text()
    labels = _text()
    input = _bytes()
    input_ref = _text()
    input_size = _number()
    output = _bytes()
    output_ref = _text()
    output_size = _number()
    output_sha = _text()
    error = _bytes()
    dispatches = _number()
    due_shard = _text()
    due_at = _number()
    tenant_shard = _text()
    failed_shard = _text()
    callback_url = _text()
    cb_status = _text()
    cb_attempt = _number()
    cb_base = _number()
    cb_due = _number()
    cb_last = _text()
    batch = _text()
    batch_index = _number()
    batch_pass = _number()
    traceparent = _text()
    concurrency_key = _text()
    concurrency_max = _number()
    hold = _text()
    wait_shard = _text()
    slot = _text()
    slot_at = _number()
    slot_until = _number()
    body_until = _number()
    paused_ms = _number()
    bulk = _text()

    # of a run's other parts
    token = _text()
    delivery_attempt = _number()
    at = _number()
    previous = _text()
    sequence = _number()
    failures = _number()
    closed_until = _number()
    pause_ms = _number()

    # of a batch and its chunks
    seed = _text()
    total = _number()
    born = _number()
    max_running = _number()
    options = _text()
    counts = _text()
    counted_at = _number()
    look_from = _number()
    spread_at = _number()
    letters = _text()
    done = _flag()

    # of a bulk job (`life/bulk.py`)
    position = _text()
    page = _text()
    step = _number()

    # of a rack of slots (`life/gates.py`), and of a pause
    s0 = _text()
    s1 = _text()
    s2 = _text()
    s3 = _text()
    s4 = _text()
    s5 = _text()
    s6 = _text()
    s7 = _text()
    s8 = _text()
    s9 = _text()
    s10 = _text()
    s11 = _text()
    s12 = _text()
    s13 = _text()
    s14 = _text()
    s15 = _text()
    slot_limit = _number()
    slot_high = _number()
    limit_at = _number()
    empty_at = _number()
    pauses = _text()
