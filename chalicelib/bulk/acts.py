"""What a bulk job does to one run: the ordinary move, in the job's name.

Repeatable: the move leaves the job's id on the run, and a run that has it is done.
"""

from __future__ import annotations

from typing import Literal

from chalicelib.runs import dispatch
from chalicelib.service import Service
from invoke_once.life.bulk import Bulk
from invoke_once.life.head import Head
from invoke_once.life.moves import callback_moves
from invoke_once.life.status import REDRIVABLE
from invoke_once.store.store import Applied, Result

Action = Literal["cancel", "retry", "resend"]


def possible(action: Action, head: Head) -> bool:
    """Whether the state that was read allows it; the move itself decides."""
    match action:
        case "cancel":
            return not head.terminal
        case "retry":
            return head.status in REDRIVABLE
        case "resend":
            return head.terminal and head.callback_url is not None


def act(svc: Service, action: Action, job: Bulk, head: Head, by: str | None = None) -> bool:
    """Whether it is done: now, or by this job before. `by`: the id of the token that asked for the job."""
    if head.bulk == job.run_id:
        return True
    if not possible(action, head):
        return False
    result = _made(svc, action, job.run_id, head, by)
    return isinstance(result, Applied) or (result.head is not None and result.head.bulk == job.run_id)


def _made(svc: Service, action: Action, bulk: str, head: Head, by: str | None) -> Result:
    match action:
        case "cancel":
            return dispatch.cancel(svc, head, by, bulk)
        case "retry":
            return dispatch.redrive(svc, head, bulk=bulk)
        case "resend":
            return svc.store.apply(callback_moves.send_again(head, svc.now_ms(), bulk))
