"""`@tracked`: claim the run an event is for, run the handler, record what came of it.

    @tracked                                          an event fired by the service: one claim, one outcome (fired.py)
    @tracked(key="detail.order_id", attach=True)      and a direct call registers itself (direct/)

The module is not called `tracked`, because importing it would put the module over the function `invoke_once.tracked`.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Any, TypeVar, overload

from invoke_once.handler import kinds
from invoke_once.handler.envelope import envelope_of
from invoke_once.handler.fired import run_fired
from invoke_once.handler.options import Handler, Options
from invoke_once.handler.runtime import is_configured, runtime

H = TypeVar("H", bound=Handler)  #: a handler keeps its own signature


@overload
def tracked(handler: H, /) -> H: ...


@overload
def tracked(
    *, key: str | Callable[[Any], str] | None = None, attach: bool = False, attach_seconds: float = 60
) -> Callable[[H], H]: ...


def tracked(
    handler: Handler | None = None,
    /,
    *,
    key: str | Callable[[Any], str] | None = None,
    attach: bool = False,
    attach_seconds: float = 60,
) -> Any:
    """Wrap a Lambda handler: each event it gets is a run, which is claimed once and whose outcome is recorded.

    key             finds the idempotency key of a direct call in its event: a JMESPath, or a function of the event
    attach          a duplicate of a direct call waits for the first one and returns its outcome; else it is dropped
    attach_seconds  without a key: for so long after a run's end an equal call still gets its outcome

    Raises TypeError for an `async def` or a generator, which Lambda does not await, and for an option of another kind.
    """
    kinds.refuse_wrong_options(key, attach, attach_seconds)
    options = Options(key, attach, attach_seconds)
    if handler is None:
        return functools.partial(_wrap, options)
    return _wrap(options, handler)


def _wrap(options: Options, handler: Handler) -> Handler:
    kinds.refuse_wrong(handler)

    @functools.wraps(handler)
    def invoked(event: Any, context: Any) -> Any:
        envelope = envelope_of(event)
        if envelope is not None:
            return run_fired(runtime(), handler, event, context, envelope)
        if not is_configured():
            return _run_as_it_is(handler, event, context)
        from invoke_once.handler.direct.call import run_direct

        kinds.refuse_changed(event)
        return run_direct(runtime(), options, handler, event, context)

    setattr(invoked, kinds.MARK, True)
    return invoked


def _run_as_it_is(handler: Handler, event: Any, context: Any) -> Any:
    """A call outside Lambda, as a function's own unit tests make it: the body, and no run."""
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(
            "a tracked handler is called outside Lambda, and no ONCE_RUNS_TABLE is set: its body runs, no run is "
            "recorded (to test with runs: invoke_once.testing.Bench)",
            stacklevel=3,
        )
    return handler(event, context)


_warned = False
