"""Look at a batch: count its runs, note what has ended, spread what may begin, and end it when all have.

Woken by the stream (a run of it has begun or ended), by the time it set itself, and by the sweep. What is counted
from live runs is a hint for whoever watches; the end stands on letters alone, and each of those on a run that was
read as ended.

A look at thousands of runs takes seconds. It says so before it reads (`begin_look`), and whoever comes meanwhile only
arranges to come again. Workers are sent when their time has come, whoever counts.
"""

from __future__ import annotations

from typing import Any

from chalicelib.batches import members, records, spread, tally
from chalicelib.batches.tally import Tally
from chalicelib.service import Service, several
from invoke_once import log
from invoke_once.life.batch import LIVE, Batch
from invoke_once.life.moves import batch_moves
from invoke_once.life.status import Status

AT_ONCE = 300  #: runs that one look begins of a batch with `max_running`
LAZY_SPACING_MS = 250
LARGE = 3  #: chunks; a look that has more of them to read says that it begins
BUDGET_MS = 30_000  #: of reading; `attend` has 60 s
MARK_MS = 45_000  #: of a look that has begun: when it is taken for dead
REST = 2  #: the next look begins not before this many times what this one took


def look(svc: Service, batch: Batch, *, threads: int = records.THREADS, large: int = LARGE) -> bool:
    """Look at a running batch; True: it has ended now."""
    now_ms = svc.now_ms()
    batch = _send_workers(svc, batch, now_ms)
    if batch.look_from > now_ms:
        _come_again(svc, batch, now_ms)
        return False
    found = tally.noted(svc, batch)
    if len(found.open_chunks) > large:
        begun = records.made(svc, batch_moves.begin_look(batch, now_ms + MARK_MS))
        if begun is None:
            _after_another(svc, batch)
            return False
        found.batch = batch = begun
    tally.read(svc, found, now_ms + BUDGET_MS, threads)
    if found.complete:
        return _end(svc, found)
    _go_on(svc, found, now_ms, threads)
    return False


def spacing_ms(batch: Batch) -> int:
    """How long after a look began the next one may: a second, and 10 s at 10 000 runs."""
    return LAZY_SPACING_MS if batch.bounded else min(max(batch.total, 1_000), 10_000)


def _come_again(svc: Service, batch: Batch, now_ms: int) -> None:
    """Have it looked at when it may be, or see then whether the look under way is over; unless that is arranged."""
    wait_ms = min(max(batch.look_from - now_ms, 0), spacing_ms(batch))
    if not now_ms < (batch.not_before or 0) <= now_ms + wait_ms + 1_000:
        records.made(svc, batch_moves.look_later(batch, now_ms + wait_ms))


def _after_another(svc: Service, batch: Batch) -> None:
    """Another look was quicker, and may have read too early what this one was woken for."""
    now = records.find(svc, batch.run_id)
    if now is not None and now.running:
        _come_again(svc, now, svc.now_ms())


def _send_workers(svc: Service, batch: Batch, now_ms: int) -> Batch:
    """The batch, after workers were sent again if those before have had their time and left something."""
    if not batch.spread_at or batch.bounded or now_ms - batch.spread_at < spread.RESPREAD_MS:
        return batch
    undone = tally.noted(svc, batch).undone()
    moved = records.made(svc, batch_moves.send_workers(batch, now_ms, spread.RESPREAD_MS if undone else None))
    if moved is None:
        return batch
    spread.send_workers(svc, moved, undone)
    return moved


def _end(svc: Service, found: Tally) -> bool:
    batch, counts = found.batch, found.counts()
    if counts["succeeded"] == counts["total"]:
        status = Status.SUCCEEDED
    else:
        status = Status.CANCELLED if batch.cancel_requested else Status.FAILED
    ended = records.made(svc, batch_moves.end_batch(batch, svc.now_ms(), status, counts))
    if ended is not None:
        log.event("batch_ended", batch=batch.run_id, run_status=str(status), metrics={"BatchesEnded": 1}, **counts)
    return ended is not None


def _go_on(svc: Service, found: Tally, began_ms: int, threads: int) -> None:
    """Write what was counted; of a batch with `max_running`, whoever wins that write begins what may begin."""
    batch = found.batch
    sets: dict[str, Any] = {"counts": found.counts_text()}
    look_at: int | None = None
    to_begin: list[int] = []
    if batch.bounded:
        born = _further(found)
        wanted = [*found.unbegun, *found.live(range(batch.born, born))]
        to_begin = wanted[:AT_ONCE]
        if born != batch.born:
            sets["born"] = born
        if born < batch.total:
            spread.keep_manifest_daily(svc, batch)
        if to_begin:
            look_at = began_ms + (spread.RESPREAD_MS if wanted == to_begin else LAZY_SPACING_MS)
    look_from = began_ms + max(spacing_ms(batch), REST * (svc.now_ms() - began_ms))
    if records.made(svc, batch_moves.look(batch, began_ms, look_from, sets, look_at)) is None:
        _after_another(svc, batch)
    elif to_begin:
        _begin(svc, batch, to_begin, threads)


def _further(found: Tally) -> int:
    """How far a batch with `max_running` may be begun: no more of its runs live at once than that."""
    batch = found.batch
    text = "".join(found.letters)
    room = min((batch.max_running or 0) - text[: batch.born].count(LIVE), AT_ONCE)
    born = batch.born
    while born < batch.total and (room > 0 or text[born] != LIVE):
        room -= text[born] == LIVE
        born += 1
    return born


def _begin(svc: Service, batch: Batch, indexes: list[int], threads: int) -> None:
    manifest = spread.read_manifest(svc, batch)
    until_ms = svc.now_ms() + spread.BUDGET_MS

    def one(index: int) -> None:
        if svc.now_ms() < until_ms:
            members.begin(svc, batch, manifest, index)

    with several(threads) as each:
        list(each(one, indexes))
