"""Starting runs and waiting for them, from a program: `Once`, and `AsyncOnce` in `aio`.

`core` decides, the two drivers send. May import: httpx and the run's statuses; never AWS, nor what runs in a Lambda.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from invoke_once.client.batch import BatchHandle
    from invoke_once.client.bulk import BulkHandle
    from invoke_once.client.once import Once, Progress, RetryPolicy, RunError, RunHandle, RunInfo

__all__ = ["BatchHandle", "BulkHandle", "Once", "Progress", "RetryPolicy", "RunError", "RunHandle", "RunInfo"]


def __getattr__(name: str) -> Any:
    """Load httpx when a client is asked for: the command line reads profiles and errors without it."""
    if name not in __all__:
        raise AttributeError(f"module 'invoke_once.client' has no attribute {name!r}")
    from invoke_once.client import once

    return getattr(once, name)
