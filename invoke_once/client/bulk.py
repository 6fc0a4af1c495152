"""`BulkHandle`: one action on all runs that a filter shows, blocking; `aio_bulk.py` has its awaiting twin.

job = once.bulk("retry", status="failed", function="report", dry_run=True).wait()
print(job.matched - job.refused, "runs would be sent again")
"""

from __future__ import annotations

from typing import Self

from invoke_once.client.core import bulk
from invoke_once.client.handle import Followed


class BulkHandle(Followed, bulk.BulkView):
    """One bulk job: what was last seen of it, and what can be asked of it. Times are seconds."""

    def stop(self) -> Self:
        """Stop it after the runs that it is at; what it has done stays done."""
        return self._seen(bulk.stop(self._core, self.id))
