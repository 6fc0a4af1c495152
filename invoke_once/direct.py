"""A direct invocation (a rule, a queue, S3, an SDK, a person) registers itself as a run, and its duplicates find it.

The key is the `key` option's, else the event's own id, else Lambda's request id: a delivery that AWS repeats, and a
call that an SDK fires again, derive the same run id and meet in one conditional write. Nothing of the HTTP service
is needed: the table is enough.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from invoke_once import direct_keys, moves, payloads, recovery, slots
from invoke_once.errors import ConfigurationError, StillRunning, recorded_failure
from invoke_once.lifecycle import Due, Status, is_due
from invoke_once.log import event as log_event
from invoke_once.records import Head
from invoke_once.runtime import Runtime
from invoke_once.store import Refused
from invoke_once.tracked import Handler, Options, run_attempt, time_left_ms

#: A waiting caller gives up this long before Lambda would kill it, and is told the run's id instead.
ANSWER_BEFORE_MS = 2_000
LOOK_EVERY_S = (0.1, 0.2, 0.4, 0.8, 1.0)


def run_direct(rt: Runtime, options: Options, handler: Handler, event: Any, context: Any) -> Any:
    """Run the body once for this event, or answer with what its first run came to."""
    if direct_keys.is_sqs_batch(event):
        return _batch(rt, options, handler, event, context)
    return _one(rt, options, handler, event, context)


def _batch(rt: Runtime, options: Options, handler: Handler, event: Any, context: Any) -> dict[str, Any]:
    """Each message a run; those that failed are reported, the others are not delivered again."""
    failures = []
    for message in event["Records"]:
        try:
            _one(rt, options, handler, {**event, "Records": [message]}, context)
        except Exception as error:
            log_event("message_failed", message_id=message.get("messageId"), reason=type(error).__name__)
            failures.append({"itemIdentifier": message.get("messageId")})
    return {"batchItemFailures": failures}


def _one(rt: Runtime, options: Options, handler: Handler, event: Any, context: Any) -> Any:
    caller = _Caller(rt, options, handler, event, context)
    if options.attach and options.key is None and direct_keys.own_id(event) is None:
        return slots.enter(caller.slot(), caller.begin, caller.follow)
    return caller.begin(direct_keys.key_of(options.key, event, context))


class _Caller:
    """One direct call: it begins a run, or follows the one that is there."""

    def __init__(self, rt: Runtime, options: Options, handler: Handler, event: Any, context: Any) -> None:
        self._rt, self._options, self._handler = rt, options, handler
        self._event, self._context = event, context
        self._function = rt.policy.function or str(getattr(context, "function_name", ""))
        self._deadline_ms = rt.now_ms() + time_left_ms(context)
        if not self._function:
            raise ConfigurationError("ONCE_FUNCTION is not set, and the context names no function")

    def slot(self) -> slots.Slot:
        name = [self._rt.policy.tenant, self._function, payloads.sha(_canonical(self._event))]
        window_ms = int(self._options.attach_seconds * 1000)
        return slots.Slot(self._rt, name, direct_keys.request_id(self._context), window_ms)

    def begin(self, key: str) -> Any:
        """Register under `key` and run the body; refused, follow the run that has the key."""
        policy = self._rt.policy
        new = moves.NewRun(
            policy.tenant, self._function, key, retention_s=policy.retention_s, on_lost=policy.on_lost,
            max_attempts=policy.max_attempts, backoff_ms=policy.backoff_ms, max_backoff_ms=policy.max_backoff_ms,
        )  # fmt: skip
        now_ms = self._rt.now_ms()
        left_ms = self._deadline_ms - now_ms
        lease_ms = min(left_ms, policy.heartbeat_ms) if policy.heartbeat_ms else left_ms
        draft = moves.register(new, now_ms, lease_ms)
        size, expires_at = payloads.item_size(draft.set), draft.set["expires_at"]
        text = payloads.encode(self._event)
        kept = self._rt.payloads.keep_input(new.tenant, new.run_id, text, size, expires_at)
        result = self._rt.store.apply(moves.register(dataclasses.replace(new, payload=kept), now_ms, lease_ms))
        if isinstance(result, Refused):
            return self.follow(result.head)
        return self._run(result.head)

    def _run(self, head: Head) -> Any:
        settled, (value, error) = run_attempt(
            self._rt, self._handler, self._event, self._context, head, self._deadline_ms
        )
        if error is not None:
            raise error
        if settled.head is not None and settled.head.status != Status.SUCCEEDED:
            return self._outcome(settled.head)  # an output that is no JSON, or the watchdog was first
        return value

    def follow(self, found: Head | None) -> Any:
        """What the run with this key came to; while it is live: wait for it (`attach`), or drop this call."""
        if found is not None and not found.terminal and not self._options.attach:
            log_event("duplicate_dropped", run_id=found.run_id, run_status=found.status,
                      metrics={"DuplicatesRefused": 1})  # fmt: skip
            return {"invoke_once": {"run_id": found.run_id, "status": found.status, "duplicate": True}}
        if found is None:
            raise StillRunning("a run that has just expired")
        return self._outcome(self._wait(found))

    def _wait(self, head: Head) -> Head:
        """Read-only, but for an attempt that has vanished: without the service nobody else would end it."""
        tries = 0
        while not head.terminal:
            now_ms = self._rt.now_ms()
            if now_ms > self._deadline_ms - ANSWER_BEFORE_MS:
                raise StillRunning(head.run_id)
            if is_due(head, now_ms) == Due.LOSE:
                why = f"attempt {head.attempt} vanished: its lease ended without an outcome"
                recovery.lose(self._rt.store, head, now_ms, why=why)
            self._rt.sleep(LOOK_EVERY_S[min(tries, len(LOOK_EVERY_S) - 1)])
            tries += 1
            head = self._rt.store.get(head.run_id, self._rt.now_ms()) or head
        return head

    def _outcome(self, head: Head) -> Any:
        if head.status == Status.SUCCEEDED:
            log_event("duplicate_answered", run_id=head.run_id, metrics={"DuplicatesRefused": 1})
            return json.loads(self._rt.payloads.output(head))
        error = payloads.error_of(head) or {"type": "RunCancelled", "message": f"the run was {head.status}"}
        raise recorded_failure(str(error["type"]), str(error["message"]))


def _canonical(event: Any) -> bytes:
    return json.dumps(event, sort_keys=True, separators=(",", ":"), default=str).encode()
