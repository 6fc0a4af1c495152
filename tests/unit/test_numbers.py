"""The limits and times that the rooms of the core stand on, as numbers: tests elsewhere go by their names alone.

Many are promised in the documentation, and some are in what is stored: who changes one looks there too.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from chalicelib import functions, keyring
from chalicelib.batches import hints, look, members, pages, records, spread, tally
from chalicelib.bulk import found, start, work
from chalicelib.callbacks import breaker, deliver, pinned, redelivery, urls, webhook
from chalicelib.destinations import record, reports
from chalicelib.due import attend as due_attend
from chalicelib.due import gated, sweep, wake
from chalicelib.due import jobs as due_jobs
from chalicelib.gates import letting, pausing, shown
from chalicelib.runs import dispatch, documents, filters, holds, limits, links, walk
from invoke_once.handler import attempt, checkpoints, envelope, fired, live, options, paused, replies, runtime
from invoke_once.handler.direct import batches, call, slots
from invoke_once.handler.direct import keys as direct_keys
from invoke_once.life import batch, due, gates, move
from invoke_once.life import keys as life_keys
from invoke_once.life.moves import batch_moves, bulk_moves, callback_moves, common, gate_moves
from invoke_once.store import connection, dynamo, marshal, payloads, shards, states, texts

#: {module: {name: value}}
NUMBERS: list[tuple[ModuleType, dict[str, Any]]] = [
    (batch, {"MOST_ITEMS": 10_000, "CHUNK": 100}),
    (due, {"FIRST_LOOK_MS": 60_000, "BATCH_LOOK_MS": 300_000, "LAST_LOOK_MS": 1_800_000}),
    (gates, {"MAX_SLOTS": 1_000, "WAIT_SHARDS": 4}),
    (life_keys, {"DUE_SHARDS": 8, "TENANT_SHARDS": 4, "MARK_CHARS": 5}),
    (move, {"LEASE_GRACE_MS": 10_000}),
    (
        batch_moves,
        {
            "SWEPT_MS": 60_000,
            "CHUNK_LEASE_MS": 20_000,
            "_KEPT_WHILE_RUNNING_S": 5_184_000,
            "_CHUNKS_KEPT_S": 34_560_000,
        },
    ),
    (bulk_moves, {"LEASE_MS": 55_000, "KEPT_S": 2_592_000, "_KEPT_WHILE_RUNNING_S": 5_184_000}),
    (callback_moves, {"DELIVERY_LEASE_MS": 30_000, "KEPT_DAYS": 5}),
    (common, {"DAY_S": 86_400, "HELD_MS": 9_999_999_999_999}),
    (gate_moves, {"LOOK_MS": 60_000, "EMPTY_MS": 60_000}),
    (connection, {"CONNECT_TIMEOUT_S": 1, "READ_TIMEOUT_S": 3, "TRIES": 4}),
    (dynamo, {"BATCH_PAUSES_S": (0.05, 0.1, 0.2, 0.4, 0.8, 1.6), "SHAPES": 500}),
    (marshal, {"MAX_DEPTH": 900, "POINTER_CHARS": 500}),
    (
        payloads,
        {
            "MAX_INPUT_BYTES": 5_242_880,
            "MAX_DIRECT_BYTES": 8_388_608,
            "MAX_OUTPUT_BYTES": 10_485_760,
            "MAX_ITEM_BYTES": 8_192,
            "MAX_INLINE_TEXT": 65_536,
            "HEAD_ROOM_BYTES": 832,
            "COMPRESS_OVER_BYTES": 1_024,
        },
    ),
    (shards, {"LAST_MS": 9_999_999_999_999}),
    (states, {"MAX_STATE_BYTES": 262_144, "HEAD_BYTES": 1_024, "RENEW_EVERY_MS": 43_200_000}),
    (
        texts,
        {"MESSAGE_CHARS": 4_000, "TRACE_CHARS": 4_000, "WORDS_CHARS": 1_500, "PIECE_CHARS": 500, "LAST_FRAMES": 30},
    ),
    (attempt, {"STATE_PATIENCE_MS": 10_000}),
    (checkpoints, {"STRETCH": 1.25}),
    (envelope, {"INLINE_EVENT_BYTES": 900_000, "MAX_DESTINATION_INPUT_BYTES": 400_000}),
    (fired, {"CLAIM_PATIENCE_MS": 30_000, "PATIENCE_SHARE": 10, "LATE_MS": 5_000}),
    (live, {"TELL_EVERY_MS": 2_000, "MESSAGE_CHARS": 500, "LONGEST_SLEEP_S": 604_800}),
    (options, {"DEFAULT_TIMEOUT_MS": 1_800_000}),
    (paused, {"KEPT_MS": 5_000}),
    (replies, {"NAMED": 5}),
    (runtime, {"PAUSES_S": (0.1, 0.3, 1, 2, 5)}),
    (batches, {"BEGIN_WITH_MS": 2_000}),
    (call, {"LOOK_EVERY_S": (0.1, 0.2, 0.4, 0.8, 1.0)}),
    (direct_keys, {"MAX_KEY_CHARS": 255}),
    (slots, {"KEPT_LONGER_S": 172_800, "HASH_CHARS": 22}),
    (dispatch, {"FIRE_TRIES": 3}),
    (documents, {"INLINE_OUTPUT_BYTES": 16_384}),
    (filters, {"MAX_MS": 253_402_300_799_999}),
    (holds, {"TRIES": 3, "SHARE": 4, "SPARE_MS": 5_000}),
    (
        limits,
        {
            "_TENANTS": 10_000,
            "EVERY_STARTS": 25,
            "EVERY_MS": 5_000,
            "SAMPLE": 50,
            "MOST_KEYS": 8_000,
            "SEEN_PAST": 4,
            "PAGE_KEYS": 4_000,
        },
    ),
    (links, {"_MAC_BYTES": 24}),
    (walk, {"CHUNK": 100}),
    (due_attend, {"MAX_STEPS": 4}),
    (gated, {"WORKERS": 8, "ASK_AGAIN_S": 1, "SETTLED_MS": 500, "_MANY": 10_000, "PAUSED_LOOK_MS": 600_000}),
    (sweep, {"PAGE": 100, "BUDGET_MS": 45_000}),
    (wake, {"WORKERS": 8, "MAX_DELAY_S": 900}),
    (
        breaker,
        {
            "FAILURES": 5,
            "FIRST_PAUSE_MS": 30_000,
            "LAST_PAUSE_MS": 3_600_000,
            "SLOW_PAUSE_MS": 5_000,
            "PROBE_MS": 30_000,
            "FORGOTTEN_MS": 86_400_000,
            "PART": "receiver",
        },
    ),
    (record, {"DEAD_DISPATCHES": 3}),
    (reports, {"REASON_CHARS": 500, "MOST_CAUSES": 8}),
    (functions, {"LAMBDA_NAME_LIMIT": 64, "DEPLOYED_S": 1_800, "MANAGED_S": 5_400, "DAY_S": 86_400}),
    (keyring, {"OVERLAP_MS": 86_400_000, "FRESH_S": 300, "_TRY_AGAIN_S": 30, "_STALE_S": 86_400, "_KEY_BYTES": 32}),
    (due_jobs, {"PARTS": ("batch", "bulk"), "PREFIXES": ("batch_", "bulk_")}),
    (deliver, {"MAX_BODY_BYTES": 20_000, "_CUT_CHARACTERS": 1_000, "_POSTPONED_SPREAD_MS": 10_000}),
    (pinned, {"READ_LIMIT": 4_096, "_WRITE_BYTES": 8_192, "_ADDRESSES_TRIED": 4}),
    (
        redelivery,
        {
            "PAUSES_S": (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400),
            "MAX_ATTEMPTS": 10,
            "MAX_RETRY_AFTER_S": 86_400,
            "_JITTER": 0.1,
            "SPAN_MS": 299_315_500,
            "_GONE": 410,
        },
    ),
    (urls, {"MAX_CHARACTERS": 2_048, "PORTS": (443, 8_443)}),
    (webhook, {"DEADLINE_S": 15.0, "SLOW_S": 2.0, "_FAREWELL_S": 0.5}),
    (letting, {"LOOK_MS": 60_000, "TOGETHER": 16, "ROUNDS": 40, "AHEAD": 12}),
    (pausing, {"TRIES": 8, "LOOK_MS": 60_000, "RELEASE_MS": 20_000}),
    (shown, {"MOST": 1_000}),
    (hints, {"EVERY_MS": 1_000, "_MANY": 10_000}),
    (look, {"AT_ONCE": 300, "LAZY_SPACING_MS": 250, "LARGE": 3, "BUDGET_MS": 30_000, "MARK_MS": 45_000, "REST": 2}),
    (tally, {"FORGOTTEN_MS": 3_600_000, "NOTED_EVERY_MS": 600_000}),
    (members, {"FIRED_AGAIN_MS": 10_000, "_TRIES": 4}),
    (pages, {"MAX_PAGE_BYTES": 3_145_728, "MAX_EXAMINED": 1_000}),
    (records, {"THREADS": 10}),
    (spread, {"WORKERS": 4, "BUDGET_MS": 20_000, "RESPREAD_MS": 21_000}),
    (found, {"MAX_EXAMINED": 2_000}),
    (start, {"SETTLE_MS": 1_000}),
    (work, {"BUDGET_MS": 20_000, "THREADS": 10, "TRIES": 5}),
]


@pytest.mark.parametrize(("module", "numbers"), NUMBERS, ids=[module.__name__ for module, _ in NUMBERS])
def test_a_number_is_what_is_promised(module: ModuleType, numbers: dict[str, Any]) -> None:
    assert {name: getattr(module, name) for name in numbers} == numbers
