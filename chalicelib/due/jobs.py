"""Jobs on many runs: a batch, a bulk job. Each is its own room's to attend to, in an invocation of its own.

Their items say when they want to be looked at as a run's head does: `not_before` for stream and queue, `due_at` for
the sweep.
"""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.service import Service
from invoke_once.life.due import Due
from invoke_once.life.head import BATCH, BULK, Head

PARTS = (BATCH, BULK)
PREFIXES = ("batch_", "bulk_")


def attend(svc: Service, job_id: str, deliver: Callable[[Service, Head], None]) -> Due:
    """Do what is due for a job, for a bounded time."""
    if job_id.startswith("bulk_"):
        from chalicelib.bulk import work

        return work.attend(svc, job_id)
    from chalicelib.batches.attend import attend as attend_to_batch

    return attend_to_batch(svc, job_id, deliver)
