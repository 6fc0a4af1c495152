"""`GET /runs/{run_id}/logs`: what the run's attempts wrote, oldest first.

The attempts' first lines are found in the target's log group, then each one's stream is read from there to that
attempt's end (log_reader.py; log_lines.py has what counts as whose). A function nobody wrapped prints no such line,
and its log cannot be told apart by run: no events. A function that has left functions.toml has none either: the
role reads no other logs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from chalice.app import Response
from msgspec import Meta

from chalicelib.api import cursor, problems, schemas
from chalicelib.api.call import Call, reply_json
from chalicelib.api.log_lines import Claim
from chalicelib.api.log_reader import EARLY_MS, Logs, Page, Position, Search
from chalicelib.api.routes import Answer, Routes
from chalicelib.api.runs import find
from chalicelib.functions import target_of
from invoke_once.life.head import Head

routes = Routes(__name__, tag="runs")

LATE_MS = 15_000  #: what an ended run wrote may show up this much later
FOREIGN_CLAIMS = 50  #: other runs' claims in a page that are looked up; further ones are taken for real


class LogQuery(msgspec.Struct, frozen=True):
    attempt: Annotated[int, Meta(ge=1, le=999_999, description="of this attempt alone")] | None = None
    limit: Annotated[int, Meta(ge=1, le=500, description="at most this many lines")] = 500
    cursor: schemas.Cursor | None = None


@routes.route("/runs/{run_id}/logs", methods=["GET"])
@routes.operation({200: Answer("a page of lines", "LogPage")}, scope="runs:read", query=LogQuery)
def show_logs(call: Call, run_id: str) -> Response:
    """The log lines of a run's attempts, oldest first.

    Of functions that are wrapped and in functions.toml; CloudWatch shows a line some seconds after it was written.
    """
    head, query = find(call, run_id), schemas.read_query(call.query, LogQuery)
    page, attempt, given = Page(query.limit), query.attempt, query.cursor
    asked = ["logs", call.tenant, head.run_id, head.generation, attempt]
    at = _beginning(head, attempt) if given is None else _position(call, asked, given)
    if head.mode is not None or head.function not in call.service.functions:
        return reply_json({"events": [], "next_cursor": None})
    before = msgspec.to_builtins(at)
    following = None
    if _read(call, head, attempt, at, page):
        here = msgspec.to_builtins(at)
        unmoved = given is not None and here == before
        following = given if unmoved else cursor.seal(call.backend.cursor_keys, asked, here, call.began_ms)
    return reply_json({"events": page.events, "next_cursor": following})


def _beginning(head: Head, attempt: int | None) -> Position:
    """The first attempt began at `started_at`; of a redriven run that is the first since then."""
    first_ms = head.created_at if head.started_at is None or head.extra_attempts else head.started_at
    until_ms = 0 if head.finished_at is None else head.finished_at + EARLY_MS
    return Position(Search(max(first_ms - EARLY_MS, 0), until_ms), attempt or 0)


def _position(call: Call, asked: Sequence[object], given: str) -> Position:
    found = cursor.unseal(call.backend.cursor_keys, asked, given, call.began_ms)
    try:
        return msgspec.convert(found, Position)
    except msgspec.ValidationError:  # of a version before
        raise problems.InvalidCursor("This cursor is of an earlier version: begin anew.") from None


def _read(call: Call, head: Head, attempt: int | None, at: Position, page: Page) -> bool:
    """Fill the page from `at`, which moves on. Returns whether there is, or may come, more behind it."""
    if head.attempt == 0:
        return not head.terminal
    logs = Logs(call.backend.logs(), _group(call, head), _Confirmed(call))
    found = [c for c in logs.claims(head, at.search) if c.attempt >= at.attempt and attempt in (None, c.attempt_number)]
    known = [] if at.claim is None else [at.claim]
    claims = known + [c for c in found if not known or c.attempt > known[0].attempt]
    settled = head.terminal and call.began_ms - (head.finished_at or 0) > LATE_MS
    for claim in claims:
        if claim is not at.claim:
            at.enter(claim)
        end = logs.read(head, claim, at, page)
        last = claim is claims[-1] and at.search.token is None
        if end == "more" or (end == "dry" and last and not settled):
            _search_from(at, claim)
            return True
        at.leave(claim)
    if at.search.token is not None:
        return attempt is None or not claims
    if claims:
        _search_from(at, claims[-1])
    wanted = attempt is None or attempt >= at.attempt - head.legs
    return wanted and not settled and (not head.terminal or at.attempt <= head.attempt)


def _search_from(at: Position, claim: Claim) -> None:
    """What comes after began later; but a search that is under way goes on as it began."""
    if at.search.token is None:
        at.search.since_ms = max(claim.at_ms - EARLY_MS, at.search.since_ms)


def _group(call: Call, head: Head) -> str:
    function = call.service.functions[head.function]
    return function.log_group or f"/aws/lambda/{target_of(function).name}"


class _Confirmed:
    """Whether a claim that a line tells of is real: the head that it names has its token, or is gone by now."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._known: dict[str, str | None] = {}

    def __call__(self, run_id: str, token: str) -> bool:
        if not token:
            return True
        if run_id not in self._known:
            if len(self._known) >= FOREIGN_CLAIMS:
                return True
            head = self._call.service.store.get(run_id, self._call.began_ms, consistent=False)
            self._known[run_id] = token if head is None else head.claim_token
        return self._known[run_id] == token
