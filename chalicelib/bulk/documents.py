"""What the outside sees of a bulk job."""

from __future__ import annotations

from typing import Any

from chalicelib.runs.documents import rfc3339
from invoke_once.life.bulk import Bulk

Document = dict[str, Any]


def document(job: Bulk, links_base: str = "/bulk/") -> Document:
    asked, counts, here = job.asked, job.counted, links_base + job.run_id
    return {
        "id": job.run_id,
        "action": asked["action"],
        "filter": asked["filter"],
        "dry_run": asked["dry_run"],
        "status": str(job.status),
        "idempotency_key": job.key,
        **counts._asdict(),
        "stop_requested": job.cancel_requested,
        "created_at": rfc3339(job.created_at),
        "finished_at": rfc3339(job.finished_at),
        "expires_at": rfc3339(job.expires_at * 1000),
        "links": {"self": here, "stop": f"{here}/stop"},
    }


def retry_after_s(job: Bulk, now_ms: int) -> int:
    """When it is worth to look again."""
    return 1 if now_ms - job.created_at < 30_000 else 5
