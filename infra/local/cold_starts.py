"""As many cold starts at once as the machine has cores; who waits for one takes an environment that is free before.

What ministack 1.5.33 does: `acquire_worker` (core/lambda_runtime.py, line 1591) starts a process for every invocation
that finds none free. Hundreds of events at once are then hundreds of processes that start side by side for minutes, and
nothing else is answered meanwhile. On AWS each environment has a machine of its own, and events wait in a queue.
What this adds: an invocation that finds none free waits until it may start one, or until one is free again.
Imported by the launcher alone: it needs ministack.
"""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

LOOK_AGAIN_S = 0.1

_acquire: Callable[..., tuple[Any, str]] = lambda_runtime.acquire_worker
_release: Callable[[Any], None] = lambda_runtime.release_worker
_spawn: Callable[[Any], None] = lambda_runtime.Worker._spawn
_may_start = threading.BoundedSemaphore(max(2, os.cpu_count() or 2))
_given_back: defaultdict[str, threading.Condition] = defaultdict(threading.Condition)


def install() -> None:
    lambda_svc.acquire_worker = _waiting_acquire
    lambda_svc.release_worker = _telling_release
    lambda_runtime.Worker._spawn = _counted_spawn


def _waiting_acquire(
    name: str, config: dict[str, Any], code: bytes, qualifier: str = "$LATEST", max_concurrency: int | None = None
) -> tuple[Any, str]:
    key = lambda_runtime._worker_key(name, config, qualifier)
    while not _has_free(key):
        if _may_start.acquire(blocking=False):
            worker, how = _acquire(name, config, code, qualifier, max_concurrency)
            if how == "spawn":
                worker.starting = True
            else:
                _may_start.release()
            return worker, how
        with _given_back[key]:
            _given_back[key].wait(LOOK_AGAIN_S)
    return _acquire(name, config, code, qualifier, max_concurrency)


def _has_free(key: str) -> bool:
    with lambda_runtime._lock:
        return any(not worker.in_use for worker in lambda_runtime._workers.get(key, ()))


def _counted_spawn(worker: Any) -> None:
    try:
        _spawn(worker)
    finally:
        _started(worker)


def _started(worker: Any) -> None:
    if worker.__dict__.pop("starting", False):
        _may_start.release()


def _telling_release(worker: Any) -> None:
    _release(worker)
    if worker is not None:
        _started(worker)
        key = lambda_runtime._worker_key(worker.func_name, worker.config, worker.config.get("Version", "$LATEST"))
        with _given_back[key]:
            _given_back[key].notify()
