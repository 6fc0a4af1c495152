"""What is stored of a batch: many runs of one function, one outcome. The legend of the parts that are its own.

    batch                   the batch itself: `Batch` below
    chunk#GENERATION#NNN    a hundred indexes. Claimed (`at`, `token`) by who spreads them; `done`: each is a run;
                            `letters`: how each ended, one letter an index, `-` for one that has not
    stop#GENERATION#NNN     the same hundred indexes, claimed and done by who cancels them

Its runs are heads as any other, with `batch`, `batch_index` and `batch_pass`. A pass is one try of the whole: each
`retry` of a batch begins the next one, with a new generation, and so with chunks of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from invoke_once.life.head import BATCH, Head
from invoke_once.life.status import Status

MOST_ITEMS = 10_000
CHUNK = 100  #: what one BatchGetItem reads (DynamoDB API reference, "BatchGetItem")
LIVE = "-"
LETTER: Mapping[str, str] = {
    Status.SUCCEEDED: "s", Status.FAILED: "f", Status.TIMED_OUT: "t", Status.CANCELLED: "c", Status.EXPIRED: "e",
}  # fmt: skip


@dataclass(slots=True)
class Batch(Head):
    """The batch's own head. Of `Head` it has what a list, a callback and the sweep need."""

    part: str = BATCH
    total: int = 0  #: BA
    seed: str = ""  #: BA; the generation at its birth: names its runs, for good
    previous: str | None = None  #: BO; the generation before, whose chunks say what has succeeded
    max_running: int | None = None  #: BA; None: all at once
    born: int = 0  #: BL; with `max_running`: the indexes below it may be runs
    options: str | None = None  #: BA; JSON: what every item is asked to be
    counts: str | None = None  #: BL (a hint), BE (exact); JSON
    counted_at: int = 0  #: BL; when the look that counted last began
    look_from: int = 0  #: BL; no look begins before: one is under way, or ended a moment ago
    spread_at: int = 0  #: BA, BL, BM, BO; when workers were last sent; removed when there is nothing left for them

    @property
    def pass_number(self) -> int:
        return self.batch_pass or 1

    @property
    def running(self) -> bool:
        return self.status == Status.RUNNING

    @property
    def bounded(self) -> bool:
        """Its runs are begun as others end, by who looks and not by workers."""
        return self.max_running is not None and not self.cancel_requested

    @property
    def chunks(self) -> int:
        return -(-self.total // CHUNK)

    def indexes(self, chunk: int) -> range:
        return range(chunk * CHUNK, min((chunk + 1) * CHUNK, self.total))

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Batch:
        return cls(**{name: value for name, value in item.items() if value is not None and name in _FIELDS})


_FIELDS = frozenset(f.name for f in fields(Batch))


def chunk_part(generation: str, chunk: int, kind: str = "chunk") -> str:
    return f"{kind}#{generation}#{chunk:03d}"


def again(letters: str) -> str:
    """The letters of a pass as the next one begins with them: what has succeeded stays."""
    return "".join(letter if letter == "s" else LIVE for letter in letters)
