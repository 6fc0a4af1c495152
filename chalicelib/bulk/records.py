"""Bulk jobs in the store: found and moved."""

from __future__ import annotations

from chalicelib.service import Service
from invoke_once.life.bulk import Bulk
from invoke_once.life.head import BULK
from invoke_once.life.move import Move
from invoke_once.store.store import Written

PREFIX = "bulk_"


def find(svc: Service, bulk_id: str) -> Bulk | None:
    """The job, or None: also when its retention is over."""
    item = svc.store.part(bulk_id, BULK)
    job = Bulk.from_item(item) if item else None
    return None if job is None or job.expired_at(svc.now_ms()) else job


def made(svc: Service, move: Move) -> Bulk | None:
    """The job after a move of it; None: it was refused."""
    outcome = svc.store.put_part(move)
    return Bulk.from_item(outcome.item) if isinstance(outcome, Written) else None
