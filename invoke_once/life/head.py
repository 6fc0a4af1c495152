"""What is stored: the legend of the runs table. No behaviour, no AWS; `dynamo.py` derives the pynamodb model from it.

One table, one item collection a run (partition key `run_id`), told apart by the sort key `part`:

    head                          the run itself: `Head` below
    input#HASH                    an input too large for the head (up to 8 KB packed), written before the head
    state#LEASE#NNNNNN            a checkpoint too large for the head (up to 8 KB packed), written before the head
    delivery#GENERATION#NNNN      one try of the callback, written before it is sent
    slot                          how many runs equal direct calls have begun (`run_id` is then `slot_…`)
    receiver                      failures in a row of one callback receiver (`run_id` is then `receiver_…`)
    batch                         many runs with one outcome: `batch.Batch` (`run_id` is then `batch_…`)
    chunk#GENERATION#NNN          a hundred indexes of a batch: who spreads them, and how each run ended
    stop#GENERATION#NNN           the same hundred, while the batch is cancelled
    bulk                          one action on many runs: `bulk.Bulk` (`run_id` is then `bulk_…`)
    rack                          16 slots of a limit (`run_id` is then `gate_…#N`; see `gates.py`)
    pause                         whether a function is paused, and for whom (`run_id` is then `slot_…`)

Index (KEYS_ONLY)   partition key                      sort key     holds
    due             due_shard     due#N                due_at       runs that may need help, sparse
    by_tenant       tenant_shard  TENANT#N             created_at   every head
    failed          failed_shard  TENANT#N             created_at   heads that ended failed, timed_out or expired
    waiting         wait_shard    GATE#N               created_at   heads that are held back by a gate, sparse

Times are integer milliseconds since 1970 (UTC), but `expires_at`, which DynamoDB's TTL wants in seconds.
Ids and shards: `keys.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

from invoke_once.life.status import TERMINAL

HEAD = "head"
BATCH = "batch"
BULK = "bulk"
#: index: (partition key, sort key)
INDEX_KEYS: Mapping[str, tuple[str, str]] = {
    "due": ("due_shard", "due_at"),
    "by_tenant": ("tenant_shard", "created_at"),
    "failed": ("failed_shard", "created_at"),
    "waiting": ("wait_shard", "created_at"),
}


@dataclass(slots=True)
class Head:
    """The run. Written by the moves alone; each field says who writes it (letters of `move.LETTERS`)."""

    run_id: str  #: `run_` + 26 base32 characters: the function's mark, then a hash of tenant, function and key
    tenant: str  #: A, B
    function: str  #: A, B
    status: str  #: every move
    generation: str  #: A, B, O; random: tells a reused id, and a redriven run, from its namesake
    created_at: int  #: A, B
    expires_at: int  #: A, B, and again at the end; SECONDS; reads treat a later item as absent
    queue_until: int  #: A, C, I, J, O, W: not claimed by then: expired
    queue_ms: int = 0  #: A; the queue timeout, for the next queueing
    retention_s: int = 0  #: A, B; how long the run is kept after its end
    part: str = HEAD
    version: int = 1  #: of this schema; readers ignore fields they do not know
    key: str | None = None  #: A, B; the idempotency key
    fingerprint: str | None = None  #: A; of function, input and options
    mode: str | None = None  #: A; None = tracked, else "destination"
    direct: bool = False  #: B; it registered itself
    attempt: int = 0  #: E, F, B; starts of the body, legs included: people are told `attempt_number`
    max_attempts: int = 1  #: A, B, O, and one more with each W, J of a leg, U; of the whole life
    extra_attempts: int = 0  #: O, W, J, U; of `max_attempts`, what is not the budget
    backoff_ms: int = 0  #: A, B
    max_backoff_ms: int = 0  #: A, B
    jitter: bool = True  #: A, B
    on_lost: str = "retry"  #: A, B
    on_timeout: str = "fail"  #: A, B; "continue": a leg that has a newer checkpoint goes on in another one
    max_legs: int = 100  #: A, B; of one life
    leg: int = 1  #: W, J, O; since the start or the last redrive; between two legs, the one to come
    legs: int = 0  #: W, J, O; legs that spent no attempt, of the whole life
    between_legs: bool = False  #: W, J; until E
    state: bytes | None = None  #: G, H, I, W; packed JSON: the newest checkpoint, while it fits the head
    state_ref: str | None = None  #: G, H, I, W; `item:NAME:SHA` or `s3:KEY:SHA`
    state_size: int | None = None  #: G, H, I, W; bytes of the JSON text
    state_seq: int | None = None  #: G, H, I, W; counts the checkpoints: an older one never comes after a newer one
    state_lease: str | None = None  #: G, H, I, W; whose checkpoint it is
    state_at: int | None = None  #: G, H, I, W; when the handler made it
    state_leg: int | None = None  #: G, H, I, W; in which leg
    lease_id: str | None = None  #: E, F, B; random: the fence of every later write of the attempt
    lease_until: int = 0  #: E, F, B, G
    claim_token: str | None = None  #: E, B, at the first claim; random: a log line that has it is this run's own
    fired_at: int | None = None  #: E; of the event that claimed: ties a death that Lambda reports to its attempt
    request_id: str | None = None  #: B, E; Lambda's, of a direct invocation that claimed (`fired_at` is then 0)
    not_before: int | None = None  #: A, I, J, W: may not be fired earlier; removed when it is fired
    started_at: int | None = None  #: E, F, B; of the first attempt
    attempt_started_at: int | None = None  #: E, F, B; of the attempt that runs, or ran last
    finished_at: int | None = None  #: every move to an end
    settled_by: str | None = None  #: H, I, W; random: recognises the writer's own repeated write
    progress: float | None = None  #: G, H
    message: str | None = None  #: G, H
    cancel_requested: bool = False  #: N
    cancelled_by: str | None = None  #: M, N, BT; the id of the token that asked first
    labels: str | None = None  #: A; JSON object
    input: bytes | None = None  #: A, B; packed JSON
    input_ref: str | None = None  #: A, B; `item:HASH` or `s3:KEY`
    input_size: int | None = None  #: A, B; bytes of the JSON text
    output: bytes | None = None  #: H; packed JSON
    output_ref: str | None = None  #: H; `s3:KEY`
    output_size: int | None = None  #: H
    output_sha: str | None = None  #: H; SHA-256 of the JSON text, base64url
    error: bytes | None = None  #: H, I, J, K, L, U, V; packed JSON {"type", "message", "trace"}
    dispatches: int = 0  #: A, C, D, O
    due_shard: str | None = None
    due_at: int | None = None
    tenant_shard: str | None = None
    failed_shard: str | None = None
    callback_url: str | None = None  #: A
    cb_status: str | None = None  #: at the end, R, S: pending, delivered or failed
    cb_attempt: int = 0  #: R; tries that have ended
    cb_base: int = 0  #: S; `cb_attempt` when it was sent again: the schedule starts over there
    cb_due: int | None = None  #: at the end, R, S, T
    cb_last: str | None = None  #: R; JSON: how the last try went
    batch: str | None = None  #: A; the batch it belongs to
    batch_index: int | None = None  #: A; its place in it, from 0
    batch_pass: int | None = None  #: BO, and O of a batch; which pass of the batch it runs for, None: the first
    traceparent: str | None = None  #: A; of the start request (W3C Trace Context), 55 characters
    concurrency_key: str | None = None  #: A; at most `concurrency_max` of this tenant's runs with it at once
    concurrency_max: int | None = None  #: A
    hold: str | None = (
        None  #: A, O, XH; random: names one waiting at a gate, and its slots; removed where it needs none
    )
    wait_shard: str | None = None  #: A, O, XH; the gate it waits at; removed by X
    slot: str | None = None  #: X, XH; `RACK/NAME` of each slot it has, separated by spaces
    slot_at: int | None = None  #: X; when it might be claimed
    slot_until: int | None = None  #: H, I, J; a body of an earlier attempt may live so long, and keeps its slots
    body_until: int | None = None  #: E, of an attempt whose lease is shorter than its time: when Lambda ends it
    paused_ms: int | None = None  #: A, C, O, X; how long its function had been paused when the queue's clock began
    bulk: str | None = None  #: M, N, O, S; the bulk job that moved it last

    @property
    def terminal(self) -> bool:
        return self.status in TERMINAL

    @property
    def attempt_number(self) -> int:
        """The attempt as people count it: a run that goes on in another leg is still at the same one."""
        return self.attempt - self.legs + (1 if self.between_legs else 0)

    @property
    def attempt_limit(self) -> int:
        """`max_attempts` as people count it."""
        return self.max_attempts - self.legs

    @property
    def has_state(self) -> bool:
        return self.state_seq is not None

    def expired_at(self, now_ms: int) -> bool:
        """Its retention is over, whether or not TTL has deleted it yet."""
        return self.expires_at * 1000 <= now_ms

    def item(self) -> dict[str, Any]:
        """What `from_item` makes the same head of; None stands for what is absent."""
        return dict(zip(_NAMES, _VALUES(self), strict=True))

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Head:
        return cls(**{name: value for name, value in item.items() if value is not None and name in HEAD_FIELDS})


_NAMES = tuple(f.name for f in fields(Head))
_VALUES = attrgetter(*_NAMES)
HEAD_FIELDS = frozenset(_NAMES)
COMPARED = {"max_attempts"}  # conditions read these; a missing attribute would compare as false
_DEFAULTS: dict[str, Any] = {f.name: f.default for f in fields(Head)}


def to_item(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` without what a reader would fill in anyway: a shorter head costs less."""
    kept = {k: v for k, v in values.items() if v is not None and (k in COMPARED or v != _DEFAULTS.get(k, ...))}
    return kept | {"part": values.get("part", HEAD)}
