"""Carries flows out by blocking."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import httpx

from invoke_once.client.core import adapter, steps
from invoke_once.client.core.effects import Answer, Call, Flow

T = TypeVar("T")


class Driver:
    """Carries flows out by blocking."""

    def __init__(self, client: httpx.Client, sleep: Callable[[float], None]) -> None:
        self._client, self._sleep = client, sleep

    def run(self, flow: Flow[T]) -> T:
        """Do what the flow asks for until it returns."""
        answer: Answer | None = None
        while True:
            try:
                effect = flow.send(answer)
            except StopIteration as end:
                result: T = end.value
                return result
            answer = None
            if isinstance(effect, Call):
                answer = self._send(effect)
            else:
                self._sleep(effect.seconds)

    def each(self, source: steps.Steps[T]) -> Iterator[T]:
        """Every item of every step."""
        while (items := self.run(source.step())) is not None:
            yield from items

    def _send(self, call: Call) -> Answer:
        try:
            return adapter.reply(self._client.send(adapter.request(self._client, call)))
        except adapter.FAILURES as error:
            return adapter.lost(error)
