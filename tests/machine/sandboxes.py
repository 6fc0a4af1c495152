"""Lambda as the targets meet it: an event is delivered, an attempt ends, dies, or comes back late."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from chalicelib.destinations.record import record
from chalicelib.service import Service
from invoke_once.errors import RecordedFailure, RunCancelled, StillRunning, StoreUnavailable
from invoke_once.handler.attempt import Attempt
from invoke_once.handler.current import current_run
from invoke_once.handler.envelope import Envelope, envelope_of
from invoke_once.handler.fired import claim_run
from invoke_once.handler.outcomes import out_of_time, raised, returned
from invoke_once.handler.runtime import Runtime, use_runtime
from invoke_once.handler.wrapper import tracked
from invoke_once.store.marshal import dumps
from invoke_once.store.store import Applied, Result
from invoke_once.testing import Clock, Context
from tests.machine.faults import Crash, Plan
from tests.machine.history import SEEN, Actor, History, WatchedTable, need
from tests.machine.stage import DIED, FUNCTIONS
from tests.machine.workers import MAX_DELIVERIES, Event, Worker, unwrapped


class Sandboxes:
    """The half of the world in which handlers run."""

    clock: Clock
    history: History
    table: WatchedTable
    workers: list[Worker]
    reports: list[dict[str, Any]]
    outputs: dict[str, set[bytes]]

    def runtime(self, actor: Actor, plan: Plan, function: str) -> Runtime:
        raise NotImplementedError

    def deliver_event(self, event: Event, skew_ms: int, plan: Plan) -> Worker | None:
        """Lambda runs the function for this event: the attempt that came of it, or None."""
        event.deliveries += 1
        timeout_ms = FUNCTIONS[event.function].timeout_seconds * 1000
        killed_at_ms = self.clock() + timeout_ms
        if FUNCTIONS[event.function].mode == "destination":
            worker = unwrapped(event, killed_at_ms)
            self.workers.append(worker)
            return worker
        envelope = envelope_of(event.body)
        assert envelope is not None
        actor = Actor("worker", skew_ms)
        rt = self.runtime(actor, plan, event.function)
        context = Context(self.clock, timeout_ms)
        try:
            result, attempt = self.begin(rt, event, envelope, context)
        except StoreUnavailable as error:
            self._report(event, {"errorType": "Runtime.HandlerError", "errorMessage": str(error)})
            raise
        except Crash:
            # Lambda reports when it has given the event up. A duplicate of that very event: see guarantees.md
            if not any(w.event is event and w.live(self.clock()) for w in self.workers):
                event.deliveries = MAX_DELIVERIES
                self._report(event, DIED)
            raise
        if not isinstance(result, Applied):
            need(actor.writes == 0, "I6", "a claim that was written was taken for somebody else's")
            SEEN["duplicate event refused"] += 1
            return None
        head = result.head
        need(head.generation == envelope.generation, "I4", "an event of one life claimed another")
        worker = Worker(head.run_id, head.generation, head.attempt, head.lease_id or "", event, actor, killed_at_ms,
                        wrapped=True, attempt=attempt)  # fmt: skip
        worker.beats(self.clock())
        actor.worker = worker
        self.workers.append(worker)
        return worker

    def begin(self, rt: Runtime, _event: Event, envelope: Envelope, context: Context) -> tuple[Result, Attempt | None]:
        """Claim the run of an event: how that went, and the attempt that came of it."""
        result, deadline_ms = claim_run(rt, envelope, context)
        return result, Attempt(rt, result.head, deadline_ms) if isinstance(result, Applied) else None

    def call_directly(
        self, function: str, key: str, attach: bool, actor: Actor, plan: Plan, meanwhile: Callable[[], object], how: str
    ) -> None:
        """A rule, a queue or an SDK calls the function; `meanwhile` happens while its body is at work, if it is."""
        rt = self.runtime(actor, plan, function)
        timeout_ms = FUNCTIONS[function].timeout_seconds * 1000

        @tracked(key="key", attach=attach)
        def handler(_event: Any, _context: Any) -> Any:
            run = current_run()
            worker = self.direct_worker(function, actor, timeout_ms, run.id, run.attempt)
            try:
                meanwhile()
                if how in ("value", "large"):
                    self.outputs[worker.lease_id].add(dumps(worker.lease_id))
                    return worker.lease_id
                raise RunCancelled if how == "cancelled" else RuntimeError("no")
            finally:
                worker.done = True

        context = Context(self.clock, timeout_ms, f"request-{len(self.workers)}")
        with use_runtime(rt), suppress(RuntimeError, StillRunning, RecordedFailure, RunCancelled):
            handler({"key": key}, context)

    def direct_worker(self, function: str, actor: Actor, timeout_ms: int, run_id: str, attempt: int) -> Worker:
        """The body of a direct call is at work."""
        item = self.table.items[run_id, "head"]
        event = Event(function, b"{}", self.clock(), MAX_DELIVERIES)
        worker = Worker(run_id, item["generation"], attempt, item["lease_id"], event, actor,
                        self.clock() + timeout_ms, wrapped=True, direct=True)  # fmt: skip
        worker.beats(self.clock())
        actor.worker = worker
        self.workers.append(worker)
        SEEN["direct body"] += 1
        return worker

    def finish(self, worker: Worker, how: str) -> None:
        """The body returns or raises, or the watchdog comes first; in time, or as a zombie."""
        worker.done = True
        noise = random.Random(worker.lease_id).randbytes(9_000).hex() if how == "large" else ""
        value = {"by": worker.lease_id, "noise": noise}
        if not worker.wrapped:
            self._finish_unwrapped(worker, how, value)
            return
        assert worker.attempt is not None
        outcome = {
            "large": lambda: returned(value),
            "value": lambda: returned(value),
            "raise": lambda: raised(RuntimeError("no")),
            "cancelled": lambda: raised(RunCancelled()),
            "not json": lambda: returned({1, 2}),
            "timeout": lambda: out_of_time(30.0),
        }[how]()
        if outcome.output is not None:
            self.outputs[worker.lease_id].add(outcome.output)
        before = worker.actor.writes
        settled = worker.attempt.settle(outcome)
        need(
            isinstance(settled, Applied) or worker.actor.writes == before, "I1", "one's own outcome was not recognised"
        )

    def _finish_unwrapped(self, worker: Worker, how: str, value: Any) -> None:
        if how in ("value", "large", "cancelled", "not json"):
            self.outputs[worker.lease_id].add(dumps(value))
            self._report(worker.event, value, "Success")
        else:
            self._report(worker.event, {"errorType": "Error", "errorMessage": "no"})

    def kill(self, worker: Worker) -> None:
        worker.dead = True
        self._report(worker.event, DIED)

    def _report(self, event: Event, told: Any, condition: str = "RetriesExhausted") -> None:
        self.reports.append({"requestContext": {"condition": condition}, "requestPayload": event.body,
                             "responsePayload": told})  # fmt: skip

    def take_report(self, svc: Service, report: dict[str, Any]) -> None:
        before, self.history.seen_dead = self.history.seen_dead, True
        try:
            record(svc, report)
        finally:
            self.history.seen_dead = before
