"""Operations of many steps. `step()` is a flow that gives the next items, or None when there are no more.

A driver runs `while (items := run(steps.step())) is not None: yield from items`, blocking or awaiting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from invoke_once import client_errors
from invoke_once.client.core import flows, replies
from invoke_once.client.core.document import RunInfo
from invoke_once.client.core.effects import Answer, Call, Flow, Lost, Reply, pause, send
from invoke_once.client.core.flows import Core
from invoke_once.client.core.requests import MARGIN_S, START_HOLD_S, WATCH_HOLD_S, run_path
from invoke_once.client.core.retry import retry_after_s, worth_repeating

Item = TypeVar("Item", covariant=True)
PAGE = 100
PATIENCE_S = 300.0  # how long a wait without a deadline puts up with a service that is away
YOUNG_S = 1.0  # a run whose service asks for a look within this is young, and may end at once
ASKED_CAP_S = 60.0  # the longest pause that `Retry-After` may ask for: a run that waits for its delay
POLL_CAP_S = 10.0  # the longest pause where nothing is asked for
EMPTY_PAGES = 5  # of a log, one after the other, that are asked for at once: a busy log group is searched in parts
_LOG_PAUSES_S = (1.0, 1.0, 2.0, 3.0, 5.0)  # between looks at a log that gives nothing new; then as the last


class Steps(Protocol[Item]):
    """Anything with steps."""

    def step(self) -> Flow[Sequence[Item] | None]: ...


class Pages:
    """A list that comes in pages, a page a step; `limit` bounds the items of all of them together."""

    def __init__(self, core: Core, path: str, name: str, query: Mapping[str, Any], limit: int | None = None) -> None:
        self._core, self._path, self._name, self._query, self._left = core, path, name, query, limit
        self._cursor: str | None = None
        self._done = limit is not None and limit <= 0

    def step(self) -> Flow[Sequence[Mapping[str, Any]] | None]:
        if self._done:
            return None
        size = PAGE if self._left is None else min(PAGE, self._left)
        query = {**self._query, "limit": size, "cursor": self._cursor}
        reply = yield from flows.fetch(self._core, self._core.target.call("GET", self._path, query=query))
        items = flows.items_of(reply, self._name)[: self._left]
        self._cursor = replies.json_of(reply).get("next_cursor")
        self._left = None if self._left is None else self._left - len(items)
        self._done = not self._cursor or self._left == 0
        return items


class Runs:
    """The runs that match a query, newest first."""

    def __init__(self, core: Core, query: Mapping[str, Any], limit: int | None = None) -> None:
        self._pages = Pages(core, "/runs", "runs", query, limit)

    def step(self) -> Flow[Sequence[RunInfo] | None]:
        items = yield from self._pages.step()
        return None if items is None else [replies.run_from(item) for item in items]


class Watch:
    """A run's changes until it has ended or time is over; a step gives the run whenever it looks different.

    For the first seconds of a young run it asks the service to hold the call, because a quick one ends there; then it
    looks when `Retry-After` says so: a held call costs the service a whole sandbox. A service that restarts, is busy
    or out of reach is sat out until the deadline, or for `PATIENCE_S` without one. A refusal (401, 404) is raised.
    With `ticks`, a step also ends after a poll that found nothing new; `trouble` says why one got no answer.
    """

    def __init__(
        self,
        core: Core,
        run_id: str,
        seen: RunInfo | None,
        timeout_s: float | None,
        hold_s: int = WATCH_HOLD_S,
        *,
        ticks: bool = False,
    ) -> None:
        self.seen, self.trouble = seen, ""
        self._core, self._run_id, self._ticks = core, run_id, ticks
        now_s = core.seams.clock()
        self._hold_until_s = now_s + min(hold_s, START_HOLD_S)
        self._deadline_s = None if timeout_s is None else now_s + timeout_s
        self._well_s, self._failures, self._idle, self._looked = now_s, 0, 0, False
        self._asked_s = seen.poll_after_s if seen else None

    def step(self) -> Flow[Sequence[RunInfo] | None]:
        while self.seen is None or not self.seen.finished:
            if self._looked and self._left() == 0:
                return None
            hold_s = self._hold()
            if self._looked and not hold_s and not self.trouble:
                yield from self._pause(self._until_next())
            self._looked = True
            answer = yield from send(self._call(hold_s))
            if self._is_trouble(answer):
                yield from self._sit_out(answer)
            elif changed := self._note(answer):
                self._idle = 0
                return [changed]
            else:
                self._idle += 1
                self._hold_until_s = 0.0  # it was held to the end, or the service does not hold now
            if self._ticks and self.seen:
                return [self.seen]
        return None

    def _left(self) -> float | None:
        if self._deadline_s is None:
            return None
        return max(0.0, self._deadline_s - self._core.seams.clock())

    def _hold(self) -> int:
        """Whole seconds to ask for; none before anything is known of the run, and none for one that is not young."""
        if self.seen is None or self.trouble or (self._asked_s or 0.0) > YOUNG_S:
            return 0
        left_s = self._hold_until_s - self._core.seams.clock()
        return max(0, int(left_s if self._deadline_s is None else min(left_s, self._left() or 0.0)))

    def _until_next(self) -> float:
        """The pause before the next look: what the service asks for, else growing."""
        if self._asked_s:
            return min(self._asked_s, ASKED_CAP_S)
        return min(0.5 * 2.0 ** min(self._idle, 8), POLL_CAP_S)

    def _call(self, hold_s: int) -> Call:
        known = {"If-None-Match": self.seen.etag} if self.seen and self.seen.etag else {}
        call = self._core.target.call("GET", run_path(self._run_id), headers=known, hold_s=hold_s)
        left_s = self._left()
        most_s = call.read_timeout_s if left_s is None else min(call.read_timeout_s, left_s + MARGIN_S / 5)
        return Call(call.method, call.url, call.headers, None, most_s)

    def _is_trouble(self, answer: Answer) -> bool:
        """True for what passes: no answer, a busy service, an answer by something in the service's place."""
        if isinstance(answer, Lost):
            return worth_repeating(answer)
        if answer.status == 304:
            return False
        if answer.status == 200:
            return _run_or_none(answer) is None
        return worth_repeating(answer) or not replies.is_ours(answer)

    def _sit_out(self, answer: Answer) -> Flow[None]:
        """Back off; without a deadline, raise what is wrong when it has been wrong for too long."""
        if self._deadline_s is None and self._core.seams.clock() - self._well_s > PATIENCE_S:
            raise self._error(answer)
        self.trouble = str(self._error(answer))
        self._failures += 1
        seconds = self._core.policy.pause_after(answer, self._failures, self._core.seams.chance())
        yield from self._pause(seconds)

    def _note(self, answer: Answer) -> RunInfo | None:
        """Take a good answer in: the run if it looks different, None if not. Raises a refusal."""
        if isinstance(answer, Lost) or answer.status not in (200, 304):
            raise self._error(answer)
        self._well_s, self._failures, self.trouble = self._core.seams.clock(), 0, ""
        self._asked_s = retry_after_s(answer)
        run = self.seen if answer.status == 304 else replies.run_of(answer)
        changed = run if self.seen is None or run != self.seen else None
        self.seen = run
        return changed

    def _pause(self, seconds: float) -> Flow[None]:
        left_s = self._left()
        yield from pause(seconds if left_s is None else min(seconds, left_s))

    def _error(self, answer: Answer) -> client_errors.InvokeOnceError:
        if isinstance(answer, Lost):
            return replies.lost_error(answer, self._core.target.url)
        return replies.error_of(answer)


class LogTail:
    """A run's log lines, oldest first, what there is a step; `follow` goes on until the log is complete.

    The service gives a cursor for as long as the log may grow, also for some seconds after the run has ended.
    The last page is asked for again, and what was given of it before is left out.
    """

    def __init__(self, core: Core, run_id: str, attempt: int | None = None, follow: bool = False) -> None:
        self.complete = False
        self._core, self._run_id, self._attempt, self._follow = core, run_id, attempt, follow
        self._cursor: str | None = None
        self._given = 0  # of the page at the cursor

    def step(self) -> Flow[Sequence[Mapping[str, Any]] | None]:
        idle = 0
        while not (events := (yield from self.new())):
            if self.complete or not self._follow:
                return None
            yield from pause(_LOG_PAUSES_S[min(idle, len(_LOG_PAUSES_S) - 1)])
            idle += 1
        return events

    def new(self) -> Flow[Sequence[Mapping[str, Any]]]:
        """What came since the last call, over as many pages as it takes."""
        events: list[Mapping[str, Any]] = []
        more, empty = not self.complete, 0
        while more and empty < EMPTY_PAGES:
            page, more = yield from self._page()
            events += page
            empty = 0 if page else empty + 1
        return events

    def _page(self) -> Flow[tuple[Sequence[Mapping[str, Any]], bool]]:
        """The new events of the page at the cursor, and whether there is another page: also behind an empty one."""
        query = {"attempt": self._attempt, "cursor": self._cursor}
        call = self._core.target.call("GET", run_path(self._run_id, "/logs"), query=query)
        reply = yield from flows.fetch(self._core, call)
        events, following = flows.items_of(reply, "events"), replies.json_of(reply).get("next_cursor")
        new, self.complete = events[self._given :], not following
        if not following or following == self._cursor:
            self._given = len(events)
            return new, False
        self._cursor, self._given = str(following), 0
        return new, True


def wait(core: Core, run_id: str, seen: RunInfo | None, timeout_s: float | None) -> Flow[RunInfo]:
    """The run when it has ended. Raises WaitTimeout when `timeout_s` is over before."""
    watch = Watch(core, run_id, seen, timeout_s)
    while (yield from watch.step()) is not None:
        pass
    if watch.seen is None or not watch.seen.finished:
        raise client_errors.WaitTimeout(run_id, watch.seen, timeout_s or 0.0)
    return watch.seen


def _run_or_none(reply: Reply) -> RunInfo | None:
    try:
        return replies.run_of(reply)
    except client_errors.UnexpectedReply:
        return None
