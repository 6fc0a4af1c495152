"""Two plugins of pytest: which lines of the product each test runs, and a run of a few tests with a mistake planted."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

import pytest

Lines = dict[str, set[int]]  #: by file


def noting(lines: set[int]) -> Callable[[FrameType, str, Any], Any]:
    """A trace function that notes each line of what it is called in."""

    def within(frame: FrameType, _event: str, _arg: Any) -> Any:
        lines.add(frame.f_lineno)
        return within

    return within


class Touched:
    """Traces each test by itself: `lines[test]`, and `seconds[test]` that it took, slowed by the tracing."""

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = tuple(f"{root}{os.sep}" for root in roots)
        self._others = set[str]()
        self._now: Lines = {}
        self.lines: dict[str, Lines] = {}
        self.seconds: dict[str, float] = {}
        self.failed: list[str] = []

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [one for one in items if _needs_no_table(one)]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._now, began = {}, time.perf_counter()
        threading.settrace(self._called)
        sys.settrace(self._called)
        try:
            return (yield)  # type: ignore[misc]
        finally:
            sys.settrace(None)
            threading.settrace(None)  # type: ignore[arg-type]
            self.lines[item.nodeid], self.seconds[item.nodeid] = self._now, time.perf_counter() - began

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)

    def _called(self, frame: FrameType, event: str, arg: Any) -> Any:
        file = frame.f_code.co_filename
        if file in self._others:
            return None
        if not file.startswith(self._roots):
            self._others.add(file)
            return None
        return noting(self._now.setdefault(file, set()))(frame, event, arg)


def _needs_no_table(item: pytest.Item) -> bool:
    """A test that runs on either engine: not the one on the real table."""
    given = getattr(item, "callspec", None)
    return given is None or "dynamodb" not in [value for value in given.params.values() if isinstance(value, str)]


class Chosen:
    """Runs these tests alone, in this order."""

    def __init__(self, tests: Sequence[str]) -> None:
        self._places = {test: n for n, test in enumerate(tests)}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted(
            (one for one in items if one.nodeid in self._places), key=lambda one: self._places[one.nodeid]
        )


class Planted(importlib.machinery.SourceFileLoader):
    """Gives one module another text. First on `sys.meta_path`, before anybody imports it."""

    def __init__(self, name: str, path: Path, text: str) -> None:
        super().__init__(name, str(path))
        self._planted = text

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> Any:
        return importlib.util.spec_from_file_location(name, self.path, loader=self) if name == self.name else None

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._planted, self.path, "exec", dont_inherit=True)
