"""The moves of a batch. Its runs make their own; these begin it, keep count, and end it once.

The end is decided by looking at every run: `end` is made when each index has a letter, and a letter is written only
where a run of this pass was seen to have ended. No other count is ever an outcome. No target loads this module.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from invoke_once.life import keys
from invoke_once.life.batch import Batch, chunk_part
from invoke_once.life.conditions import any_of, at_most, equals, missing, one_of
from invoke_once.life.head import BATCH, Head, to_item
from invoke_once.life.move import Arm, Move
from invoke_once.life.moves.common import DAY_S, WAITING, Held, asked_by, new_token, same_generation
from invoke_once.life.moves.starts import NewRun, birth, id_is_free
from invoke_once.life.moves.upkeep import redrive
from invoke_once.life.status import REDRIVABLE, Status

#: What two letters of docs/explanation/lifecycle.md stand for.
BATCH_LETTERS: Mapping[str, str] = {
    "BA": "start_batch",
    "BK": "take_chunk",
    "BC": "end_chunk",
    "BL": "look",
    "BE": "end_batch",
    "BM": "cancel_batch",
    "BO": "retry_batch",
    "BT": "tombstone",
    "BJ": "join_pass",
}

SWEPT_MS = 60_000  #: a running batch is looked at by the sweep this often, whatever the stream has missed
CHUNK_LEASE_MS = 20_000  #: of a chunk that a worker has taken: its budget; two on one chunk double nothing
_KEPT_WHILE_RUNNING_S = 60 * DAY_S
_CHUNKS_KEPT_S = 400 * DAY_S
_OUTCOME = ("finished_at", "cancel_requested", "cancelled_by", "counts", "counted_at", "look_from", "born", "cb_status",
            "cb_attempt", "cb_base", "cb_due", "cb_last")  # fmt: skip


@dataclass(frozen=True, slots=True)
class NewBatch:
    """What a batch is asked to be. `options`: JSON of what every item is asked to be."""

    tenant: str
    function: str
    key: str
    total: int
    seed: str
    manifest: str  #: `s3:KEY`
    manifest_size: int
    fingerprint: str | None = None
    max_running: int | None = None
    options: str | None = None
    retention_s: int = 30 * DAY_S
    labels: str | None = None
    callback_url: str | None = None

    @property
    def batch_id(self) -> str:
        return keys.batch_id(self.tenant, self.function, self.key)


def start_batch(new: NewBatch, now_ms: int, look_ms: int) -> Move:
    """BA. A request becomes a batch, whose manifest is kept already. Refused: the key has its batch already.

    It is looked at `look_ms` from now (by stream and queue), and every minute (by the sweep).
    """
    item = {
        "run_id": new.batch_id, "part": BATCH, "tenant": new.tenant, "function": new.function, "key": new.key,
        "fingerprint": new.fingerprint, "generation": new.seed, "seed": new.seed, "status": Status.RUNNING,
        "created_at": now_ms, "queue_until": 0, "retention_s": new.retention_s,
        "expires_at": now_ms // 1000 + new.retention_s + _KEPT_WHILE_RUNNING_S, "total": new.total,
        "max_running": new.max_running, "options": new.options, "labels": new.labels,
        "callback_url": new.callback_url, "input_ref": new.manifest, "input_size": new.manifest_size,
        "tenant_shard": keys.batch_shard(new.tenant), "not_before": now_ms + look_ms, **_swept(new.batch_id, now_ms),
        "spread_at": now_ms if new.max_running is None else None,
    }  # fmt: skip
    return Move("BA", new.batch_id, (id_is_free(now_ms),), to_item(item), part=BATCH, replace=True,
                mine={"seed": new.seed})  # fmt: skip


def take_chunk(batch: Batch, chunk: int, now_ms: int, kind: str = "chunk") -> Move:
    """BK. A worker takes a hundred indexes, to spread or (`stop`) to cancel. Refused: done, or another has them."""
    part, token = chunk_part(batch.generation, chunk, kind), new_token()
    free = any_of(missing("at"), at_most("at", now_ms - CHUNK_LEASE_MS))
    guard = (Arm("nobody has it", free), Arm("not done", missing("done")))
    sets = {"at": now_ms, "token": token, "expires_at": now_ms // 1000 + _CHUNKS_KEPT_S}
    return Move("BK", batch.run_id, guard, sets, part=part, mine={"token": token})


def end_chunk(batch: Batch, chunk: int, token: str, now_ms: int, *, done: bool, kind: str = "chunk") -> Move:
    """BC. The worker that has it: each index is a run (`done`), or its time was over and the next one goes on."""
    sets: dict[str, Any] = {"at": now_ms, "done": True} if done else {"at": 0}
    guard = (Arm("mine", equals("token", token)),)
    return Move("BC", batch.run_id, guard, sets, part=chunk_part(batch.generation, chunk, kind))


def note_letters(batch: Batch, chunk: int, seen: str | None, letters: str, now_ms: int) -> Move:
    """BC. How the runs of a chunk ended, as they were read. Refused: another look has noted more since."""
    guard = (Arm("as it was seen", equals("letters", seen) if seen is not None else missing("letters")),)
    sets: dict[str, Any] = {"letters": letters, "expires_at": now_ms // 1000 + _CHUNKS_KEPT_S}
    if "-" not in letters:
        sets["done"] = True
    return Move("BC", batch.run_id, guard, sets, part=chunk_part(batch.generation, chunk))


def begin_look(batch: Batch, until_ms: int) -> Move:
    """BL. A look that may take long begins: until then no other does. Refused: another has begun, or it has ended.

    A look that dies leaves a mark that lapses. Whoever comes meanwhile arranges to come again (`look_later`).
    """
    return Move("BL", batch.run_id, _looked_as_seen(batch), {"look_from": until_ms}, part=BATCH)


def look(batch: Batch, began_ms: int, look_from: int, sets: Mapping[str, Any], look_at: int | None) -> Move:
    """BL. What a look has found: counts (a hint), how far it may be spread. The next one may begin at `look_from`.

    Refused: it has ended, or another look was quicker. Without `look_at`, what others arranged meanwhile stays.
    """
    due = batch.due_at or 0
    changes = {"counted_at": began_ms, "look_from": look_from, **sets}
    if due <= began_ms + SWEPT_MS // 4:
        changes |= _swept(batch.run_id, began_ms)
        changes["expires_at"] = began_ms // 1000 + batch.retention_s + _KEPT_WHILE_RUNNING_S
    if look_at is not None:
        changes["not_before"] = look_at
    return Move("BL", batch.run_id, _looked_as_seen(batch), changes, part=BATCH)


def look_later(batch: Batch, look_at: int) -> Move:
    """BL. It is looked at, or was a moment ago: once more at `look_at`. Refused: that is arranged already."""
    guard = (*_running(batch), Arm("nobody arranged it", _as_seen("not_before", batch.not_before)))
    return Move("BL", batch.run_id, guard, {"not_before": look_at}, part=BATCH)


def send_workers(batch: Batch, now_ms: int, look_ms: int | None) -> Move:
    """BL. The workers sent last have had their time: others are sent now, and `look_ms` from now others again.

    None: no chunk is left for them, in this pass. Refused: somebody else has sent them.
    """
    guard = (*_running(batch), Arm("nobody has sent them since", _as_seen("spread_at", batch.spread_at)))
    if look_ms is None:
        return Move("BL", batch.run_id, guard, {}, part=BATCH, remove=("spread_at",))
    return Move("BL", batch.run_id, guard, {"spread_at": now_ms, "not_before": now_ms + look_ms}, part=BATCH)


def end_batch(batch: Batch, now_ms: int, status: Status, counts: Mapping[str, int]) -> Move:
    """BE. Every run of this pass has ended: the outcome, with the intent to tell it in the same write."""
    sets: dict[str, Any] = {
        "status": status, "finished_at": now_ms, "counts": json.dumps(counts, separators=(",", ":")),
        "expires_at": now_ms // 1000 + batch.retention_s,
    }  # fmt: skip
    remove = ["not_before", "due_at", "due_shard"]
    if batch.callback_url is not None:
        sets |= {"cb_status": "pending", "cb_due": now_ms, "due_at": now_ms, "due_shard": keys.due_shard(batch.run_id)}
        remove = ["not_before"]
    return Move("BE", batch.run_id, _running(batch), sets, part=BATCH, remove=tuple(remove))


def cancel_batch(batch: Batch, now_ms: int, look_ms: int, by: str | None = None) -> Move:
    """BM. A person, whose token is `by`, wants it to stop: nothing new is spread, and what there is is cancelled."""
    sets = {"cancel_requested": True, "not_before": now_ms + look_ms, "spread_at": now_ms} | asked_by(batch, by)
    return Move("BM", batch.run_id, _running(batch), sets, part=BATCH, remove=("look_from",))


def retry_batch(batch: Batch, now_ms: int, look_ms: int) -> Move:
    """BO. The runs that did not succeed run again, and it is told again. Refused: it runs, or all have succeeded."""
    generation = new_token()
    ended = tuple(sorted((Status.FAILED, Status.CANCELLED)))
    guard = (same_generation(batch), Arm("ended without success", one_of("status", ended)))
    sets = {
        "status": Status.RUNNING, "generation": generation, "previous": batch.generation,
        "batch_pass": batch.pass_number + 1, "not_before": now_ms + look_ms, "spread_at": now_ms,
        "expires_at": now_ms // 1000 + batch.retention_s + _KEPT_WHILE_RUNNING_S, **_swept(batch.run_id, now_ms),
    }  # fmt: skip
    return Move("BO", batch.run_id, guard, sets, part=BATCH, remove=_OUTCOME, mine={"generation": generation})


def tombstone(new: NewRun, now_ms: int, by: str | None = None) -> Move:
    """BT. An index of a cancelled batch that is no run yet is born cancelled: no slow worker can begin it now.

    Refused: it is a run, which the refusal carries.
    """
    generation = new_token()
    born = birth(new, now_ms, generation) | {
        "status": Status.CANCELLED, "finished_at": now_ms, "due_shard": None,
        "expires_at": now_ms // 1000 + max(new.retention_s, 60), "cancelled_by": by,
    }  # fmt: skip
    return Move("BT", new.run_id, (id_is_free(now_ms),), to_item(born), replace=True, mine={"generation": generation})


def redrive_for(
    head: Head, batch: Batch, now_ms: int, *, held: Held | None = None, paused_ms: int | None = None
) -> Move:
    """O, for the batch's pass. Refused also where another worker of this pass has been there."""
    move = redrive(head, now_ms, held=held, paused_ms=paused_ms)
    return replace(move, guard=(*move.guard, _pass_as_seen(head)), set={**move.set, "batch_pass": batch.batch_pass})


def join_pass(head: Head, batch: Batch) -> Move:
    """BJ. A run that a person sent again by itself, or (of a cancelled batch) one that stays as it ended, counts now.

    Refused: it has moved since it was read.
    """
    there = (*WAITING, Status.RUNNING) if not head.terminal else tuple(sorted(REDRIVABLE))
    guard = (same_generation(head), Arm("as it was seen", one_of("status", there)), _pass_as_seen(head))
    return Move("BJ", head.run_id, guard, {"batch_pass": batch.batch_pass})


def _pass_as_seen(head: Head) -> Arm:
    return Arm("not in this pass yet", _as_seen("batch_pass", head.batch_pass))


def _looked_as_seen(batch: Batch) -> tuple[Arm, ...]:
    return (*_running(batch), Arm("nobody has looked since", _as_seen("look_from", batch.look_from)))


def _as_seen(name: str, value: Any) -> Any:
    return equals(name, value) if value else missing(name)


def _running(batch: Batch) -> tuple[Arm, ...]:
    return (same_generation(batch), Arm("still running", equals("status", Status.RUNNING)))


def _swept(batch_id: str, now_ms: int) -> dict[str, Any]:
    return {"due_at": now_ms + SWEPT_MS, "due_shard": keys.due_shard(batch_id)}
