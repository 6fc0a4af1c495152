"""Look at a batch: count its runs, note what has ended, spread what may begin, and end it when all have.

Woken by the stream (a run of it has begun or ended), by the time it set itself, and by the sweep. What is counted
from live runs is a hint for whoever watches; the end stands on letters alone, and each of those on a run that was
read as ended.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from chalicelib.batches import members, records, spread
from chalicelib.service import Service
from chalicelib.several import several
from invoke_once import log
from invoke_once.life.batch import CHUNK, LETTER, LIVE, Batch, again
from invoke_once.life.head import Head
from invoke_once.life.moves import batch_moves
from invoke_once.life.status import Status
from invoke_once.store.store import Item

FORGOTTEN_MS = 3_600_000  #: a run of a done chunk that is not there so long after is forgotten, not unborn
NOTED_EVERY_MS = 600_000  #: letters of a chunk that is not complete: often enough to outlive any retention
AT_ONCE = 300  #: runs that one look begins of a batch with `max_running`
LAZY_SPACING_MS = 250
_STATUS = {letter: str(status) for status, letter in LETTER.items()}


class Tally(Struct):
    """What a look has read. `letters` by chunk; `stored`: as the store has them."""

    letters: list[str]
    stored: list[Item]
    stops: dict[int, Item]
    waiting: int = 0
    running: int = 0
    unbegun: list[int] = []  #: indexes that may be runs by now and are none of this pass

    @property
    def complete(self) -> bool:
        return all(LIVE not in text for text in self.letters)


def look(svc: Service, batch: Batch, *, threads: int = records.THREADS) -> bool:
    """Look at a running batch; True: it has ended now."""
    now_ms = svc.now_ms()
    wait_ms = batch.counted_at + spacing_ms(batch) - now_ms
    if wait_ms > 0:
        if not now_ms < (batch.not_before or 0) <= now_ms + wait_ms + 1_000:
            records.made(svc, batch_moves.look_later(batch, now_ms + wait_ms))
        return False
    tally = count(svc, batch, threads)
    _note(svc, batch, tally, now_ms)
    if tally.complete:
        return _end(svc, batch, tally)
    _go_on(svc, batch, tally, now_ms, threads)
    return False


def spacing_ms(batch: Batch) -> int:
    """How long after a look the next one may be: a second, and 10 s at 10 000 runs."""
    if batch.max_running is not None and not batch.cancel_requested:
        return LAZY_SPACING_MS
    return min(max(batch.total, 1_000), 10_000)


def count(svc: Service, batch: Batch, threads: int = records.THREADS) -> Tally:
    """Read every run that may have changed since its letter was noted."""
    tally = _noted(svc, batch)
    open_chunks = [n for n, text in enumerate(tally.letters) if LIVE in text and _begun(batch, tally, n)]

    def read(chunk: int) -> dict[int, Head]:
        wanted = [index for index in batch.indexes(chunk) if tally.letters[chunk][index % CHUNK] == LIVE]
        return records.heads(svc, batch, wanted)

    with several(min(threads, max(len(open_chunks), 1))) as each:
        for chunk, heads in zip(open_chunks, each(read, open_chunks), strict=True):
            _take_in(batch, tally, chunk, heads, svc.now_ms())
    tally.waiting = sum(text.count(LIVE) for text in tally.letters) - tally.running
    return tally


def _noted(svc: Service, batch: Batch) -> Tally:
    """The letters that are known before any run is read."""
    before = records.chunks(svc, batch, batch.previous) if batch.previous else {}
    known = records.chunks(svc, batch)
    letters = []
    for chunk in range(batch.chunks):
        fresh = again(str(before[chunk].get("letters", ""))) if chunk in before else ""
        letters.append(str(known.get(chunk, {}).get("letters") or fresh or LIVE * len(batch.indexes(chunk))))
    stops = records.chunks(svc, batch, kind="stop") if batch.cancel_requested else {}
    return Tally(letters, [known.get(chunk, {}) for chunk in range(batch.chunks)], stops, unbegun=[])


def _begun(batch: Batch, tally: Tally, chunk: int) -> bool:
    """Whether runs of this chunk may exist."""
    return bool(tally.stored[chunk]) or chunk in tally.stops or chunk * CHUNK < batch.born


def _take_in(batch: Batch, tally: Tally, chunk: int, heads: dict[int, Head], now_ms: int) -> None:
    text = list(tally.letters[chunk])
    done = tally.stored[chunk]
    forgotten = bool(done.get("done")) and int(done.get("at") or now_ms) < now_ms - FORGOTTEN_MS
    for index in batch.indexes(chunk):
        if text[index % CHUNK] != LIVE:
            continue
        head = heads.get(index)
        if head is None:
            if forgotten:
                text[index % CHUNK] = LETTER[Status.EXPIRED]
            elif index < batch.born:
                tally.unbegun.append(index)
        elif not records.of_this_pass(head, batch):
            if index < batch.born:
                tally.unbegun.append(index)
        elif head.terminal:
            text[index % CHUNK] = LETTER[Status(head.status)]
        elif head.status == Status.RUNNING:
            tally.running += 1
    tally.letters[chunk] = "".join(text)


def _note(svc: Service, batch: Batch, tally: Tally, now_ms: int) -> None:
    """Keep the letters of chunks that are complete, and now and then of those that are not."""
    for chunk, letters in enumerate(tally.letters):
        seen = tally.stored[chunk].get("letters")
        if letters == seen or (seen is None and letters.count(LIVE) == len(letters)):
            continue
        if LIVE not in letters or now_ms // NOTED_EVERY_MS != batch.counted_at // NOTED_EVERY_MS:
            svc.store.put_part(batch_moves.note_letters(batch, chunk, seen, letters, now_ms))


def counts(tally: Tally) -> dict[str, int]:
    ended: Counter[str] = Counter()
    for text in tally.letters:
        ended.update(text)
    total = sum(len(text) for text in tally.letters)
    named = {name: ended[letter] for letter, name in _STATUS.items()}
    return {"total": total, "waiting": tally.waiting, "running": tally.running, **named}


def _end(svc: Service, batch: Batch, tally: Tally) -> bool:
    found = counts(tally)
    if found["succeeded"] == found["total"]:
        status = Status.SUCCEEDED
    else:
        status = Status.CANCELLED if batch.cancel_requested else Status.FAILED
    ended = records.made(svc, batch_moves.end_batch(batch, svc.now_ms(), status, found))
    if ended is not None:
        log.event("batch_ended", batch=batch.run_id, run_status=str(status), metrics={"BatchesEnded": 1}, **found)
    return ended is not None


def _go_on(svc: Service, batch: Batch, tally: Tally, now_ms: int, threads: int) -> None:
    """Write what was counted; whoever wins that write spreads what may begin."""
    sets: dict[str, Any] = {"counts": json.dumps(counts(tally), separators=(",", ":"))}
    look_at: int | None = None
    to_begin: list[int] = []
    undone = 0
    if batch.max_running is not None and not batch.cancel_requested:
        born = _further(batch, tally)
        wanted = [*tally.unbegun, *_live(tally, range(batch.born, born))]
        to_begin = wanted[:AT_ONCE]
        if born != batch.born:
            sets["born"] = born
        if to_begin:
            look_at = now_ms + (spread.RESPREAD_MS if wanted == to_begin else LAZY_SPACING_MS)
    else:
        undone = _undone(batch, tally)
        if undone and now_ms - batch.spread_at >= spread.RESPREAD_MS:
            sets["spread_at"] = now_ms
        if undone:
            look_at = int(sets.get("spread_at", batch.spread_at)) + spread.RESPREAD_MS
    if records.made(svc, batch_moves.look(batch, now_ms, sets, look_at)) is None:
        return
    if "spread_at" in sets:
        spread.send_workers(svc, batch, undone)
    if to_begin:
        _begin(svc, batch, to_begin, threads)


def _further(batch: Batch, tally: Tally) -> int:
    """How far a batch with `max_running` may be begun: no more of its runs live at once than that."""
    text = "".join(tally.letters)
    room = min((batch.max_running or 0) - text[: batch.born].count(LIVE), AT_ONCE)
    born = batch.born
    while born < batch.total and (room > 0 or text[born] != LIVE):
        room -= text[born] == LIVE
        born += 1
    return born


def _live(tally: Tally, indexes: Iterable[int]) -> list[int]:
    text = "".join(tally.letters)
    return [index for index in indexes if text[index] == LIVE]


def _undone(batch: Batch, tally: Tally) -> int:
    """Chunks that a worker has yet to spread, or to stop."""
    if batch.cancel_requested:
        open_chunks = [chunk for chunk, text in enumerate(tally.letters) if LIVE in text]
        return sum(not tally.stops.get(chunk, {}).get("done") for chunk in open_chunks)
    return sum(LIVE in text and not tally.stored[n].get("done") for n, text in enumerate(tally.letters))


def _begin(svc: Service, batch: Batch, indexes: list[int], threads: int) -> None:
    manifest = spread.read_manifest(svc, batch)
    until_ms = svc.now_ms() + spread.BUDGET_MS

    def one(index: int) -> None:
        if svc.now_ms() < until_ms:
            members.begin(svc, batch, manifest, index)

    with several(threads) as each:
        list(each(one, indexes))
