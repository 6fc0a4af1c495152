"""A batch that is due, as `attend` finds it: look at it while it runs, have its outcome told when it has ended."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.batches import records
from chalicelib.batches.look import LARGE, look
from chalicelib.service import Service
from invoke_once.life import moves
from invoke_once.life.due import Due, is_due, next_look_ms
from invoke_once.life.head import Head

PREFIX = "batch_"

Deliver = Callable[[Service, Head], None]


def attend(svc: Service, batch_id: str, deliver: Deliver, *, threads: int = records.THREADS, large: int = LARGE) -> Due:
    """Do what is due for the batch and return it: what its end asks for too, where this look has ended it."""
    batch = records.find(svc, batch_id)
    if batch is not None and batch.running and look(svc, batch, threads=threads, large=large):
        batch = records.find(svc, batch_id)
    if batch is None or batch.running:
        return Due.NOTHING
    due = is_due(batch, svc.now_ms())
    if due == Due.DELIVER:
        deliver(svc, batch)
    elif due != Due.NOTHING:
        svc.store.apply(moves.rearm(batch, next_look_ms(batch, svc.now_ms()) if due == Due.REARM else None))
    return due
