"""One request, one run, a result that is never lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from invoke_once.errors import AttemptSuperseded, ContinueLater, InvokeOnceError, RunCancelled
from invoke_once.handler.current import Run, current_run
from invoke_once.version import __version__ as __version__

if TYPE_CHECKING:
    from invoke_once.client import Once
    from invoke_once.client.aio import AsyncOnce
    from invoke_once.handler.wrapper import tracked

__all__ = [
    # In a handler
    "tracked",
    "current_run",
    "Run",
    "RunCancelled",
    "AttemptSuperseded",
    "ContinueLater",
    # Starting runs
    "Once",
    "AsyncOnce",
    # Errors
    "InvokeOnceError",
]

_LAZY = {
    "tracked": "invoke_once.handler.wrapper",
    "Once": "invoke_once.client.once",
    "AsyncOnce": "invoke_once.client.aio",
}


def __getattr__(name: str) -> Any:
    """Load a half of the library when it is asked for: a handler needs no httpx, a client no pynamodb."""
    if name not in _LAZY:
        raise AttributeError(f"module 'invoke_once' has no attribute {name!r}")
    import importlib

    found = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = found
    return found
