"""How a run begins: started by a client (A), or registered by the direct call that runs it (B)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from invoke_once.life import keys
from invoke_once.life.conditions import any_of, at_most, missing
from invoke_once.life.due import BATCH_LOOK_MS, FIRST_LOOK_MS
from invoke_once.life.head import to_item
from invoke_once.life.move import LEASE_GRACE_MS, Arm, Move
from invoke_once.life.moves.common import DAY_S, Held, held_back, look_by, new_token
from invoke_once.life.status import Status


@dataclass(frozen=True, slots=True)
class NewRun:
    """What a run is asked to be. `payload` has the head's input fields (see payloads.py)."""

    tenant: str
    function: str
    key: str
    fingerprint: str | None = None
    payload: Mapping[str, Any] | None = None
    mode: str | None = None
    delay_ms: int = 0
    queue_ms: int = 6 * 3_600_000
    retention_s: int = 30 * DAY_S
    max_attempts: int = 1
    backoff_ms: int = 10_000
    max_backoff_ms: int = 600_000
    jitter: bool = True
    on_lost: str = "retry"
    labels: str | None = None
    callback_url: str | None = None
    batch: str | None = None
    batch_seed: str = ""
    batch_index: int = 0
    batch_pass: int | None = None
    traceparent: str | None = None
    on_timeout: str = "fail"
    max_legs: int = 100
    concurrency_key: str | None = None
    concurrency_max: int | None = None
    paused_ms: int | None = None
    held: Held | None = None  #: it may not be fired yet

    @property
    def run_id(self) -> str:
        if self.batch is not None:
            return keys.item_id(self.function, self.batch, self.batch_seed, self.batch_index)
        return keys.run_id(self.tenant, self.function, self.key)


def birth(new: NewRun, now_ms: int, generation: str) -> dict[str, Any]:
    begin_ms = now_ms + new.delay_ms
    return {
        "run_id": new.run_id,
        "tenant": new.tenant,
        "function": new.function,
        "key": new.key,
        "fingerprint": new.fingerprint,
        "generation": generation,
        "mode": new.mode,
        "created_at": now_ms,
        "queue_ms": new.queue_ms,
        "queue_until": begin_ms + new.queue_ms,
        "retention_s": new.retention_s,
        "expires_at": (begin_ms + new.queue_ms) // 1000 + DAY_S + new.retention_s,
        "max_attempts": new.max_attempts,
        "backoff_ms": new.backoff_ms,
        "max_backoff_ms": new.max_backoff_ms,
        "jitter": new.jitter,
        "on_lost": new.on_lost,
        "on_timeout": new.on_timeout,
        "max_legs": new.max_legs,
        "labels": new.labels,
        "callback_url": new.callback_url,
        "traceparent": new.traceparent,
        "concurrency_key": new.concurrency_key,
        "concurrency_max": new.concurrency_max,
        "paused_ms": new.paused_ms,
        "tenant_shard": keys.tenant_shard(new.tenant, new.run_id),
        "due_shard": keys.due_shard(new.run_id),
        **({} if new.batch is None else _place(new)),
        **(new.payload or {}),
    }


def _place(new: NewRun) -> dict[str, Any]:
    return {"batch": new.batch, "batch_index": new.batch_index, "batch_pass": new.batch_pass}


def id_is_free(now_ms: int) -> Arm:
    """The id is free: never used, or its run's retention is over (TTL deletes late)."""
    return Arm("id is free", any_of(missing("run_id"), at_most("expires_at", now_ms // 1000)))


def start(new: NewRun, now_ms: int) -> Move:
    """A. A client's request becomes a run. Refused: the id has its run already, which the refusal carries."""
    generation = new_token()
    waits = new.delay_ms > 0
    first_look_ms = FIRST_LOOK_MS if new.batch is None else BATCH_LOOK_MS
    born = birth(new, now_ms, generation) | {
        "status": Status.SCHEDULED if waits else Status.QUEUED,
        "not_before": now_ms + new.delay_ms if waits else None,
        "dispatches": 0 if waits else 1,
        "due_at": now_ms + new.delay_ms if waits else look_by(now_ms + first_look_ms, now_ms + new.queue_ms),
    }
    if new.held is not None and not waits:
        born |= held_back(new.held, born["due_at"], now_ms + new.queue_ms)
    guard = (id_is_free(now_ms),)
    return Move("A", new.run_id, guard, to_item(born), replace=True, mine={"generation": generation})


def register(new: NewRun, now_ms: int, lease_ms: int, request_id: str) -> Move:
    """B. A direct invocation registers itself: start and first claim in one write, by the attempt itself.

    `request_id` is Lambda's, of this invocation: it ties a death that Lambda reports to the attempt.
    """
    generation, lease_id = new_token(), new_token()
    lease_until = now_ms + lease_ms + LEASE_GRACE_MS
    born = birth(new, now_ms, generation) | {
        "status": Status.RUNNING,
        "direct": True,
        "request_id": request_id,
        "attempt": 1,
        "lease_id": lease_id,
        "lease_until": lease_until,
        "claim_token": new_token(),
        "started_at": now_ms,
        "attempt_started_at": now_ms,
        "due_at": lease_until + 1,
    }
    guard = (id_is_free(now_ms),)
    return Move("B", new.run_id, guard, to_item(born), replace=True, mine={"generation": generation})
