"""What a look reads of a batch: how each of its runs stands, as letters by chunk; and the note it leaves of them.

A chunk's letters are noted as soon as it is read, so that a look that is cut off has saved the next one that work.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

from msgspec import Struct

from chalicelib.batches import records
from chalicelib.service import Service, several
from invoke_once.life.batch import CHUNK, LETTER, LIVE, Batch, again
from invoke_once.life.head import Head
from invoke_once.life.moves import batch_moves
from invoke_once.life.status import Status
from invoke_once.store.store import Item

FORGOTTEN_MS = 3_600_000  #: a run of a done chunk that is not there so long after is forgotten, not unborn
NOTED_EVERY_MS = 600_000  #: letters of a chunk that is not complete: often enough to outlive any retention
_STATUS = {letter: str(status) for status, letter in LETTER.items()}


class Tally(Struct):
    """What is known of a pass. `letters` by chunk; `stored`: as the store has them; `stops`: who stops them."""

    batch: Batch
    letters: list[str]
    stored: list[Item]
    stops: dict[int, Item]
    running: int = 0
    unbegun: list[int] = []  #: indexes that may be runs by now and are none of this pass

    @property
    def complete(self) -> bool:
        return all(LIVE not in text for text in self.letters)

    @property
    def open_chunks(self) -> list[int]:
        """Those with runs that may have changed since their letter was noted."""
        return [n for n, text in enumerate(self.letters) if LIVE in text and self._begun(n)]

    def _begun(self, chunk: int) -> bool:
        """Whether runs of this chunk may exist."""
        return bool(self.stored[chunk]) or chunk in self.stops or chunk * CHUNK < self.batch.born

    def live(self, indexes: Iterable[int]) -> list[int]:
        return [index for index in indexes if self.letters[index // CHUNK][index % CHUNK] == LIVE]

    def undone(self) -> int:
        """Chunks that a worker has yet to spread, or to stop."""
        done = self.stops if self.batch.cancel_requested else dict(enumerate(self.stored))
        return sum(LIVE in text and not done.get(n, {}).get("done") for n, text in enumerate(self.letters))

    def counts(self) -> dict[str, int]:
        found: Counter[str] = Counter()
        for text in self.letters:
            found.update(text)
        named = {name: found[letter] for letter, name in _STATUS.items()}
        waiting = found[LIVE] - self.running
        return {"total": self.batch.total, "waiting": waiting, "running": self.running, **named}

    def counts_text(self) -> str:
        return json.dumps(self.counts(), separators=(",", ":"))


def noted(svc: Service, batch: Batch) -> Tally:
    """The letters that are known before any run is read."""
    before = records.chunks(svc, batch, batch.previous) if batch.previous else {}
    known = records.chunks(svc, batch)
    letters = []
    for chunk in range(batch.chunks):
        fresh = again(str(before[chunk].get("letters", ""))) if chunk in before else ""
        letters.append(str(known.get(chunk, {}).get("letters") or fresh or LIVE * len(batch.indexes(chunk))))
    stops = records.chunks(svc, batch, kind="stop") if batch.cancel_requested else {}
    return Tally(batch, letters, [known.get(chunk, {}) for chunk in range(batch.chunks)], stops)


class _Read(Struct):
    """What was read of one chunk."""

    letters: str
    running: int = 0
    unbegun: list[int] = []


def read(svc: Service, tally: Tally, until_ms: int, threads: int = records.THREADS) -> None:
    """Read every run that may have changed since its letter was noted, as far as time allows; note what has ended.

    It begins at any chunk: what one look has no time for is read by another.
    """
    batch, now_ms, open_chunks = tally.batch, svc.now_ms(), set(tally.open_chunks)
    first = int(svc.spread() * batch.chunks)
    order = [(first + step) % batch.chunks for step in range(batch.chunks)]

    def one(chunk: int) -> _Read:
        found = _Read(tally.letters[chunk])
        if chunk in open_chunks and svc.now_ms() < until_ms:
            wanted = tally.live(batch.indexes(chunk))
            found = _taken_in(tally, chunk, records.heads(svc, batch, wanted), svc.now_ms())
        _note(svc, tally, chunk, found.letters, now_ms)
        return found

    with several(min(threads, max(len(open_chunks), 1))) as each:
        for chunk, found in zip(order, each(one, order), strict=True):
            tally.letters[chunk] = found.letters
            tally.running += found.running
            tally.unbegun += found.unbegun
    tally.unbegun.sort()


def _taken_in(tally: Tally, chunk: int, heads: dict[int, Head], now_ms: int) -> _Read:
    batch, text, done = tally.batch, list(tally.letters[chunk]), tally.stored[chunk]
    found = _Read("")
    forgotten = bool(done.get("done")) and int(done.get("at") or now_ms) < now_ms - FORGOTTEN_MS
    for index in tally.live(batch.indexes(chunk)):
        head = heads.get(index)
        if head is None and forgotten:
            text[index % CHUNK] = LETTER[Status.EXPIRED]
        elif head is None or not records.of_this_pass(head, batch):
            if index < batch.born:
                found.unbegun.append(index)
        elif head.terminal:
            text[index % CHUNK] = LETTER[Status(head.status)]
        elif head.status == Status.RUNNING:
            found.running += 1
    found.letters = "".join(text)
    return found


def _note(svc: Service, tally: Tally, chunk: int, letters: str, now_ms: int) -> None:
    """Keep the letters of a chunk that is complete, and now and then of one that is not."""
    batch, seen = tally.batch, tally.stored[chunk].get("letters")
    if letters == seen or (seen is None and letters.count(LIVE) == len(letters)):
        return
    if LIVE not in letters or now_ms // NOTED_EVERY_MS != batch.counted_at // NOTED_EVERY_MS:
        svc.store.put_part(batch_moves.note_letters(batch, chunk, seen, letters, now_ms))
