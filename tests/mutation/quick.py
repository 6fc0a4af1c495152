"""The quick way to try a mistake: in a process that has collected the tests already, a changed function gets its code.

A fork of that process runs the tests, so that nothing is left of a mistake. What is done at import has been done by
then: a mistake there is tried the slow way, and so is one that changes no function.
"""

from __future__ import annotations

import gc
import shutil
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import IO, Any

import pytest

from tests.mutation.mistakes import Mistake
from tests.mutation.touched import Lines, noting

NOTICED, SURVIVED, UNABLE = "noticed", "survived", "unable"
_NOBODY, _SOMEBODY, _NOT_SO, _HUNG = 0, 1, 2, 3  #: exit codes of a fork


class Server:
    """A plugin of pytest: instead of running the tests it answers, for each number of a mistake, who noticed."""

    def __init__(
        self,
        questions: IO[str],
        answers: IO[str],
        choose: Callable[[int], tuple[Mistake, Sequence[str], float]],
        run: Callable[[Callable[[], int], float], int | None],
    ) -> None:
        self._questions, self._answers, self._choose, self._run = questions, answers, choose, run
        self._done_at_import: Lines = {}
        self._noticed_by = Counter[str]()  #: who has noticed most is asked first
        self._passes: dict[str, bool] = {}  #: of tests that have noticed something: without a mistake it passes
        self._note = Path(tempfile.mkdtemp(prefix="mutation-")) / "noticed"

    def watch_imports(self, roots: tuple[str, ...]) -> None:
        """Until the tests are collected: which lines of the product are run by importing it."""

        def called(frame: FrameType, event: str, arg: Any) -> Any:
            file = frame.f_code.co_filename
            if not file.startswith(roots):
                return None
            return noting(self._done_at_import.setdefault(file, set()))(frame, event, arg)

        threading.settrace(called)
        sys.settrace(called)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]
        items = {item.nodeid: item for item in session.items}
        for question in self._questions:
            mistake, tests, limit_s = self._choose(int(question))
            self._answers.write(
                f"{self._verdict(session, mistake, [items[t] for t in tests if t in items], limit_s)}\n"
            )
            self._answers.flush()
        shutil.rmtree(self._note.parent, ignore_errors=True)
        return True

    def _verdict(self, session: pytest.Session, mistake: Mistake, tests: Sequence[pytest.Item], limit_s: float) -> str:
        if set(mistake.lines) & self._done_at_import.get(str(mistake.path), set()):
            return UNABLE
        tests = sorted(tests, key=lambda test: -self._noticed_by[test.nodeid])
        code, who = self._noticed(session, tests, limit_s, mistake)
        while who is not None and not self._passes_by_itself(session, who, limit_s):
            tests = [test for test in tests if test != who]
            code, who = self._noticed(session, tests, limit_s, mistake)
        self._noticed_by.update([who.nodeid] if who is not None else [])
        return {_NOBODY: SURVIVED, _NOT_SO: UNABLE}.get(code, NOTICED)

    def _passes_by_itself(self, session: pytest.Session, test: pytest.Item, limit_s: float) -> bool:
        """Without a mistake."""
        if test.nodeid not in self._passes:
            self._passes[test.nodeid] = self._noticed(session, [test], limit_s)[0] == _NOBODY
        return self._passes[test.nodeid]

    def _noticed(
        self, session: pytest.Session, tests: Sequence[pytest.Item], limit_s: float, mistake: Mistake | None = None
    ) -> tuple[int, pytest.Item | None]:
        """How a fork ended that ran them, and the test that failed; none, where it hung or took its process with it."""
        self._note.unlink(missing_ok=True)
        code = self._run(lambda: self._try(session, tests, mistake), limit_s)
        who = self._note.read_text() if self._note.exists() else None
        return _HUNG if code is None else code, next((test for test in tests if test.nodeid == who), None)

    def _try(self, session: pytest.Session, tests: Sequence[pytest.Item], mistake: Mistake | None = None) -> int:
        if mistake is not None and not planted(mistake):
            return _NOT_SO
        failed = session.testsfailed
        for n, test in enumerate(tests):
            following = tests[n + 1] if n + 1 < len(tests) else None
            test.config.hook.pytest_runtest_protocol(item=test, nextitem=following)
            if session.testsfailed > failed:
                self._note.write_text(test.nodeid)
                return _SOMEBODY
        return _NOBODY


def planted(mistake: Mistake) -> bool:
    """Give the functions that live the code they would have had with the mistake. False: it is in none of them."""
    file = str(mistake.path)
    was, now = (_codes(compile(text, file, "exec", dont_inherit=True)) for text in (mistake.text, mistake.planted()))
    live = [one for one in gc.get_objects() if type(one) is FunctionType and one.__code__.co_filename == file]
    changed = False
    for function in live:
        name = function.__code__.co_qualname
        before, after = was.get(name, []), now.get(name, [])
        same = [n for n, code in enumerate(before) if _same(code, function.__code__)]
        if len(before) != len(after) or not same:
            continue
        other = after[same[0]]
        if (other.co_code, *_held(other)) == (function.__code__.co_code, *_held(function.__code__)):
            continue
        try:
            function.__code__ = other
        except ValueError:  # it closes over other names
            return False
        changed = True
    return changed


def _same(one: CodeType, other: CodeType) -> bool:
    return one.co_firstlineno == other.co_firstlineno and (one.co_code, *_held(one)) == (other.co_code, *_held(other))


def _held(code: CodeType) -> tuple[Any, Any]:
    return code.co_consts, code.co_names


def _codes(code: CodeType) -> dict[str, list[CodeType]]:
    """Those of its functions by their name, in the order of the text."""
    found: dict[str, list[CodeType]] = {}
    for one in _within(code):
        found.setdefault(one.co_qualname, []).append(one)
    return found


def _within(code: CodeType) -> Iterator[CodeType]:
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield one
            yield from _within(one)
