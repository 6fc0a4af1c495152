"""Look at one run and do what is due: fire it, fire it again, expire it, give a lost attempt up, deliver its callback.

Woken by the stream, the wake queue and the sweep (triggers.py); any number of times, at any moment, by several
at once. Each step is one conditional move, made before anything is fired: of two attendants one wins, and one that
dies in between leaves a run that is due again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chalicelib.due import gated, jobs
from chalicelib.runs import dispatch
from chalicelib.service import Service, several
from invoke_once import log
from invoke_once.handler import recovery
from invoke_once.life import moves
from invoke_once.life.due import Due, is_due, next_look_ms
from invoke_once.life.head import Head
from invoke_once.store.payloads import error_fields, error_of
from invoke_once.store.store import Applied, Result

#: A run needs at most: lose, release, and a look at what came of it.
MAX_STEPS = 4

Deliver = Callable[[Service, Head], None]


def attend(svc: Service, run_id: str, deliver: Deliver) -> Due:
    """Do what is due for `run_id` and return the last thing done. `deliver` sends a callback, or has it sent."""
    if run_id.startswith(jobs.PREFIXES):
        return jobs.attend(svc, run_id, deliver)
    if run_id.startswith(gated.PREFIXES):
        return gated.look_at(svc, run_id, lambda held: attend(svc, held, deliver))
    done = Due.NOTHING
    for _ in range(MAX_STEPS):
        head = svc.store.get(run_id, svc.now_ms())
        if head is None:
            return done
        due = is_due(head, svc.now_ms())
        if due == Due.NOTHING:
            return done
        done = due
        if due == Due.DELIVER:
            deliver(svc, head)
            return done
        if not _step(svc, head, due):
            return done
    return done


def attend_to_all(svc: Service, run_ids: Sequence[str], deliver: Deliver) -> dict[str, Due | None]:
    """What was done for each; None where it raised, which does not stop the others. None waits for another."""
    with several(max(len(run_ids), 1)) as each:
        return dict(each(lambda run_id: (run_id, attend_safely(svc, run_id, deliver)), run_ids))


def attend_safely(svc: Service, run_id: str, deliver: Deliver) -> Due | None:
    """`attend`; None where it raised: the run stays due, and the sweep comes by again."""
    try:
        return attend(svc, run_id, deliver)
    except Exception as error:  # whatever is wrong with one run must not stop the others
        log.event("attend_failed", run_id=run_id, reason=type(error).__name__, metrics={"AttendFailed": 1})
        return None


def _step(svc: Service, head: Head, due: Due) -> bool:
    """One move, and the fire that follows it. True: look again, there may be more."""
    if due in _AT_GATES and gated.keep_back(svc, head, due):
        return False
    result = _move(svc, head, due)
    if not isinstance(result, Applied):
        return False  # somebody else did it
    log.event("attended", run_id=head.run_id, attempt=head.attempt, did=due, metrics=_METRICS.get(due))
    if due in (Due.RELEASE, Due.DISPATCH):
        return dispatch.fire(svc, result.head).terminal
    return due in (Due.LOSE, Due.EXPIRE)


#: What a gate may keep a run from.
_AT_GATES = (Due.RELEASE, Due.DISPATCH, Due.EXPIRE, Due.ASK)
#: A lost attempt is counted where it is given up (`recovery.lose`), whoever saw it.
_METRICS = {
    Due.RELEASE: {"Released": 1},
    Due.DISPATCH: {"Redispatched": 1},
    Due.EXPIRE: {"Expired": 1},
    Due.REARM: {"Rearmed": 1},
    Due.DISARM: {"Rearmed": 1},
}


def _last_reason(head: Head) -> str:
    told = error_of(head)
    return f"; at last: {told.get('type')}: {told.get('message')}" if told else ""


def _move(svc: Service, head: Head, due: Due) -> Result:
    now_ms = svc.now_ms()
    match due:
        case Due.RELEASE:
            return svc.store.apply(moves.release(head, now_ms, gated.paused_ms(svc, head)))
        case Due.DISPATCH:
            return svc.store.apply(moves.dispatch(head, now_ms))
        case Due.EXPIRE:
            waited_s = head.queue_ms / 1000
            why = f"nothing claimed the run within its queue timeout of {waited_s:g} s{_last_reason(head)}"
            error = error_fields("Expired", why)
            return svc.store.apply(moves.expire(head, now_ms, error))
        case Due.LOSE:
            why = f"attempt {head.attempt_number} vanished: its lease ended without an outcome"
            return recovery.lose(svc.payloads, head, now_ms, why=why, spread=svc.spread)
        case Due.REARM:
            return svc.store.apply(moves.rearm(head, next_look_ms(head, now_ms)))
        case _:
            return svc.store.apply(moves.rearm(head, None))
