"""A worker of a bulk job: it takes the job for some seconds and does page after page.

    take ─▶ the page that is noted: act on its runs, count ─▶ look for the next page, note it ─▶ …  ─▶ end, or hand on

One write a page: how the one before went, and which runs the next one is. A worker that dies leaves its page noted;
the next worker does all of it again, which moves no run twice (acts.py), and counts what the dead one had done: but for
a run that another job has moved since, and that is counted as refused.
A dry run counts, and notes no page.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from chalicelib.bulk import acts, found, records
from chalicelib.runs.filters import Filters
from chalicelib.runs.walk import CHUNK
from chalicelib.service import Service, several
from invoke_once import log
from invoke_once.errors import InvokeOnceError
from invoke_once.life.bulk import Bulk, BulkStatus, Counts, Pin
from invoke_once.life.due import Due
from invoke_once.life.head import Head
from invoke_once.life.moves import bulk_moves

BUDGET_MS = 20_000  #: of one invocation; `attend` has 60 s
THREADS = 10  #: botocore keeps ten connections
TRIES = 5  #: of a page; after that a run whose move raises counts as refused


def attend(svc: Service, bulk_id: str, *, budget_ms: int = BUDGET_MS, threads: int = THREADS, size: int = CHUNK) -> Due:
    """Work at the job, if its time has come and no other worker has it. `size`: runs that a page looks at."""
    job, now_ms = records.find(svc, bulk_id), svc.now_ms()
    if job is None or not job.running or (job.not_before or 0) > now_ms:
        return Due.NOTHING
    taken = records.made(svc, bulk_moves.take_bulk(job, now_ms))
    if taken is None:
        return Due.NOTHING
    Worker(svc, taken, now_ms + budget_ms, threads, size).work()
    return Due.ASK


class Worker:
    """One worker's time with the job. `heads`: the noted page's runs as they were read, unless another noted it."""

    def __init__(self, svc: Service, job: Bulk, until_ms: int, threads: int, size: int) -> None:
        asked = job.asked
        self.svc, self.until_ms, self.threads, self.size = svc, until_ms, threads, size
        self.action: acts.Action = asked["action"]
        self.by: str | None = asked["by"]
        self.wanted = msgspec.convert(asked["wanted"], Filters)
        self.dry_run = bool(asked["dry_run"])
        self.job: Bulk | None = job
        self.heads: dict[str, Head] = {}

    def work(self) -> None:
        while self.job is not None and self.job.running:
            self.job = self._page(self.job)
        if self.job is not None:
            log.event("bulk_ended", bulk=self.job.run_id, run_status=self.job.status, **self.job.counted._asdict())

    def _page(self, job: Bulk) -> Bulk | None:
        """Do the noted page and note the next one. None: the time is over, or the job is another worker's."""
        counts, now_ms = self._counted(job), self.svc.now_ms()
        if job.cancel_requested:
            return self._made(bulk_moves.end_bulk(job, now_ms, BulkStatus.STOPPED, counts))
        if job.at_end:
            return self._made(bulk_moves.end_bulk(job, now_ms, BulkStatus.DONE, counts))
        if now_ms >= self.until_ms:
            self._made(bulk_moves.next_page(job, counts, (), job.position, release_ms=now_ms))
            return None
        position = json.loads(job.position) if job.position else None
        following = found.page(self.svc, job.tenant, self.wanted, position, self.size)
        able = [head for head in following.heads if acts.possible(self.action, head)]
        counts = counts.plus(matched=len(following.heads), refused=len(following.heads) - len(able))
        pins = [] if self.dry_run else [Pin(head.run_id, head.generation, head.bulk or "") for head in able]
        if following.position is None and not pins:
            return self._made(bulk_moves.end_bulk(job, now_ms, BulkStatus.DONE, counts))
        self.heads = {head.run_id: head for head in able}
        text = json.dumps(following.position, separators=(",", ":"))
        return self._made(bulk_moves.next_page(job, counts, pins, text))

    def _made(self, move: Any) -> Bulk | None:
        return records.made(self.svc, move)

    def _counted(self, job: Bulk) -> Counts:
        """Act on the runs of the noted page; once the job is to stop, only count what was done."""
        pins = job.pins
        if not pins:
            return job.counted
        with several(min(self.threads, len(pins))) as each:
            done = sum(each(lambda pin: self._done(job, pin), pins))
        return job.counted.plus(done=done, refused=0 if job.cancel_requested else len(pins) - done)

    def _done(self, job: Bulk, pin: Pin) -> bool:
        """Whether this job has moved the run, now or before."""
        head = self.heads.get(pin.run_id) or self._read(job, pin)
        if head is None or job.cancel_requested:
            return head is not None and head.bulk == job.run_id
        try:
            return acts.act(self.svc, self.action, job, head, self.by)
        except InvokeOnceError as error:
            if job.attempt < TRIES:
                raise  # the page stays noted: the next worker does it again
            log.event("bulk_run_failed", bulk=job.run_id, run_id=pin.run_id, reason=type(error).__name__)
            return False

    def _read(self, job: Bulk, pin: Pin) -> Head | None:
        """The run of a page that another worker noted, if it is still meant, or done already."""
        head = self.svc.store.get(pin.run_id, self.svc.now_ms())
        if head is None or head.bulk == job.run_id:
            return head
        meant = (head.generation, head.bulk or "") == (pin.generation, pin.bulk)
        return head if meant and self.wanted.match(job.tenant, head) else None
