"""Spread a batch: workers, each an invocation of `attend`, take chunks of 100 indexes and make runs of them.

Any number at once: a chunk is taken by one conditional write, and is taken over when its worker is silent. A worker
that dies leaves a chunk that is not done; the next one does all of it again, which begins nothing twice (members.py).
Of a cancelled batch the same workers stop what there is.
"""

from __future__ import annotations

import json
from contextlib import suppress

from chalicelib.batches import members, records
from chalicelib.batches.manifest import Lost, Manifest
from chalicelib.invoker import Fired
from chalicelib.service import Service, several
from invoke_once import log
from invoke_once.errors import PayloadCorrupt, StoreUnavailable
from invoke_once.life.batch import CHUNK, LIVE, Batch, again, chunk_part
from invoke_once.life.moves import batch_moves
from invoke_once.store.store import Item, Unwritten

WORKERS = 4  #: of one batch at once; each has `records.THREADS`
BUDGET_MS = 20_000  #: of one invocation; `attend` has 60 s
DAY_MS = 86_400_000
RESPREAD_MS = 21_000  #: then the next workers are sent


def send_workers(svc: Service, batch: Batch, chunks: int) -> None:
    """As many workers as have something to do. Losing one is harmless: the next look sends others."""
    for number in range(min(WORKERS, chunks)):
        payload = json.dumps({"spread": batch.run_id, "worker": number}).encode()
        answer = svc.invoker.fire(svc.settings.attend_function, payload, tries=2)
        if not isinstance(answer, Fired):
            log.event("spread_not_fired", batch=batch.run_id, reason=str(answer))


def work(
    svc: Service, batch_id: str, worker: int = 0, *, budget_ms: int = BUDGET_MS, threads: int = records.THREADS
) -> int:
    """Take chunks until none is left or time is over; returns how many were done."""
    until_ms, done = svc.now_ms() + budget_ms, 0
    manifest: Manifest | None = None
    while svc.now_ms() < until_ms:
        batch = records.find(svc, batch_id)
        if batch is None or not batch.running or batch.bounded:
            return done
        kind = "stop" if batch.cancel_requested else "chunk"
        taken = _take(svc, batch, worker, kind)
        if taken is None:
            return done
        manifest = manifest or _manifest_for(svc, batch, kind)
        chunk, token, before = taken
        whole = False
        try:
            whole = _do(svc, batch, manifest, chunk, kind, until_ms, threads, before=before)
        finally:
            move = batch_moves.end_chunk(batch, chunk, token, svc.now_ms(), done=whole, kind=kind)
            svc.store.put_part(move)
        done += whole
        log.event("spread", batch=batch_id, chunk=chunk, did=kind, whole=whole)
    return done


def read_manifest(svc: Service, batch: Batch) -> Manifest:
    """Raises `PayloadCorrupt` where it is gone, `StoreUnavailable`."""
    return Manifest(svc.payloads.object(_key(batch)))


def keep_manifest(svc: Service, batch: Batch) -> None:
    """Put it anew: a bucket forgets by age. Raises as `read_manifest`."""
    svc.payloads.keep_object(_key(batch), svc.payloads.object(_key(batch)))


def keep_manifest_daily(svc: Service, batch: Batch) -> None:
    """For a batch that begins runs over weeks. Whoever cannot today does tomorrow."""
    if svc.now_ms() // DAY_MS != (batch.counted_at or batch.created_at) // DAY_MS:
        with suppress(PayloadCorrupt, StoreUnavailable):
            keep_manifest(svc, batch)


def _key(batch: Batch) -> str:
    return (batch.input_ref or "").removeprefix("s3:")


def _manifest_for(svc: Service, batch: Batch, kind: str) -> Manifest:
    try:
        return read_manifest(svc, batch)
    except PayloadCorrupt:
        if kind == "stop":
            return Lost()
        raise


def _take(svc: Service, batch: Batch, worker: int, kind: str) -> tuple[int, str, bool] | None:
    """(chunk, token, whether another had it before) of one that nobody has; workers begin at different places."""
    known = records.chunks(svc, batch, kind=kind)
    first = worker * batch.chunks // WORKERS
    for step in range(batch.chunks):
        chunk = (first + step) % batch.chunks
        if not free(known.get(chunk), svc.now_ms()):
            continue
        move = batch_moves.take_chunk(batch, chunk, svc.now_ms(), kind)
        if not isinstance(svc.store.put_part(move), Unwritten):
            return chunk, str(move.set["token"]), chunk in known
    return None


def free(chunk: Item | None, now_ms: int) -> bool:
    """Whether a worker may take it: not done, and nobody is on it."""
    if chunk is None:
        return True
    return not chunk.get("done") and int(chunk.get("at") or 0) <= now_ms - batch_moves.CHUNK_LEASE_MS


def _do(
    svc: Service, batch: Batch, manifest: Manifest, chunk: int, kind: str, until_ms: int, threads: int, *, before: bool
) -> bool:
    """Every index of a chunk; False: time was over before. What may be a run already is read, all of it at once."""
    ended = _ended(svc, batch, chunk)
    left = [index for index in batch.indexes(chunk) if index % CHUNK not in ended]
    may_be_there = before or kind == "stop" or batch.pass_number > 1
    there = records.heads(svc, batch, left) if may_be_there else {}  # to ask by a write would cost one each

    def one(index: int) -> bool:
        if svc.now_ms() >= until_ms:
            return False
        if kind == "stop":
            members.stop(svc, batch, manifest, index, there.get(index))
        else:
            members.begin(svc, batch, manifest, index, there.get(index))
        return True

    with several(threads) as each:
        return all(list(each(one, left)))


def _ended(svc: Service, batch: Batch, chunk: int) -> set[int]:
    """Places of the chunk that have their letter: noted in this pass, or succeeded in an earlier one.

    Its run may be forgotten by now, and must not run again for that.
    """
    now = svc.store.part(batch.run_id, chunk_part(batch.generation, chunk)) or {}
    found = {place for place, letter in enumerate(str(now.get("letters", ""))) if letter != LIVE}
    if batch.previous:
        before = svc.store.part(batch.run_id, chunk_part(batch.previous, chunk)) or {}
        found |= {place for place, letter in enumerate(again(str(before.get("letters", "")))) if letter != LIVE}
    return found
